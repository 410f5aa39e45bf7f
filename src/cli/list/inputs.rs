//! `kache list <crate> --inputs`: what each entry depends on, and how that was learnt.

use serde::Serialize;

use crate::action::input_list::Learnt;
use crate::cli::table::Table;
use crate::digest::Digest;
use crate::report::inputs::{Line, lines};
use crate::report::words;
use crate::store::Store;

/// What an entry depends on.
#[derive(Serialize)]
pub(super) struct Inputs {
    learnt: Learnt,
    inputs: Vec<Line>,
}

/// What the key of an entry was made from; `None` where that cannot be read.
pub(super) fn of(store: &Store, key: &Digest) -> Option<Inputs> {
    let inputs = store.inputs(key).ok()?;
    Some(Inputs { learnt: inputs.learnt, inputs: lines(&inputs) })
}

/// Below the name of the entry: each way of learning with what was learnt so.
pub(super) fn text(title: &str, inputs: Option<&Inputs>) -> String {
    let Some(Inputs { learnt, inputs }) = inputs else {
        return format!("{title}: what it depends on cannot be read from the store\n");
    };
    let mut text = format!("{title}: {}\n", words::learnt(*learnt));
    for group in inputs.chunk_by(|line, next| line.learnt == next.learnt) {
        let mut table = Table::new("<< ");
        for Line { what, name, shown, .. } in group {
            table.row([what, name, shown]);
        }
        let how = group.first().map_or("", |line| line.learnt.words());
        text += &format!("\n  {how}\n{}", table.render("    "));
    }
    text
}
