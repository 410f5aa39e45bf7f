//! Lookup: from a unit key through its input lists to an entry.

use crate::action::input_list::InputList;
use crate::action::present::Present;
use crate::digest::Digest;
use crate::outcome::MissReason;
use crate::store::Store;
use crate::store::entry::{Entry, Unreadable};

/// An entry with unchanged inputs.
pub struct FoundEntry {
    pub key: Digest,
    pub entry: Entry,
    pub list: InputList,
}

impl Store {
    /// The entry for a unit whose inputs are as `present` sees them. The newest list that leads to one decides.
    pub fn lookup(&self, unit_key: &Digest, present: &mut Present<'_>) -> Result<FoundEntry, MissReason> {
        let lists = match self.lists(unit_key) {
            Ok(lists) => lists,
            Err(Unreadable::Missing) => return Err(MissReason::NewUnit),
            Err(Unreadable::Damaged) => return Err(MissReason::EntryDamaged),
        };
        let mut reason = MissReason::InputsChanged;
        for list in lists {
            let Some(inputs) = present.inputs(&list) else { continue };
            let key = inputs.key_after(Some(*unit_key));
            match self.entry(&key) {
                Ok(entry) => return Ok(FoundEntry { key, entry, list }),
                Err(Unreadable::Missing) => {}
                Err(Unreadable::Damaged) => reason = MissReason::EntryDamaged,
            }
        }
        Err(reason)
    }
}
