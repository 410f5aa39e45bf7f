//! The editor on texts; how cargo reads them is shown in `tests/it/cargo_config.rs`.

mod oracle;

use std::path::Path;

use proptest::prelude::*;

use super::edit::{self, CannotEdit, Edited};

const WRAPPER: &str = "/opt/kache";

fn set_to(text: &str, value: &str) -> Result<Edited, CannotEdit> {
    edit::set(Path::new("/c"), text, value)
}

fn take_back(text: &str, edited: &Edited) -> Option<String> {
    edit::take_back(Path::new("/c"), text, &edited.undo).unwrap()
}

#[track_caller]
fn becomes(before: &str, after: &str) {
    let edited = set_to(before, WRAPPER).unwrap();
    assert_eq!(edited.text, after);
    assert_eq!(take_back(after, &edited).as_deref(), Some(before), "it can be taken back");
}

#[test]
fn a_file_that_is_empty_or_has_no_build_table_gets_one_at_its_end() {
    becomes("", "[build]\nrustc-wrapper = \"/opt/kache\"\n");
    becomes("[net]\nx = 1\n# end\n", "[net]\nx = 1\n# end\n\n[build]\nrustc-wrapper = \"/opt/kache\"\n");
    becomes("a = 1", "a = 1\n\n[build]\nrustc-wrapper = \"/opt/kache\"\n");
    becomes("\n", "\n[build]\nrustc-wrapper = \"/opt/kache\"\n");
    becomes("[build.env]\na = 1\n", "[build.env]\na = 1\n\n[build]\nrustc-wrapper = \"/opt/kache\"\n");
}

#[test]
fn a_build_table_gets_the_key_as_its_first() {
    becomes("[build]\njobs = 1\n", "[build]\nrustc-wrapper = \"/opt/kache\"\njobs = 1\n");
    becomes("[build] # c\n  jobs = 1\n", "[build] # c\n  rustc-wrapper = \"/opt/kache\"\n  jobs = 1\n");
    becomes("[build]", "[build]\nrustc-wrapper = \"/opt/kache\"");
    becomes("[ 'build' ]\n[x]\n", "[ 'build' ]\nrustc-wrapper = \"/opt/kache\"\n[x]\n");
}

#[test]
fn a_build_table_in_one_line_gets_the_key_inside() {
    becomes("build = {}\n", "build = { rustc-wrapper = \"/opt/kache\" }\n");
    becomes("build = { jobs = 1 } # c\n", "build = { rustc-wrapper = \"/opt/kache\", jobs = 1 } # c\n");
}

#[test]
fn dotted_keys_get_one_of_their_kind() {
    becomes("# c\nbuild.jobs = 1\n[x]\n", "# c\nbuild.rustc-wrapper = \"/opt/kache\"\nbuild.jobs = 1\n[x]\n");
    becomes("\u{feff}build.jobs = 1", "\u{feff}build.rustc-wrapper = \"/opt/kache\"\nbuild.jobs = 1");
}

#[test]
fn a_value_that_is_there_is_replaced_and_comes_back_as_it_was_written() {
    becomes("[build]\nrustc-wrapper='sccache' # c\n", "[build]\nrustc-wrapper=\"/opt/kache\" # c\n");
    becomes("build.\"rustc-wrapper\" = '''a'''", "build.\"rustc-wrapper\" = \"/opt/kache\"");
    becomes("build = {rustc-wrapper=\"\"}", "build = {rustc-wrapper=\"/opt/kache\"}");
}

#[test]
fn line_ends_and_a_byte_order_mark_stay() {
    becomes(
        "\u{feff}[net]\r\nx = 1\r\n",
        "\u{feff}[net]\r\nx = 1\r\n\r\n[build]\r\nrustc-wrapper = \"/opt/kache\"\r\n",
    );
    becomes("\u{feff}", "\u{feff}[build]\nrustc-wrapper = \"/opt/kache\"\n");
    becomes("[build]\r\njobs = 1", "[build]\r\nrustc-wrapper = \"/opt/kache\"\r\njobs = 1");
}

#[test]
fn paths_are_written_so_that_they_mean_the_same() {
    for (value, written) in [
        (r"C:\Users\me\kache.exe", r"'C:\Users\me\kache.exe'"),
        ("/home/o'brien/kache", "\"/home/o'brien/kache\""),
        (r"C:\o'brien\kache", r#""C:\\o'brien\\kache""#),
        ("/a \"b\"/kache", "'/a \"b\"/kache'"),
        ("/tab\there", "\"/tab\\u0009here\""),
    ] {
        assert_eq!(set_to("", value).unwrap().text, format!("[build]\nrustc-wrapper = {written}\n"));
    }
}

#[test]
fn an_edited_text_loses_only_the_key() {
    for (before, edit, rest) in [
        ("a = 1\n", ("[build]\n", "[build]\njobs = 2\n"), "a = 1\n\n[build]\njobs = 2\n"),
        ("a = 1\n", ("/kache\"\n", "/kache\" # mine\n[x]\n"), "a = 1\n\n[x]\n"),
        ("[build]\n", ("rustc-wrapper = ", "rustc-wrapper  = "), "[build]\n"),
        ("a = 1\n", ("a = 1\n", "b = 2\n"), "b = 2\n"),
        ("[build]\njobs = 1\n", ("jobs = 1\n", "jobs = 3\n"), "[build]\njobs = 3\n"),
        ("build = {}", ("\" }", "\", jobs = 2 }"), "build = { jobs = 2 }"),
        (
            "build = {jobs = 1}",
            (" rustc-wrapper = \"/opt/kache\",jobs = 1", "jobs = 1, rustc-wrapper = '/opt/kache'"),
            "build = {jobs = 1}",
        ),
        ("build.jobs = 1\n", ("build.jobs", "build.x"), "build.x = 1\n"),
        (
            "[build]\nrustc-wrapper = 'old'",
            ("rustc-wrapper = ", "jobs = 1\nrustc-wrapper="),
            "[build]\njobs = 1\nrustc-wrapper='old'",
        ),
    ] {
        let edited = set_to(before, WRAPPER).unwrap();
        assert!(edited.text.contains(edit.0), "{:?}", edited.text);
        let text = edited.text.replacen(edit.0, edit.1, 1);
        assert_eq!(take_back(&text, &edited).as_deref(), Some(rest), "{text:?}");
    }
}

#[test]
fn a_key_that_is_gone_or_is_not_ours_any_more_stays() {
    let edited = set_to("", WRAPPER).unwrap();
    assert_eq!(take_back("[build]\n", &edited), None);
    assert_eq!(take_back("[build]\nrustc-wrapper = \"mine\"\n", &edited), None);
}

#[test]
fn what_cannot_be_understood_is_refused_with_its_line() {
    for (text, said) in [
        ("a = 1\nb = \n", "/c:2: "),
        ("[build]\n[build]\n", "/c:2: "),
        ("\nbuild = 3\n", "/c:2: `build` must be a table, not of the type integer"),
        ("[[build]]\n", "/c:1: `build` must be a table"),
        (
            "[build]\nrustc-wrapper = ['a']\n",
            "/c:2: `build.rustc-wrapper` must be a string, not of the type array",
        ),
    ] {
        let error = set_to(text, WRAPPER).unwrap_err().to_string();
        assert!(error.starts_with(said), "{error}");
    }
}

fn blank() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", " ", "\t", "  "]).prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "1",
        "nan",
        "-inf",
        "true",
        "\"a # b\"",
        "'[build]'",
        "\"\"\"\n[build]\nrustc-wrapper = 1\n\"\"\"",
        "'''\n'''",
        "[ 1,\n # ]\n 2 ]",
        "{ a = 1, b.c = 'x' }",
        "1979-05-27T07:32:00Z",
        "\"\\u00E9\"",
        "{}",
        "'é\u{1F980}'",
    ])
    .prop_map(str::to_owned)
}

fn comment() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", " # c", "# [build]", "\t# rustc-wrapper = 'x' é"]).prop_map(str::to_owned)
}

fn quoted(name: &'static str) -> impl Strategy<Value = String> {
    (0..3).prop_map(move |quote| match quote {
        0 => name.to_owned(),
        1 => format!("\"{name}\""),
        _ => format!("'{name}'"),
    })
}

/// Lines of the form `<key> = <value>`; keys are numbered, so that they are different.
fn lines(prefix: &'static str) -> impl Strategy<Value = Vec<String>> {
    let line = (blank(), blank(), value(), comment());
    prop::collection::vec(line, 0..4).prop_map(move |lines| {
        let lines = lines.into_iter().enumerate();
        lines.map(|(n, (a, b, value, comment))| format!("{a}{prefix}{n}{b}= {value}{comment}")).collect()
    })
}

/// The table `build` in each way in which it can be written, as (lines at the top, lines of a table).
fn build() -> impl Strategy<Value = (Vec<String>, Vec<String>)> {
    let wrapper = prop::option::of((
        quoted("rustc-wrapper"),
        prop::sample::select(vec!["''", "'sccache'", "\"x\\ty\"", "\"\"\"a\"\"\""]),
    ));
    (0..5, quoted("build"), blank(), comment(), lines("k"), wrapper, any::<bool>()).prop_map(
        |(form, name, blank, comment, mut keys, wrapper, first)| {
            if let Some((key, value)) = wrapper {
                keys.insert(if first { 0 } else { keys.len() }, format!("{key} ={blank}{value}{comment}"));
            }
            match form {
                0 => (Vec::new(), Vec::new()),
                1 => {
                    let header = format!("{blank}[{blank}{name}{blank}]{comment}");
                    (Vec::new(), [vec![header], keys].concat())
                }
                2 => (
                    keys.into_iter().map(|key| format!("{blank}{name}.{}", key.trim_start())).collect(),
                    Vec::new(),
                ),
                3 => {
                    let uncommented =
                        keys.iter().map(|key| key.split('#').next().unwrap_or("").trim().to_owned());
                    let keys = uncommented
                        .filter(|key| !key.contains('\n') && key.contains('='))
                        .collect::<Vec<_>>();
                    (vec![format!("{name} = {{{blank}{}{blank}}}{comment}", keys.join(" ,"))], Vec::new())
                }
                _ => (Vec::new(), [vec![format!("[{name}.sub]")], keys].concat()),
            }
        },
    )
}

fn document() -> impl Strategy<Value = String> {
    let shape = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (lines("top"), build(), lines("x"), lines("y"), comment(), shape).prop_map(
        |(top, (dotted, table), x, y, comment, (bom, crlf, last, before))| {
            let others = [vec![format!("[other]{comment}")], x].concat();
            let more = [vec![String::new(), "[[list]]".to_owned()], y].concat();
            let tables = if before { [table, others, more].concat() } else { [others, more, table].concat() };
            let mut text = [dotted, top, tables].concat().join("\n");
            text.extend(last.then_some('\n'));
            if crlf {
                text = text.replace('\n', "\r\n");
            }
            format!("{}{text}", if bom { "\u{feff}" } else { "" })
        },
    )
}

const PARTS: [&str; 20] = [
    "[",
    "]",
    "{",
    "}",
    "build",
    "rustc-wrapper",
    "=",
    ".",
    "\n",
    "\r\n",
    "'",
    "\"",
    "#",
    ",",
    " ",
    "a",
    "1",
    "\u{feff}",
    "é",
    "[build]\n",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    /// `set` passes its gate or fails, so success means that one key changed and that the result can be parsed.
    #[test]
    fn only_the_key_changes_and_undo_gives_identical_bytes(text in document()) {
        let parses = text.trim_start_matches('\u{feff}').parse::<toml::Table>().is_ok();
        match set_to(&text, WRAPPER) {
            Ok(edited) => {
                let table: toml::Table = edited.text.trim_start_matches('\u{feff}').parse().unwrap();
                prop_assert_eq!(table["build"]["rustc-wrapper"].as_str(), Some(WRAPPER));
                prop_assert_eq!(take_back(&edited.text, &edited), Some(text));
                let removed = edit::remove(Path::new("/c"), &edited.text).unwrap();
                prop_assert!(removed.len() < edited.text.len());
            }
            Err(error) => prop_assert!(!parses, "{}", error),
        }
    }

    /// Whatever is in a file: no panic, and no text that cannot be parsed.
    #[test]
    fn any_text_is_edited_or_refused(parts in prop::collection::vec(0..PARTS.len(), 0..16)) {
        let text: String = parts.into_iter().map(|part| PARTS[part]).collect();
        if let Ok(edited) = set_to(&text, WRAPPER) {
            prop_assert_eq!(take_back(&edited.text, &edited), Some(text));
        }
    }
}

#[test]
fn a_table_that_would_be_left_empty_goes_with_the_key() {
    let key = "rustc-wrapper = \"/opt/kache\"\n";
    for (before, after) in [
        (format!("[build]\n{key}"), ""),
        (format!("[net]\nx = 1\n\n[build]\n{key}"), "[net]\nx = 1\n"),
        (format!("[net]\r\nx = 1\r\n\r\n[build]\r\n{key}"), "[net]\r\nx = 1\r\n"),
        (format!("[build]\n{key}\n[net]\nx = 1\n"), "\n[net]\nx = 1\n"),
        (format!("[a]\n\n[build]\n\n{key}[net]\n"), "[a]\n\n[net]\n"),
        (format!("\u{feff}[build]\n{key}"), "\u{feff}"),
        // What somebody wrote stays.
        (format!("[build] # mine\n{key}"), "[build] # mine\n"),
        (format!("[build]\n# mine\n{key}"), "[build]\n# mine\n"),
        (format!("[build]\n{key}jobs = 1\n"), "[build]\njobs = 1\n"),
        (format!("[build]\n{key}# mine\n"), "# mine\n"),
        (format!("[build]\n{key}[build.env]\n"), "[build]\n[build.env]\n"),
        (format!("build.{key}"), ""),
    ] {
        assert_eq!(edit::remove(Path::new("/c"), &before).unwrap(), after, "{before:?}");
    }
}
