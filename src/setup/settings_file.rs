//! Changes settings in a configuration file of kache: comments, order and everything else stay as they are.

use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, InlineTable, Item, TableLike, Value};

use crate::config::Problem;
use crate::config::file::{self, KEYS, Key, Projects};
use crate::config::load::PROJECT_FILE;
use crate::sys::fs;

/// Why a setting is not changed.
#[derive(Debug, thiserror::Error)]
pub enum CannotChange {
    #[error("unknown setting `{key}`")]
    UnknownKey { key: String, suggestion: Option<&'static str> },
    #[error("invalid value {value} for `{key}`: expected {accepts}")]
    BadValue { key: &'static str, value: String, accepts: &'static str },
    #[error("`{key}` cannot be set by a project: {why}")]
    NotForProjects { key: &'static str, why: &'static str },
    #[error("{0}; nothing was changed")]
    Unparsable(String),
    #[error("`{table}` in {file} is not a table; nothing was changed")]
    NoTable { table: String, file: String },
}

/// The setting of this name, with or without `cache.`.
pub fn key(name: &str) -> Result<&'static Key, CannotChange> {
    KEYS.iter().find(|key| bare(key.name) == bare(name)).ok_or_else(|| CannotChange::UnknownKey {
        key: name.to_owned(),
        suggestion: file::nearest(bare(name), false),
    })
}

fn bare(name: &str) -> &str {
    name.strip_prefix("cache.").unwrap_or(name)
}

/// Fails if a project may not make the setting.
pub fn check_for_project(key: &'static Key) -> Result<(), CannotChange> {
    match key.projects {
        Projects::May(_) => Ok(()),
        Projects::MayNot(why) => Err(CannotChange::NotForProjects { key: key.name, why }),
    }
}

/// What `text` is as a value of the setting: a value in TOML, a string without quotes, or names with commas between them.
pub fn value(key: &'static Key, text: &str) -> Result<Value, CannotChange> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    let candidates = [text.trim().parse().ok(), Some(Value::from(text)), Some(names.collect())];
    let accepted = candidates.into_iter().flatten().find(|value: &Value| is_accepted(key, value));
    accepted.ok_or_else(|| CannotChange::BadValue {
        key: key.name,
        value: format!("{text:?}"),
        accepts: key.accepts,
    })
}

/// Whether the reader of configuration files accepts the value.
fn is_accepted(key: &Key, value: &Value) -> bool {
    let (_, problems) = file::parse(Path::new(""), &format!("{} = {value}\n", key.name));
    problems.is_empty()
}

/// `text`, the content of the file at `path`, with the setting set; or without it, if `value` is `None`.
pub fn change(path: &Path, text: &str, key: &Key, value: Option<Value>) -> Result<String, CannotChange> {
    let mut document: DocumentMut =
        text.parse().map_err(|_| CannotChange::Unparsable(parse_error(path, text)))?;
    let mut names: Vec<&str> = key.name.split('.').collect();
    let name = names.pop().unwrap_or_default();
    let Some(value) = value else {
        if let Some(table) = table(&mut document, &names, path)? {
            table.remove(name);
        }
        return Ok(with_line_ends_of(text, document.to_string()));
    };
    if let [outer, inner] = names[..]
        && let Some(Item::Value(Value::InlineTable(outer))) = document.get_mut(outer)
        && !outer.contains_key(inner)
    {
        // A table in braces can be extended nowhere else.
        outer.insert(inner, InlineTable::new().into());
    }
    let Some(table) = table(&mut document, &names, path)? else {
        // Behind everything else, comments too.
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        let blank = if document.is_empty() { "" } else { "\n" };
        let appended = format!("{text}{end}{blank}[{}]\n{name} = {value}\n", names.join("."));
        return Ok(with_line_ends_of(text, appended));
    };
    match table.get_mut(name).and_then(Item::as_value_mut) {
        Some(old) => {
            // A comment behind the value stays there.
            let decor = old.decor().clone();
            *old = value;
            *old.decor_mut() = decor;
        }
        None => drop(table.insert(name, Item::Value(value))),
    }
    Ok(with_line_ends_of(text, document.to_string()))
}

/// The table within tables of these names; `None` if there is none.
fn table<'a>(
    document: &'a mut DocumentMut,
    names: &[&str],
    path: &Path,
) -> Result<Option<&'a mut dyn TableLike>, CannotChange> {
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for (depth, name) in names.iter().enumerate() {
        let Some(item) = table.get_mut(name) else { return Ok(None) };
        table = item.as_table_like_mut().ok_or_else(|| CannotChange::NoTable {
            table: names[..=depth].join("."),
            file: path.display().to_string(),
        })?;
    }
    Ok(Some(table))
}

/// `changed` with the line ends of `text`: those of Windows get lost on the way.
fn with_line_ends_of(text: &str, changed: String) -> String {
    if !text.contains("\r\n") {
        return changed;
    }
    changed.replace("\r\n", "\n").replace('\n', "\r\n")
}

/// What the reader of configuration files says of a text that is not TOML.
fn parse_error(path: &Path, text: &str) -> String {
    let (_, problems) = file::parse(path, text);
    problems.first().map_or_else(|| format!("{} is not TOML", path.display()), Problem::to_string)
}

/// The file of the project around `cwd`: the nearest `.kache.toml`, or the one to make at the root of the repository or
/// workspace. `None` outside of a project.
pub fn project_file(cwd: &Path) -> Option<PathBuf> {
    let outermost = cwd.ancestors().filter(|dir| fs::metadata(&dir.join("Cargo.toml")).is_ok()).last();
    let dir = nearest_with(cwd, PROJECT_FILE).or_else(|| nearest_with(cwd, ".git")).or(outermost)?;
    Some(dir.join(PROJECT_FILE))
}

/// The nearest directory around `cwd` that has something of this name.
fn nearest_with<'a>(cwd: &'a Path, name: &str) -> Option<&'a Path> {
    cwd.ancestors().find(|dir| fs::symlink_metadata(&dir.join(name)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(text: &str, name: &str, value: Option<&str>) -> Result<String, String> {
        let key = key(name).map_err(|e| e.to_string())?;
        let value = value.map(|text| super::value(key, text)).transpose().map_err(|e| e.to_string())?;
        change(Path::new("/c.toml"), text, key, value).map_err(|e| e.to_string())
    }

    #[test]
    fn comments_and_order_stay() {
        let text =
            "# mine\n[cache]\n  wait = \"5s\" # short\n# next\nlocal_max_size='1GiB'\n\n[other]\na=1\n";
        assert_eq!(changed(text, "cache.wait", Some("7s")).unwrap(), text.replace("\"5s\"", "\"7s\""));
        assert_eq!(changed(text, "wait", None).unwrap(), text.replace("  wait = \"5s\" # short\n", ""));
        let added = changed(text, "paths", Some("exact")).unwrap();
        assert_eq!(added, text.replace("\n\n[other]", "\npaths = \"exact\"\n\n[other]"));
        let on_windows = text.replace('\n', "\r\n");
        assert_eq!(changed(&on_windows, "wait", Some("7s")).unwrap(), on_windows.replace("\"5s\"", "\"7s\""));
        assert_eq!(changed("", "paths", Some("exact")).unwrap(), "[cache]\npaths = \"exact\"\n");
        assert_eq!(changed("# a", "paths", Some("exact")).unwrap(), "# a\n[cache]\npaths = \"exact\"\n");
        let other = "[other]\na = 1\n";
        assert_eq!(
            changed(other, "paths", Some("exact")).unwrap(),
            format!("{other}\n[cache]\npaths = \"exact\"\n")
        );
        assert_eq!(changed("", "paths", None).unwrap(), "");
        let inline = "cache = { wait = \"1s\" }\n";
        assert_eq!(changed(inline, "wait", Some("2s")).unwrap(), inline.replace("1s", "2s"));
        assert_eq!(changed("cache.wait = \"1s\"\n", "wait", Some("2s")).unwrap(), "cache.wait = \"2s\"\n");
    }

    #[test]
    fn settings_of_the_remote_are_in_their_own_table() {
        let set = |text: &str| changed(text, "remote.bucket", Some("b")).unwrap();
        assert_eq!(set(""), "[cache.remote]\nbucket = \"b\"\n");
        let cache = "[cache]\nwait = \"1s\"\n";
        assert_eq!(set(cache), format!("{cache}\n[cache.remote]\nbucket = \"b\"\n"));
        let dotted = "cache.wait = \"1s\"\n";
        assert_eq!(set(dotted), format!("{dotted}\n[cache.remote]\nbucket = \"b\"\n"));
        assert_eq!(
            set("cache = { wait = \"1s\" }\n"),
            "cache = { wait = \"1s\" , remote = { bucket = \"b\" } }\n"
        );
        let there =
            "[cache.remote] # shared\nbucket = \"a\" # ours\nregion = \"eu-1\"\n[cache]\nwait = \"1s\"\n";
        assert_eq!(set(there), there.replace("\"a\"", "\"b\""));
        let removed = changed(there, "cache.remote.bucket", None).unwrap();
        assert_eq!(removed, there.replace("bucket = \"a\" # ours\n", ""));
        assert_eq!(changed(cache, "remote.bucket", None).unwrap(), cache);
        for text in [set(""), set(cache), set(dotted), set("cache = { wait = \"1s\" }\n")] {
            assert_eq!(file::parse(Path::new(""), &text).1, []);
        }
        let error = changed("[cache]\nremote = 1\n", "remote.bucket", Some("b")).unwrap_err();
        assert_eq!(error, "`cache.remote` in /c.toml is not a table; nothing was changed");
    }

    #[test]
    fn values_are_of_the_type_of_their_setting() {
        for (name, text, written) in [
            ("key_salt", "true", "\"true\""),
            ("key_salt", "5", "\"5\""),
            ("key_salt", "a \"b\"", "'a \"b\"'"),
            ("cache_executables", "true", "true"),
            ("local_max_size", "5000000", "5000000"),
            ("local_max_size", "5 GiB", "\"5 GiB\""),
            ("key_env_vars", "A, B", "[\"A\", \"B\"]"),
            ("key_env_vars", "[\"A\"]", "[\"A\"]"),
            ("bypass_crates", "", "[]"),
        ] {
            let expected = format!("[cache]\n{name} = {written}\n");
            assert_eq!(changed("", name, Some(text)).unwrap(), expected);
        }
    }

    #[test]
    fn what_would_be_a_problem_is_refused() {
        let error = |text, name, value| changed(text, name, value).unwrap_err();
        assert_eq!(
            error("", "wait", Some("soon")),
            "invalid value \"soon\" for `cache.wait`: expected a duration such as 7d, 24h, 30m or 90s, in quotes"
        );
        assert_eq!(error("", "frob", Some("1")), "unknown setting `frob`");
        assert!(error("a = [", "wait", Some("1s")).starts_with("/c.toml:1: "));
        assert_eq!(
            error("cache = 5\n", "wait", Some("1s")),
            "`cache` in /c.toml is not a table; nothing was changed"
        );
        let not_for_projects = check_for_project(key("local_store").unwrap()).unwrap_err().to_string();
        assert!(not_for_projects.contains("cannot be set by a project"), "{not_for_projects}");
    }
}
