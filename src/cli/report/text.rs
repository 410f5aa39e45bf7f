//! The report for a terminal.

use std::time::Duration;

use crate::cli::report::figures::{BuildFigures, Figures, headline};
use crate::cli::table::Table;
use crate::config::units::format_duration;
use crate::report::escape;
use crate::report::text::{Style, Text};
use crate::report::words::counted;

/// The text.
pub fn text(figures: &Figures) -> Text {
    if figures.summary.n_units == 0 {
        return Text::from("No builds with kache are recorded for this time.\n");
    }
    let mut table = Table::new("<<");
    for (name, value) in headline(figures) {
        table.row([name, &value]);
    }
    let mut text = table.render("");
    if figures.n_unreadable_lines > 0 {
        let lines = counted(figures.n_unreadable_lines, "line");
        text.push(format!("\n{lines} of the records could not be read, and are not counted.\n"));
    }
    if let Some(build) = &figures.last_build {
        text.append(last_build(build));
    }
    if !figures.costliest.is_empty() {
        text.append(heading("\nCostliest misses\n"));
        // What many have in common is said once.
        for group in figures.costliest.chunk_by(|one, next| one.reason == next.reason) {
            for unit in group {
                text.push(format!("  {:>7}  {}\n", ms(unit.compile_ms), escape::line(&unit.unit)));
            }
            text.push(format!("           {}\n", escape::line(&group[0].reason)));
            if let Some(advice) = &group[0].advice {
                text.push(format!("           hint: {}\n", escape::line(advice)));
            }
        }
    }
    text
}

fn last_build(build: &BuildFigures) -> Text {
    let mut text = heading("\nLast build\n");
    text.push(format!(
        "  {} in {}, {} of them hits, in {}\n",
        counted(build.units.len(), "unit"),
        ms(build.wall_ms),
        build.n_hits,
        escape::line(&build.place)
    ));
    if build.critical_ms == 0 {
        text.push("  no unit had to be waited for\n");
        return text;
    }
    text.push(format!(
        "  critical path: {} of {}, in {}\n",
        ms(build.critical_ms),
        ms(build.wall_ms),
        counted(build.critical_path.len(), "unit")
    ));
    // The longest decide.
    let mut path: Vec<_> = build.critical_path.iter().map(|index| &build.units[*index]).collect();
    path.sort_by_key(|unit| std::cmp::Reverse(unit.end_ms - unit.start_ms));
    for unit in path.iter().take(5) {
        let (took, title) = (ms(unit.end_ms - unit.start_ms), escape::line(&unit.unit).into_owned());
        text.push(format!("  {took:>7}  {:<6}  {title}\n", unit.fate.name()));
    }
    text
}

fn heading(title: &str) -> Text {
    let mut text = Text::new();
    text.push_styled(Style::Heading, title);
    text
}

fn ms(ms: u64) -> String {
    format_duration(Duration::from_millis(ms))
}
