//! Whether this user can use a store: the owner and the rights of each of its folders, and of the files that every
//! build writes to.
//!
//! One `sudo cargo build` leaves folders and files that belong to root. Later builds of the user store nothing there, and
//! may not even be able to record that. So commands check it themselves.

use std::path::{Path, PathBuf};

use crate::index;
use crate::store::{Bucket, Store};
use crate::sys::fs::{private, settle};
use crate::sys::{clock, fs};

/// What keeps this user from using a store, or lets others change it.
#[derive(Debug, Default)]
pub struct Obstacles {
    cache_dir: PathBuf,
    /// The cache directory is a file or something else.
    is_no_directory: bool,
    /// What belongs to another user, unless the store is shared.
    pub foreign: Vec<PathBuf>,
    /// What should be writable, and is not.
    pub unwritable: Vec<PathBuf>,
    /// Folders that everybody can write to.
    pub open: Vec<PathBuf>,
    /// Some of what belongs to another user cannot be written to.
    is_locked_out: bool,
}

/// Looks at every folder of the cache directory, and at the files that every build writes to. What is not there is no
/// obstacle.
pub fn look(cache_dir: &Path) -> Obstacles {
    let mut found = Obstacles { cache_dir: cache_dir.to_owned(), ..Obstacles::default() };
    match fs::metadata(cache_dir) {
        Ok(metadata) if metadata.is_dir() => {}
        other => {
            found.is_no_directory = other.is_ok();
            return found;
        }
    }
    let root = Store::at(cache_dir).root().to_owned();
    let records = Store::records_dir(cache_dir);
    let today = records.join(format!("{}.jsonl", clock::date(clock::now_ms())));
    let buckets = Bucket::ALL.map(|bucket| root.join(bucket.name()));
    found.look_at(cache_dir);
    found.look_at(&cache_dir.join("store"));
    found.look_at(&root);
    for name in ["tmp", "quarantine", "memo"] {
        found.look_at(&root.join(name));
    }
    for bucket in &buckets {
        found.look_at(bucket);
        for folder in fs::list(bucket).unwrap_or_default() {
            found.look_at(&folder);
        }
    }
    found.look_at(&records);
    found.look_at(&today);
    for name in ["gc.lock", "gc.stamp", "scrub.json", "uploads"] {
        found.look_at(&cache_dir.join(name));
    }
    found.look_at(&index::open::path(cache_dir));
    found
}

impl Obstacles {
    fn look_at(&mut self, path: &Path) {
        let Ok(metadata) = fs::metadata(path) else { return };
        let is_writable = settle::is_writable(path);
        if !fs::is_own(&metadata) && !private::is_shared() {
            self.foreign.push(path.to_owned());
            self.is_locked_out |= !is_writable;
        } else if !is_writable {
            self.unwritable.push(path.to_owned());
        } else if metadata.is_dir() && settle::mode(&metadata) & 0o002 != 0 {
            self.open.push(path.to_owned());
        }
    }

    /// Whether builds of this user are cached as they should be.
    pub fn is_none(&self) -> bool {
        !self.hinders_builds() && self.open.is_empty()
    }

    /// Whether builds of this user are not cached, or not all of them.
    pub fn hinders_builds(&self) -> bool {
        self.is_no_directory || !self.foreign.is_empty() || !self.unwritable.is_empty()
    }

    /// The worst obstacle, in one sentence.
    pub fn sentence(&self) -> String {
        if self.is_no_directory {
            return format!("{} is not a directory, so nothing is stored", self.cache_dir.display());
        }
        if !self.foreign.is_empty() {
            let (what, belongs) = self.named(&self.foreign, "belongs", "belong");
            let but = match self.is_locked_out {
                true if self.foreign.contains(&self.cache_dir) => {
                    " and cannot be written to, so nothing is stored"
                }
                true => " and cannot be written to, so not everything is stored",
                false => ", who can change what is served",
            };
            return format!("{what} {belongs} to another user{but}");
        }
        if !self.unwritable.is_empty() {
            let (what, _) = self.named(&self.unwritable, "", "");
            let so = match self.unwritable.contains(&self.cache_dir) {
                true => "nothing is stored",
                false => "not everything is stored",
            };
            return format!("{what} cannot be written to, so {so}");
        }
        let (what, _) = self.named(&self.open, "", "");
        format!("{what} can be written to by everybody")
    }

    /// The paths that the sentence is about.
    pub fn paths(&self) -> &[PathBuf] {
        [&self.foreign, &self.unwritable].into_iter().find(|paths| !paths.is_empty()).unwrap_or(&self.open)
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        if self.is_no_directory {
            return "remove it, or set KACHE_CACHE_DIR to a directory".to_owned();
        }
        let dir = quoted(&self.cache_dir);
        if !self.foreign.is_empty() {
            return format!(
                "`sudo chown -R \"$(id -u):$(id -g)\" {dir}` gives it to you; or name another directory in \
                 KACHE_CACHE_DIR. Builds with sudo need a store of their own"
            );
        }
        if !self.unwritable.is_empty() {
            if private::is_shared() {
                return format!(
                    "its owner can run `chmod -R g+rwX {dir}`; a default ACL on {dir} keeps the umask of each user from \
                     shutting out the others"
                );
            }
            return format!(
                "`chmod -R u+rwX {dir}` lets you write to it, unless its disk is read-only; or name another \
                 directory in KACHE_CACHE_DIR"
            );
        }
        let recursive = if self.open == [self.cache_dir.as_path()] { "" } else { "-R " };
        format!("chmod {recursive}o-w {dir}")
    }

    /// What `paths` are called, with the verb for as many.
    fn named<'v>(&self, paths: &[PathBuf], one: &'v str, several: &'v str) -> (String, &'v str) {
        match paths {
            paths if paths.contains(&self.cache_dir) => (self.cache_dir.display().to_string(), one),
            [path] => (path.display().to_string(), one),
            paths => (format!("{} folders or files in {}", paths.len(), self.cache_dir.display()), several),
        }
    }
}

/// `path` as a word of a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+:@".contains(c));
    if is_plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
