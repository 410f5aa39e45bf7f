//! Finds and reads the configuration files. No other module of the configuration accesses the disk.
//!
//! Files are opened without looking for them first: this runs in every call of the wrapper.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::env::{self, Lookup};
use super::file::{self, Contents};
use super::resolve::{Config, Defaults, Scope, absolute_path, bad_variable, home_dir, resolve};
use super::setting::Problem;
use crate::sys::{defence, fs};

/// The name of a project's configuration file.
pub const PROJECT_FILE: &str = ".kache.toml";

const MAX_FILE_BYTES: u64 = 1 << 20;
const TOO_LARGE: &str = "larger than 1 MiB";

/// The effective settings, and the problems of the files and variables they come from.
///
/// The project's file is the `.kache.toml` nearest to the first of `starts`, which are absolute, that has one in
/// itself or above. One that cannot be read counts as found.
pub fn load(env: Lookup<'_>, starts: &[&Path], defaults: &Defaults, scope: Scope) -> (Config, Vec<Problem>) {
    let mut problems = Vec::new();
    let user = user_file(env, &mut problems);
    let project = project_file(starts, &mut problems);
    let (config, unresolved) = resolve(defaults, user, project, env, scope);
    problems.extend(unresolved);
    (config, problems)
}

/// Where the user's configuration file is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserFile {
    /// The path, which need not exist.
    pub path: PathBuf,
    /// Whether it is named by `KACHE_CONFIG`; it must exist then.
    pub is_named: bool,
}

/// Where the user's configuration file is looked for. None without a home directory.
pub fn user_file_path(env: Lookup<'_>) -> Result<Option<UserFile>, Problem> {
    if let Some(named) = env::non_empty(env, env::CONFIG.name) {
        let path = absolute_path(Path::new(&named), env).ok_or_else(|| bad_variable(&env::CONFIG, &named))?;
        return Ok(Some(UserFile { path, is_named: true }));
    }
    // The specification of the XDG directories has relative ones ignored.
    let config_home =
        env::non_empty(env, "XDG_CONFIG_HOME").map(PathBuf::from).filter(|dir| dir.is_absolute());
    let config_home = config_home.or_else(|| home_dir(env).map(|home| home.join(".config")));
    Ok(config_home.map(|dir| UserFile { path: dir.join("kache").join("config.toml"), is_named: false }))
}

fn user_file(env: Lookup<'_>, problems: &mut Vec<Problem>) -> Contents {
    let contents = user_file_path(env).and_then(|user_file| {
        let Some(UserFile { path, is_named }) = user_file else { return Ok(None) };
        match read(&path, None)? {
            None if is_named => {
                Err(Problem::Unreadable { path, why: "no such file; KACHE_CONFIG names it".to_owned() })
            }
            text => Ok(text.map(|text| (path, text))),
        }
    });
    understand(contents, problems)
}

fn project_file(starts: &[&Path], problems: &mut Vec<Problem>) -> Contents {
    for (n_before, start) in starts.iter().enumerate() {
        for dir in start.ancestors() {
            if starts[..n_before].iter().any(|earlier| earlier.starts_with(dir)) {
                // It and its parents were tried before.
                break;
            }
            let path = dir.join(PROJECT_FILE);
            match read(&path, Some(start)) {
                Ok(None) => {}
                // A file in a directory that everyone can write to must not affect the build of others.
                Err(foreign @ Problem::Foreign { .. }) => problems.push(foreign),
                found => return understand(found.map(|text| text.map(|text| (path, text))), problems),
            }
        }
    }
    Contents::default()
}

fn understand(file: Result<Option<(PathBuf, String)>, Problem>, problems: &mut Vec<Problem>) -> Contents {
    match file {
        Ok(None) => Contents::default(),
        Ok(Some((path, text))) => {
            let (contents, bad) = file::parse(&path, &text);
            problems.extend(bad);
            contents
        }
        Err(problem) => {
            problems.push(problem);
            Contents::default()
        }
    }
}

/// The text of the file at `path`, or none where there is no file. One for the project in the directory `project` must
/// belong to the user, to root, or to the owner of the project. Opening it does not wait.
fn read(path: &Path, project: Option<&Path>) -> Result<Option<String>, Problem> {
    let file = match fs::open(path) {
        Ok(file) => file,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(e) => return Err(unreadable(path, e)),
    };
    let metadata = file.metadata().map_err(|e| unreadable(path, e))?;
    if project.is_some_and(|project| {
        !fs::is_of_project(&metadata, project) && defence::stands("project-files-of-strangers")
    }) {
        return Err(Problem::Foreign { path: path.to_owned() });
    }
    if !metadata.is_file() {
        return Err(unreadable(path, "not a regular file"));
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(unreadable(path, TOO_LARGE));
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|e| unreadable(path, e))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(unreadable(path, TOO_LARGE));
    }
    String::from_utf8(bytes).map(Some).map_err(|e| unreadable(path, e))
}

fn unreadable(path: &Path, why: impl ToString) -> Problem {
    Problem::Unreadable { path: path.to_owned(), why: why.to_string() }
}

#[cfg(test)]
mod tests;
