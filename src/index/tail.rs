//! Follows the record files: finds the records that were appended since the last look.
//!
//! Wrappers tell nobody that they appended a record, so that recording costs a build one write. Followers look at the
//! files every [`LOOK_EVERY`].

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::index::records;
use crate::protocol::message::{Position, Update};
use crate::sys::fs;

/// How often followers look for new records. There is a file per day and they are kept for a month, so a look costs at
/// most some thirty calls of the system.
pub const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The most records that one look returns. The older ones of a longer backlog are skipped: a follower shows what happens
/// now, and must not hold more than this in memory.
pub const MOST_RECORDS: usize = 1000;

/// A follower of the record files in one directory.
#[derive(Debug)]
pub struct Tail {
    records_dir: PathBuf,
    /// How much of each file was read.
    offsets: BTreeMap<String, u64>,
}

impl Tail {
    /// Follows the records that will be appended after this call. With a position, those behind it come first.
    pub fn new(records_dir: &Path, after: Option<&Position>) -> Tail {
        let mut offsets = BTreeMap::new();
        for (name, _, length) in files(records_dir) {
            let offset = match after {
                Some(position) if name == position.file => position.offset.min(length),
                Some(position) if name > position.file => 0,
                _ => length,
            };
            offsets.insert(name, offset);
        }
        Tail { records_dir: records_dir.to_owned(), offsets }
    }

    /// The position behind everything that was read or skipped.
    pub fn position(&self) -> Position {
        // Without any file, every file that there will be is behind it.
        let (file, offset) =
            self.offsets.last_key_value().map_or((String::new(), 0), |(f, n)| (f.clone(), *n));
        Position { file, offset }
    }

    /// The records that were appended since the last look, oldest first, after a note of how many were skipped.
    pub fn look(&mut self) -> Vec<Update> {
        let mut found = Found { updates: VecDeque::new(), n_missed: 0 };
        for (name, path, length) in files(&self.records_dir) {
            let offset = self.offsets.entry(name.clone()).or_insert(0);
            // A file that became shorter was replaced.
            if length < *offset {
                *offset = 0;
            }
            // A file that cannot be read now is looked at again.
            if length > *offset {
                let _ = found.read(&name, &path, offset, length);
            }
        }
        if found.n_missed > 0 {
            found.updates.push_front(Update::Missed { n: found.n_missed });
        }
        found.updates.into()
    }
}

/// Name, path and length of each record file, oldest first.
fn files(records_dir: &Path) -> Vec<(String, PathBuf, u64)> {
    let mut files = Vec::new();
    for path in records::files(records_dir) {
        let Some(name) = path.file_name().and_then(|name| name.to_str()).map(str::to_owned) else { continue };
        if let Ok(metadata) = fs::metadata(&path) {
            files.push((name, path, metadata.len()));
        }
    }
    files
}

struct Found {
    updates: VecDeque<Update>,
    n_missed: u64,
}

impl Found {
    /// Reads the whole lines of a file between `offset` and `length`, and moves `offset` behind the last. Lines that are
    /// not JSON are skipped.
    fn read(&mut self, name: &str, path: &Path, offset: &mut u64, length: u64) -> io::Result<()> {
        let mut file = fs::open(path)?;
        file.seek(SeekFrom::Start(*offset))?;
        let mut lines = BufReader::new(file.take(length - *offset));
        let mut line = Vec::new();
        loop {
            line.clear();
            lines.read_until(b'\n', &mut line)?;
            // The rest of an incomplete line is still being written.
            if line.last() != Some(&b'\n') {
                return Ok(());
            }
            *offset += line.len() as u64;
            if let Ok(record @ Value::Object(_)) = serde_json::from_slice(&line) {
                let at = Position { file: name.to_owned(), offset: *offset };
                self.add(Update::Record { record, at });
            }
        }
    }

    fn add(&mut self, update: Update) {
        if self.updates.len() == MOST_RECORDS {
            self.updates.pop_front();
            self.n_missed += 1;
        }
        self.updates.push_back(update);
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "they make files for the code under test")]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn append(dir: &Path, name: &str, text: &str) {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(dir.join(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// The numbers in the records of `updates`, and how many were missed.
    fn numbers(updates: &[Update]) -> (Vec<u64>, u64) {
        let (mut numbers, mut n_missed) = (Vec::new(), 0);
        for update in updates {
            match update {
                Update::Record { record, .. } => numbers.push(record["n"].as_u64().unwrap()),
                Update::Missed { n } => n_missed += n,
            }
        }
        (numbers, n_missed)
    }

    fn line(n: u64) -> String {
        format!("{{\"n\":{n}}}\n")
    }

    #[test]
    fn appended_records_are_found_once_and_earlier_ones_never() {
        let dir = tempfile::tempdir().unwrap();
        let mut tail = Tail::new(dir.path(), None);
        assert_eq!(tail.look(), []);
        let from_the_start = tail.position();

        append(dir.path(), "2026-11-29.jsonl", &line(1));
        let mut tail = Tail::new(dir.path(), None);
        assert_eq!(tail.look(), []);
        append(dir.path(), "2026-11-29.jsonl", &line(2));
        // Around midnight two files grow.
        append(dir.path(), "2026-11-30.jsonl", &(line(3) + "torn\n[]\n" + &line(4)));
        append(dir.path(), "notes.txt", &line(5));
        assert_eq!(numbers(&tail.look()), (vec![2, 3, 4], 0));
        assert_eq!(tail.look(), []);
        append(dir.path(), "2026-11-29.jsonl", &line(6));
        assert_eq!(numbers(&tail.look()), (vec![6], 0));
        let mut all = Tail::new(dir.path(), Some(&from_the_start));
        assert_eq!(numbers(&all.look()), (vec![1, 2, 6, 3, 4], 0));
    }

    #[test]
    fn a_line_is_found_when_it_is_complete() {
        let dir = tempfile::tempdir().unwrap();
        let mut tail = Tail::new(dir.path(), None);
        append(dir.path(), "2026-11-30.jsonl", "{\"n\":");
        assert_eq!(tail.look(), []);
        append(dir.path(), "2026-11-30.jsonl", "1}\n{");
        assert_eq!(numbers(&tail.look()), (vec![1], 0));
    }

    #[test]
    fn a_file_that_was_replaced_is_read_from_its_start() {
        let dir = tempfile::tempdir().unwrap();
        let mut tail = Tail::new(dir.path(), None);
        append(dir.path(), "2026-11-30.jsonl", &(line(1) + &line(2)));
        assert_eq!(numbers(&tail.look()), (vec![1, 2], 0));
        std::fs::write(dir.path().join("2026-11-30.jsonl"), line(3)).unwrap();
        assert_eq!(numbers(&tail.look()), (vec![3], 0));
    }

    #[test]
    fn a_follower_that_looks_too_rarely_is_told_how_many_records_it_missed() {
        let dir = tempfile::tempdir().unwrap();
        let mut tail = Tail::new(dir.path(), None);
        let n_records = MOST_RECORDS as u64 + 7;
        append(dir.path(), "2026-11-30.jsonl", &(0..n_records).map(line).collect::<String>());
        let updates = tail.look();
        assert_eq!(updates[0], Update::Missed { n: 7 });
        assert_eq!(numbers(&updates), ((7..n_records).collect(), 7));
    }

    #[test]
    fn a_follower_continues_behind_the_position_of_another() {
        let dir = tempfile::tempdir().unwrap();
        append(dir.path(), "2026-11-28.jsonl", &line(0));
        let mut first = Tail::new(dir.path(), None);
        append(dir.path(), "2026-11-29.jsonl", &(line(1) + &line(2)));
        let updates = first.look();
        let Update::Record { at, .. } = &updates[0] else { panic!("{updates:?}") };
        append(dir.path(), "2026-11-30.jsonl", &line(3));
        let mut second = Tail::new(dir.path(), Some(at));
        assert_eq!(numbers(&second.look()), (vec![2, 3], 0));
        assert_eq!(second.position(), Position { file: "2026-11-30.jsonl".to_owned(), offset: 8 });
        // The file is gone.
        let gone = Position { file: "2026-11-29.jsonl".to_owned(), offset: 4000 };
        assert_eq!(numbers(&Tail::new(dir.path(), Some(&gone)).look()), (vec![3], 0));
    }
}
