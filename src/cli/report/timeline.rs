//! The timeline of a build as a drawing: a bar for each unit, in rows of what ran at the same time.

use std::fmt::Write as _;
use std::time::Duration;

use crate::cli::report::figures::{BuildFigures, UnitFigures};
use crate::config::units::format_duration;
use crate::report::escape;

const ROW: usize = 18;
/// Room for the scale above the rows.
const TOP: usize = 22;

/// The drawing, in SVG. Nothing in it is fetched or run.
pub fn svg(build: &BuildFigures) -> String {
    let height = TOP + build.n_lanes * ROW + 4;
    let mut svg =
        format!("<svg height=\"{height}\" role=\"img\" aria-label=\"Timeline of the last build\">\n");
    push_scale(&mut svg, build.wall_ms, height);
    for (index, unit) in build.units.iter().enumerate() {
        push_bar(&mut svg, build, unit, build.critical_path.contains(&index));
    }
    svg + "</svg>\n"
}

/// Where a moment of the build is drawn, in percent of the width.
fn x(build_ms: u64, wall_ms: u64) -> f64 {
    build_ms as f64 / wall_ms.max(1) as f64 * 100.0
}

fn push_scale(svg: &mut String, wall_ms: u64, height: usize) {
    for tenth in 0..10 {
        let ms = wall_ms * tenth / 10;
        let at = x(ms, wall_ms);
        let label = format_duration(Duration::from_millis(ms));
        let _ = writeln!(
            svg,
            "<line class=\"scale\" x1=\"{at:.1}%\" x2=\"{at:.1}%\" y1=\"0\" y2=\"{height}\"/>\
             <text class=\"scale\" x=\"{:.1}%\" y=\"12\">{label}</text>",
            at + 0.3
        );
    }
}

fn push_bar(svg: &mut String, build: &BuildFigures, unit: &UnitFigures, is_critical: bool) {
    let start = x(unit.start_ms - build.start_ms, build.wall_ms);
    // What took no time can still be seen.
    let width = (x(unit.end_ms - build.start_ms, build.wall_ms) - start).max(0.1);
    let class = if is_critical { " critical" } else { "" };
    let took = format_duration(Duration::from_millis(unit.end_ms - unit.start_ms));
    let _ = writeln!(
        svg,
        "<rect class=\"{}{class}\" x=\"{start:.3}%\" y=\"{}\" width=\"{width:.3}%\" height=\"{}\"><title>{}: {}, {took}\n{}</title></rect>",
        unit.fate.name(),
        TOP + unit.lane * ROW,
        ROW - 3,
        escape::html(&unit.unit),
        unit.fate.name(),
        escape::html(&unit.reason)
    );
}
