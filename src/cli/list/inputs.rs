//! `kache list <crate> --inputs`: lists the inputs of each entry, grouped by how kache learned them.

use serde::Serialize;

use crate::action::input_list::Basis;
use crate::cli::table::Table;
use crate::digest::Digest;
use crate::report::inputs::{InputLine, lines};
use crate::report::words;
use crate::store::Store;

/// The inputs of an entry.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct EntryInputs {
    basis: Basis,
    inputs: Vec<InputLine>,
}

impl EntryInputs {
    /// The inputs that the entry's key was made from; `None` if they cannot be read.
    pub(super) fn read(store: &Store, key: &Digest) -> Option<EntryInputs> {
        let inputs = store.inputs(key).ok()?;
        Some(EntryInputs { basis: inputs.basis, inputs: lines(&inputs) })
    }
}

/// The inputs of one entry as text, in one table for each way they were learned.
pub(super) fn text(title: &str, inputs: Option<&EntryInputs>) -> String {
    let Some(EntryInputs { basis, inputs }) = inputs else {
        return format!("{title}: its inputs cannot be read from the store\n");
    };
    let mut text = format!("{title}: {}\n", words::basis(*basis));
    for group in inputs.chunk_by(|line, next| line.learned == next.learned) {
        let mut table = Table::new("<< ");
        for InputLine { what, name, shown, .. } in group {
            table.row([what, name, shown]);
        }
        let how = group.first().map_or("", |line| line.learned.words());
        text += &format!("\n  {how}\n{}", table.render("    ").plain());
    }
    text
}
