//! The input lists of a unit: what its earlier compiles read.

use std::io;

use serde::{Deserialize, Serialize};

use crate::action::input_list::InputList;
use crate::digest::Digest;
use crate::store::entry::{FORMAT, Unreadable};
use crate::store::{Bucket, Store};
use crate::sys::defence;

/// How many lists are kept for one unit key.
pub const MAX_LISTS: usize = 16;

#[derive(Serialize, Deserialize)]
struct UnitFile {
    format: u32,
    /// Newest first.
    lists: Vec<InputList>,
}

impl Store {
    /// The input lists under `unit_key`, newest first.
    pub fn lists(&self, unit_key: &Digest) -> Result<Vec<InputList>, Unreadable> {
        let file: UnitFile =
            serde_json::from_slice(&self.read(Bucket::Units, unit_key)?).map_err(|_| Unreadable::Damaged)?;
        if file.format == FORMAT { Ok(file.lists) } else { Err(Unreadable::Damaged) }
    }

    /// Puts `list` in front of the unit's lists. A list that names the same inputs is replaced.
    pub fn put_list(&self, unit_key: &Digest, list: InputList) -> io::Result<()> {
        let mut lists = self.lists(unit_key).unwrap_or_default();
        lists.retain(|other| !other.names_same(&list));
        lists.insert(0, list);
        lists.truncate(if defence::stands("several-lists-of-one-unit") { MAX_LISTS } else { 1 });
        self.write(Bucket::Units, unit_key, serde_json::to_vec(&UnitFile { format: FORMAT, lists })?)
    }
}
