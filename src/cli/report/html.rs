//! The report as one page that fetches nothing and runs no script: it can be sent along, and be opened from a job's
//! artifacts.

use std::fmt::Write as _;
use std::time::Duration;

use crate::cli::report::figures::{BuildFigures, CostlyUnit, Figures, headline};
use crate::cli::report::timeline;
use crate::config::units::format_duration;
use crate::report::escape;

/// Allows the styles of the page, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";
const STYLE: &str = "\
:root { color-scheme: light dark; --hit: #2e7d32; --miss: #c62828; --edit: #ef6c00; --bypass: #757575; }
@media (prefers-color-scheme: dark) { :root { --hit: #66bb6a; --miss: #ef5350; --edit: #ffa726; --bypass: #9e9e9e; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } td, th { padding: .2rem 1rem .2rem 0; text-align: left; vertical-align: top; }
td.number { text-align: right; } td.number, th { white-space: nowrap; } code { overflow-wrap: anywhere; }
svg { width: 100%; } svg text { font-size: 10px; }
.scale { stroke: #8884; fill: currentColor; stroke-width: .5; } text.scale { stroke: none; opacity: .7; }
rect.hit, .key.hit { fill: var(--hit); background: var(--hit); } rect.miss, .key.miss { fill: var(--miss); background: var(--miss); }
rect.edit, .key.edit { fill: var(--edit); background: var(--edit); }
rect.bypass, .key.bypass { fill: var(--bypass); background: var(--bypass); }
rect.critical { stroke: currentColor; stroke-width: 1.5; } rect:hover { opacity: .7; }
.key { display: inline-block; width: .8em; height: .8em; margin: 0 .3em 0 1em; }
";

/// The page.
pub fn page(figures: &Figures) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>kache report</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <h1>kache report</h1>\n<table>\n"
    );
    for (name, value) in headline(figures) {
        let _ = writeln!(page, "<tr><th scope=\"row\">{name}</th><td>{}</td></tr>", escape::html(&value));
    }
    page += "</table>\n";
    if figures.n_unreadable_lines > 0 {
        let n = figures.n_unreadable_lines;
        let _ = writeln!(page, "<p>Lines of the records that could not be read: {n}</p>");
    }
    match &figures.last_build {
        Some(build) => push_build(&mut page, build),
        None => page += "<p>No builds with kache are recorded for this time.</p>\n",
    }
    if !figures.costliest.is_empty() {
        push_misses(&mut page, &figures.costliest);
    }
    page + "</body>\n</html>\n"
}

fn push_build(page: &mut String, build: &BuildFigures) {
    let _ = writeln!(
        page,
        "<h2>Last build</h2>\n<p>{} units in {}, {} of them hits, in <code>{}</code>. The build waited {} for the \
         units of its critical path, which are framed.</p>\n<p>",
        build.units.len(),
        ms(build.wall_ms),
        build.n_hits,
        escape::html(&build.place),
        ms(build.critical_ms)
    );
    for (class, meaning) in [
        ("hit", "served"),
        ("miss", "compiled and stored"),
        ("edit", "compiled incrementally"),
        ("bypass", "left alone"),
    ] {
        let _ = write!(page, "<span class=\"key {class}\"></span>{meaning}");
    }
    page.push_str("</p>\n");
    page.push_str(&timeline::svg(build));
}

fn push_misses(page: &mut String, units: &[CostlyUnit]) {
    page.push_str("<h2>Costliest misses</h2>\n<table>\n");
    page.push_str("<tr><th>Unit</th><th>Compiled in</th><th>Why</th><th>What to do</th></tr>\n");
    for unit in units {
        let _ = writeln!(
            page,
            "<tr><td><code>{}</code></td><td class=\"number\">{}</td><td>{}</td><td>{}</td></tr>",
            escape::html(&unit.unit),
            ms(unit.compile_ms),
            escape::html(&unit.reason),
            unit.advice.as_deref().map(with_code).unwrap_or_default()
        );
    }
    page.push_str("</table>\n");
}

/// Text in which commands and settings stand between backticks.
fn with_code(text: &str) -> String {
    let mut html = String::new();
    for (index, part) in text.split('`').enumerate() {
        if index % 2 == 1 {
            let _ = write!(html, "<code>{}</code>", escape::html(part));
        } else {
            html.push_str(&escape::html(part));
        }
    }
    html
}

fn ms(ms: u64) -> String {
    format_duration(Duration::from_millis(ms))
}
