//! Checks an edited text before it is written: exactly one key may differ.

use toml::{Table, Value};

/// What is wrong with an edited text.
#[derive(Debug, thiserror::Error)]
pub enum Rejected {
    #[error("it would not parse: {message}")]
    Unparsable { message: String },
    #[error("`build.{key}` would not be what was asked for")]
    OtherValue { key: String },
    #[error("something else than `build.{key}` would change")]
    OtherChange { key: String },
}

/// Checks that `build.<key>` is `expected` in `after`, and everything else is as in `before`.
pub fn check(before: &str, after: &str, key: &str, expected: Option<&Value>) -> Result<(), Rejected> {
    let mut before: Table = before.trim_start_matches('\u{feff}').parse().map_err(unparsable)?;
    let mut after: Table = after.trim_start_matches('\u{feff}').parse().map_err(unparsable)?;
    take(&mut before, key);
    let is = take(&mut after, key);
    if !same_option(is.as_ref(), expected) {
        return Err(Rejected::OtherValue { key: key.to_owned() });
    }
    if !same_table(&before, &after) {
        return Err(Rejected::OtherChange { key: key.to_owned() });
    }
    Ok(())
}

fn unparsable(error: toml::de::Error) -> Rejected {
    Rejected::Unparsable { message: error.message().to_owned() }
}

/// Takes the key out, and the table `build` if nothing else is in it.
fn take(table: &mut Table, key: &str) -> Option<Value> {
    let build = table.get_mut("build")?.as_table_mut()?;
    let value = build.remove(key);
    if build.is_empty() {
        table.remove("build");
    }
    value
}

fn same_option(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => same(a, b),
        (a, b) => a.is_none() && b.is_none(),
    }
}

fn same_table(a: &Table, b: &Table) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|((a_key, a), (b_key, b))| a_key == b_key && same(a, b))
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Table(a), Value::Table(b)) => same_table(a, b),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        // Not a number is the same as itself here.
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
        (a, b) => a == b,
    }
}
