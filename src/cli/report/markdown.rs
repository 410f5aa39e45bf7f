//! The report as Markdown: for documents, and for job summaries and comments of GitHub.

use std::fmt::Write as _;
use std::time::Duration;

use crate::cli::report::figures::{BuildFigures, CostlyUnit, Figures, headline};
use crate::config::units::format_duration;
use crate::report::escape;

/// By this line a comment of an earlier run is found and replaced.
const MARK: &str = "<!-- kache report -->\n";

/// The whole report.
pub fn markdown(figures: &Figures) -> String {
    let mut text = String::from("# kache report\n\n");
    push_headline(&mut text, figures);
    if let Some(build) = &figures.last_build {
        text += "\n## Last build\n\n";
        push_build(&mut text, build);
    }
    if !figures.costliest.is_empty() {
        text += "\n## Costliest misses\n\n";
        push_misses(&mut text, &figures.costliest);
    }
    text
}

/// The same with the figures first and the rest folded.
pub fn github(figures: &Figures) -> String {
    let mut text = String::from(MARK);
    let scope = if figures.only_last_build { "this build" } else { "all recorded builds" };
    let _ = writeln!(text, "### kache: {}\n", sentence(figures, scope));
    push_headline(&mut text, figures);
    if let Some(build) = &figures.last_build {
        text += "\n<details><summary>Last build</summary>\n\n";
        push_build(&mut text, build);
        text += "\n</details>\n";
    }
    if !figures.costliest.is_empty() {
        text += "\n<details><summary>Costliest misses</summary>\n\n";
        push_misses(&mut text, &figures.costliest);
        text += "\n</details>\n";
    }
    text
}

fn sentence(figures: &Figures, scope: &str) -> String {
    let summary = &figures.summary;
    match summary.hit_rate {
        Some(rate) => format!(
            "{:.1} % hits, {} of compile time saved in {scope}",
            rate * 100.0,
            ms(summary.saved_ms.unwrap_or(0))
        ),
        None => format!("no cacheable units in {scope}"),
    }
}

fn push_headline(text: &mut String, figures: &Figures) {
    text.push_str("| | |\n|---|---|\n");
    for (name, value) in headline(figures) {
        let _ = writeln!(text, "| {name} | {} |", cell(&value));
    }
    if figures.n_unreadable_lines > 0 {
        let _ = writeln!(text, "| Unreadable lines of records | {} |", figures.n_unreadable_lines);
    }
}

fn push_build(text: &mut String, build: &BuildFigures) {
    let _ = writeln!(
        text,
        "{} units in {}, {} of them hits, in {}. {}.\n",
        build.units.len(),
        ms(build.wall_ms),
        build.n_hits,
        code(&build.place),
        match build.critical_ms {
            0 => "No unit had to be waited for".to_owned(),
            critical_ms => format!("Critical path: {} of {}", ms(critical_ms), ms(build.wall_ms)),
        }
    );
    if build.critical_ms == 0 {
        return;
    }
    text.push_str("| critical path | took | outcome |\n|---|---:|---|\n");
    let path = build.critical_path.iter().map(|index| &build.units[*index]);
    for unit in path.filter(|unit| unit.end_ms > unit.start_ms) {
        let (title, took) = (code(&unit.unit), ms(unit.end_ms - unit.start_ms));
        let _ = writeln!(text, "| {title} | {took} | {} |", unit.fate.name());
    }
}

fn push_misses(text: &mut String, units: &[CostlyUnit]) {
    text.push_str("| unit | compiled in | why | what to do |\n|---|---:|---|---|\n");
    for unit in units {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            code(&unit.unit),
            ms(unit.compile_ms),
            cell(&unit.reason),
            unit.advice.as_deref().map(cell_with_code).unwrap_or_default()
        );
    }
}

/// A name as code in a table cell: nothing in it is Markdown, mentions anybody, or ends the cell.
fn code(name: &str) -> String {
    let name = escape::line(name).replace('|', "\\|");
    // As many backticks as the name does not have one after the other.
    let longest = name.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if name.starts_with('`') || name.ends_with('`') || name.is_empty() { " " } else { "" };
    format!("{fence}{pad}{name}{pad}{fence}")
}

/// Text in a table cell. What it quotes comes from a project.
fn cell(text: &str) -> String {
    let mut safe = String::new();
    for c in escape::line(text).chars() {
        match c {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' => {
                safe.push('\\');
                safe.push(c);
            }
            // Nobody is mentioned.
            '@' => safe += "&#64;",
            c => safe.push(c),
        }
    }
    // An address would become a link.
    safe.replace("://", ":\u{200b}//")
}

/// Advice, whose commands and settings stay code.
fn cell_with_code(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts.map(|(index, part)| if index % 2 == 1 { code(part) } else { cell(part) }).collect()
}

fn ms(ms: u64) -> String {
    format_duration(Duration::from_millis(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_names() {
        assert_eq!(code("a|b"), "`a\\|b`");
        assert_eq!(code("`x``"), "``` `x`` ```");
        assert_eq!(cell("<b> @me [x](http://y) `z`"), "&lt;b&gt; &#64;me \\[x\\](http:\u{200b}//y) \\`z\\`");
        assert_eq!(cell_with_code("run `kache doctor` <now>"), "run `kache doctor` &lt;now&gt;");
    }
}
