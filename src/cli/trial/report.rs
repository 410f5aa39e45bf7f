//! The report of `kache try`: a table for people, one JSON object for programs.

use std::path::Path;

use serde::Serialize;

use crate::cli::session::Report;
use crate::cli::table::Table;
use crate::cli::trial::figures::{Figures, Unserved};
use crate::config::units::format_bytes;
use crate::report::format::Format;
use crate::report::text::{Style, Text};

/// The report.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::cli) struct TrialReport {
    pub(super) format: Format<1>,
    /// Its path; none for the bundled workspace.
    pub(super) workspace: Option<String>,
    pub(super) command: String,
    pub(super) n_processors: usize,
    pub(super) builds: Vec<Figures>,
    pub(super) unserved: Vec<Unserved>,
}

impl Report for TrialReport {}

pub(super) const COLD: &str = "cold";
pub(super) const WARM: &str = "warm";
pub(super) const SECOND: &str = "second-checkout";
pub(super) const PLAIN: &str = "plain";

fn title(build: &str) -> &str {
    match build {
        COLD => "cold, into an empty store",
        WARM => "warm, after removing target",
        SECOND => "warm, in a second checkout",
        PLAIN => "cargo alone",
        other => other,
    }
}

fn size(n_bytes: u64) -> String {
    if n_bytes == 0 { "-".to_owned() } else { format_bytes(n_bytes) }
}

impl TrialReport {
    /// The report for people; `kache` is the path of this program.
    pub(super) fn render(&self, kache: &Path) -> Text {
        let workspace = self.workspace.as_deref().unwrap_or("the bundled workspace");
        let (command, n_processors) = (&self.command, self.n_processors);
        let mut text = Text::from(format!("{workspace}: `{command}` on {n_processors} processors\n\n"));
        text.append(self.table().render("  "));
        text.push("\n");
        if let Some(ratios) = self.ratios() {
            text.push_styled(Style::Ok, ratios);
            text.push("\n");
        }
        text.push(self.again());
        text.append(self.reasons());
        let kache = kache.display();
        text.push(format!("To use it now, run `export RUSTC_WRAPPER={kache}` and build as usual.\n"));
        text
    }

    fn table(&self) -> Table {
        let mut table = Table::new("<>>>>>");
        table.heading(["", "units", "hits", "seconds", "shared", "copied"]);
        for Figures { build, elapsed_ms, units } in &self.builds {
            let seconds = format!("{:.1}", *elapsed_ms as f64 / 1000.0);
            let Some(units) = units else {
                table.row([title(build), "-", "-", &seconds, "-", "-"]);
                continue;
            };
            table.row([
                title(build),
                &units.n_units.to_string(),
                &units.n_hits.to_string(),
                &seconds,
                &size(units.linked_bytes + units.cloned_bytes),
                &size(units.copied_bytes),
            ]);
        }
        table
    }

    fn elapsed_ms(&self, build: &str) -> Option<f64> {
        let figures = self.builds.iter().find(|figures| figures.build == build)?;
        Some(figures.elapsed_ms as f64)
    }

    fn ratios(&self) -> Option<String> {
        let plain = self.elapsed_ms(PLAIN).filter(|plain| *plain > 0.0)?;
        let (cold, warm) = (self.elapsed_ms(COLD)? / plain, self.elapsed_ms(WARM)? / plain);
        Some(format!(
            "Compared with cargo alone, cold took {:.0} % and warm {:.0} % of the time.",
            cold * 100.0,
            warm * 100.0
        ))
    }

    /// Whether the builds after the warm ones had nothing to do.
    fn again(&self) -> String {
        let warm = self.builds.iter().filter(|figures| figures.build != COLD);
        let n_again: usize =
            warm.filter_map(|figures| figures.units.as_ref()).map(|units| units.n_units_again).sum();
        match n_again {
            0 => "After each warm build, another one had nothing to do.\n".to_owned(),
            n => format!(
                "After the warm builds, another build had to repeat {n} units, although nothing had changed.\n"
            ),
        }
    }

    fn reasons(&self) -> Text {
        let mut text = Text::new();
        if self.unserved.is_empty() {
            return text;
        }
        let mut table = Table::new("<<<");
        for Unserved { build, unit, why } in &self.unserved {
            table.row([title(build), unit, why]);
        }
        text.push("\nNot served from the cache:\n");
        text.append(table.render("  "));
        text.push("\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cli::trial::figures::UnitFigures;

    fn report() -> TrialReport {
        let units =
            |n_hits, linked_bytes| UnitFigures { n_units: 3, n_hits, linked_bytes, ..UnitFigures::default() };
        let build =
            |name, ms, units| Figures { units, ..Figures::new(name, Duration::from_millis(ms), None) };
        TrialReport {
            format: Format,
            workspace: Some("/code/app".to_owned()),
            command: "cargo build".to_owned(),
            n_processors: 2,
            builds: vec![
                build(COLD, 10_400, Some(units(0, 0))),
                build(WARM, 1_000, Some(units(2, 3 << 20))),
                build(PLAIN, 10_000, None),
            ],
            unserved: vec![Unserved { build: WARM, unit: "app bin".into(), why: "linker".into() }],
        }
    }

    #[test]
    fn table_of_the_readme_is_what_is_printed() {
        const MIB: f64 = 1024.0 * 1024.0;
        let bytes = |mib: f64| (mib * MIB) as u64;
        let build =
            |name, ms, units| Figures { units, ..Figures::new(name, Duration::from_millis(ms), None) };
        let units = |n_hits, linked, copied| {
            let (linked_bytes, copied_bytes) = (bytes(linked), bytes(copied));
            Some(UnitFigures { n_units: 66, n_hits, linked_bytes, copied_bytes, ..UnitFigures::default() })
        };
        let report = TrialReport {
            builds: vec![
                build(COLD, 12_500, units(0, 0.0, 0.0)),
                build(WARM, 500, units(66, 76.3, 176.4)),
                build(SECOND, 700, units(65, 76.3, 168.2)),
                build(PLAIN, 11_300, None),
            ],
            ..report()
        };
        let table = report.table().render("  ").plain();
        let readme = include_str!("../../../README.md").replace("\r\n", "\n");
        assert!(readme.contains(&table), "{table}");
    }

    #[test]
    fn the_table_shows_costs_and_savings() {
        assert_eq!(
            report().render(Path::new("/bin/kache")).plain(),
            "\
/code/app: `cargo build` on 2 processors

                               units  hits  seconds  shared  copied
  cold, into an empty store        3     0     10.4       -       -
  warm, after removing target      3     2      1.0   3 MiB       -
  cargo alone                      -     -     10.0       -       -

Compared with cargo alone, cold took 104 % and warm 10 % of the time.
After each warm build, another one had nothing to do.

Not served from the cache:
  warm, after removing target  app bin  linker

To use it now, run `export RUSTC_WRAPPER=/bin/kache` and build as usual.
"
        );
    }

    #[test]
    fn repeated_builds_are_reported() {
        let mut report = report();
        report.builds[1].units.as_mut().unwrap().n_units_again = 2;
        assert!(report.render(Path::new("k")).plain().contains("another build had to repeat 2 units"));
    }

    #[test]
    fn json_has_the_same_figures() {
        let json = serde_json::to_value(report()).unwrap();
        assert_eq!(json["builds"][1]["n_hits"], 2);
        assert_eq!(json["builds"][2]["elapsed_ms"], 10_000);
        assert!(json["builds"][2].get("n_hits").is_none());
        assert_eq!(json["unserved"][0]["unit"], "app bin");
    }
}
