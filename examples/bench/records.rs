//! What kache says about its invocations: one JSON object per line in `records/*.jsonl`.

use std::fs;
use std::io;
use std::ops::Sub;
use std::path::Path;

use serde_json::Value;

/// How many invocations ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) hits: usize,
    pub(crate) misses: usize,
    pub(crate) bypasses: usize,
    /// Compiles that were observed, and the calls that were seen of them.
    pub(crate) n_observed: usize,
    pub(crate) n_calls: u64,
}

impl Counts {
    /// All records in a store; a store without any has none.
    pub(crate) fn read(store: &Path) -> io::Result<Counts> {
        let mut counts = Counts::default();
        let files = match fs::read_dir(store.join("records")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(counts),
            files => files?,
        };
        for file in files {
            let path = file?.path();
            if path.extension().is_none_or(|extension| extension != "jsonl") {
                continue;
            }
            for line in fs::read_to_string(path)?.lines() {
                counts.add(line);
            }
        }
        Ok(counts)
    }

    fn add(&mut self, line: &str) {
        let Ok(record) = serde_json::from_str::<Value>(line) else { return };
        // The outcome may be a word or an object that carries its reasons.
        let outcome = &record["outcome"];
        match outcome.as_str().or_else(|| outcome["outcome"].as_str()) {
            Some("hit") => self.hits += 1,
            Some("miss") => self.misses += 1,
            Some("bypass") => self.bypasses += 1,
            _ => {}
        }
        if let Some(n_calls) = record["inputs"]["n_calls"].as_u64() {
            self.n_observed += 1;
            self.n_calls += n_calls;
        }
    }

    /// Units that were looked up.
    pub(crate) fn cacheable(self) -> usize {
        self.hits + self.misses
    }

    pub(crate) fn all(self) -> usize {
        self.cacheable() + self.bypasses
    }
}

impl Sub for Counts {
    type Output = Counts;

    fn sub(self, earlier: Counts) -> Counts {
        Counts {
            hits: self.hits - earlier.hits,
            misses: self.misses - earlier.misses,
            bypasses: self.bypasses - earlier.bypasses,
            n_observed: self.n_observed - earlier.n_observed,
            n_calls: self.n_calls - earlier.n_calls,
        }
    }
}
