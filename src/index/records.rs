//! Reads record files. A line that cannot be parsed is skipped and counted.

use std::path::{Path, PathBuf};

use crate::action::roots::{has_build_mark, is_profile_dir};
use crate::run::record::{self, Record};
use crate::sys::{clock, fs};

/// The record files, oldest first.
pub fn files(records_dir: &Path) -> Vec<PathBuf> {
    let mut files = fs::list(records_dir).unwrap_or_default();
    files.retain(|path| path.extension().is_some_and(|suffix| suffix == "jsonl"));
    files
}

/// The day of a record file, as `2026-11-24`.
pub fn day(file: &Path) -> &str {
    file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default()
}

/// The records of a period, and what could not be read.
#[derive(Default)]
pub struct ReadRecords {
    pub records: Vec<Record>,
    /// Lines that are not records: torn, or in a format that this version does not know.
    pub n_skipped: usize,
    pub unreadable: Vec<String>,
}

/// The records that ended at `since_ms` or later.
pub fn read_since(records_dir: &Path, since_ms: u64) -> ReadRecords {
    let first_day = clock::date(since_ms);
    let mut read = ReadRecords::default();
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

/// The records of a crate or package, oldest first. Lines that do not contain its name are not parsed.
pub fn read_crate(records_dir: &Path, name: &str) -> Vec<Record> {
    let spellings = [name.replace('-', "_"), name.replace('_', "-")];
    let mut found = Vec::new();
    for file in files(records_dir) {
        let Ok(content) = fs::read(&file) else { continue };
        for line in content.split(|byte| *byte == b'\n') {
            if !spellings.iter().any(|name| memchr::memmem::find(line, name.as_bytes()).is_some()) {
                continue;
            }
            let (mut records, _) = record::parse(line);
            records.retain(|record| is_named(name, &record.unit.crate_name, &record.unit.package));
            found.append(&mut records);
        }
    }
    found
}

/// Whether builds put files into `place`. What is gone was a build directory if it was called one.
pub fn is_build_dir(place: &str) -> bool {
    let place = Path::new(place);
    let has_manifest = fs::metadata(&place.join("Cargo.toml")).is_ok();
    let is_marked = has_build_mark(place) || is_profile_dir(place);
    is_marked || !has_manifest && place.file_name().is_some_and(|name| name == "target")
}

/// Whether `name` is the name of this crate or its package, with `-` and `_` taken as the same.
pub fn is_named(name: &str, crate_name: &str, package: &str) -> bool {
    let name = name.replace('-', "_");
    name == crate_name.replace('-', "_") || name == package.replace('-', "_")
}
