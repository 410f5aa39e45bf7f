//! The record files, as those who read back see them.

use std::path::{Path, PathBuf};

use crate::run::record::{self, Record};
use crate::sys::{clock, fs};

/// The record files, oldest first.
pub fn files(records_dir: &Path) -> Vec<PathBuf> {
    let is_record = |path: &PathBuf| path.extension().is_some_and(|suffix| suffix == "jsonl");
    let mut files = fs::list(records_dir).unwrap_or_default();
    files.retain(is_record);
    files
}

/// The day of a record file, as `2026-11-24`.
pub fn day(file: &Path) -> &str {
    file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default()
}

/// Records of some time, and what could not be read of them.
#[derive(Default)]
pub struct Read {
    pub records: Vec<Record>,
    /// Lines that are no records: torn, or of a form that this version does not know.
    pub n_skipped: usize,
    pub unreadable: Vec<String>,
}

/// The records that ended at `since_ms` or later.
pub fn since(records_dir: &Path, since_ms: u64) -> Read {
    let first_day = clock::date(since_ms);
    let mut read = Read::default();
    for file in files(records_dir).into_iter().filter(|file| day(file) >= first_day.as_str()) {
        match fs::read(&file) {
            Ok(content) => {
                let (records, n_skipped) = record::parse(&content);
                read.records.extend(records.into_iter().filter(|record| record.time_ms >= since_ms));
                read.n_skipped += n_skipped;
            }
            Err(e) => read.unreadable.push(format!("{}: {e}", file.display())),
        }
    }
    read
}

/// The records of a crate or package, oldest first. Lines without its name are not looked into.
pub fn of_crate(records_dir: &Path, name: &str) -> Vec<Record> {
    let spellings = [name.replace('-', "_"), name.replace('_', "-")];
    let has_name =
        |line: &&[u8]| spellings.iter().any(|name| memchr::memmem::find(line, name.as_bytes()).is_some());
    let mut found = Vec::new();
    for file in files(records_dir) {
        let Ok(content) = fs::read(&file) else { continue };
        for line in content.split(|byte| *byte == b'\n').filter(has_name) {
            let (records, _) = record::parse(line);
            found.extend(
                records
                    .into_iter()
                    .filter(|record| is_named(name, &record.unit.crate_name, &record.unit.package)),
            );
        }
    }
    found
}

/// Whether a person who says `name` means this crate: by its own name or its package's, in either spelling.
pub fn is_named(name: &str, crate_name: &str, package: &str) -> bool {
    let plain = |name: &str| name.replace('-', "_");
    plain(name) == plain(crate_name) || plain(name) == plain(package)
}
