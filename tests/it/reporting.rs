//! `kache report`: its figures are those of the records, and its formats cannot be taken over by names of a project.
#![allow(clippy::unwrap_used, reason = "a scenario ends where it cannot go on")]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::home::{Ended, Home};
use crate::skip::skip;
use crate::world::{World, package};

fn kache(world: &World, line: &str) -> Ended {
    let mut command = world.command(env!("CARGO_BIN_EXE_kache"));
    Ended::of(command.args(line.split(' ')).output().unwrap())
}

fn json_of(world: &World, line: &str) -> Value {
    serde_json::from_str(&kache(world, line).with(0, "\"format\": 1").out).unwrap()
}

/// Derives figures from record files without anything of kache.
const SCRIPT: &str = r#"
import glob, json, sys
all = [json.loads(line) for file in sorted(glob.glob(sys.argv[1] + "/*.jsonl")) for line in open(file)]
def took(r): return r["times"]["total_us"] // 1000
def figures(records):
    hits = [r for r in records if r["outcome"] == "hit"]
    misses = [r for r in records if r["outcome"] == "miss"]
    costly = sorted((r for r in records if r["outcome"] != "hit" and r["compile_ms"] > 0), key=lambda r: -r["compile_ms"])
    rate = len(hits) / (len(hits) + len(misses)) if hits or misses else None
    return {
        "n_units": len(records), "n_hits": len(hits), "n_misses": len(misses),
        "n_bypasses": sum(r["outcome"] == "bypass" for r in records),
        "n_edits": sum(r["outcome"] == "edit" for r in records),
        "hit_rate": rate, "saved_ms": sum(r["compile_ms"] for r in hits),
        "compiled_ms": sum(r["compile_ms"] for r in records if r["outcome"] in ("miss", "edit")),
        "stored_bytes": sum(r["bytes"]["stored"] for r in records),
        "restored": sum(r["bytes"][k] for r in records for k in ("linked", "cloned", "copied")),
        "costliest": [r["compile_ms"] for r in costly[:10]],
    }
n_last = int(sys.argv[2])
last = sorted(all, key=lambda r: r["time_ms"])[-n_last:]
path, at = [], max(last, key=lambda r: r["time_ms"])
while at:
    path.append(took(at))
    start = at["time_ms"] - took(at)
    before = [r for r in last if r["time_ms"] <= start and r["time_ms"] - took(r) < start]
    at = max(before, key=lambda r: r["time_ms"]) if before else None
wall = max(r["time_ms"] for r in last) - min(r["time_ms"] - took(r) for r in last)
print(json.dumps({"all": figures(all), "last": figures(last), "critical_ms": sum(path), "n_critical": len(path), "wall_ms": wall}))
"#;

fn figures(report: &Value) -> Value {
    let summary = &report["summary"];
    let mut figures = json!({});
    for name in ["n_units", "n_hits", "n_misses", "n_bypasses", "n_edits", "hit_rate", "stored_bytes"] {
        figures[name] = summary[name].clone();
    }
    for name in ["saved_ms", "compiled_ms"] {
        figures[name] = summary.get(name).cloned().unwrap_or(json!(0));
    }
    let restored =
        ["linked_bytes", "cloned_bytes", "copied_bytes"].map(|name| summary[name].as_u64().unwrap());
    figures["restored"] = json!(restored.iter().sum::<u64>());
    let costliest = report["costliest"].as_array().unwrap().iter();
    figures["costliest"] = costliest.map(|unit| unit["compile_ms"].clone()).collect();
    figures
}

#[test]
fn the_figures_are_those_of_the_records() {
    let world = World::project("two-crates");
    world.build().succeeds();
    world.edit("app/src/main.rs", "fn main() {", "fn main() { let _ = 1;");
    world.clean();
    let last = world.build();
    last.succeeds();
    let mut script = Command::new("python3");
    script.args(["-c", SCRIPT]).arg(world.cache().join("records")).arg(last.records().len().to_string());
    let Ok(output) = script.output() else { return skip("python3", "there is no Python") };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(figures(&json_of(&world, "report --json")), expected["all"]);
    let report = json_of(&world, "report --last-build --format json");
    assert_eq!(figures(&report), expected["last"]);
    let build = &report["last_build"];
    assert_eq!(build["wall_ms"], expected["wall_ms"]);
    assert_eq!(build["critical_ms"], expected["critical_ms"]);
    assert_eq!(
        build["critical_path"].as_array().unwrap().len(),
        expected["n_critical"].as_u64().unwrap() as usize
    );
    assert_eq!(build["place"], world.tree().display().to_string());
    assert_eq!(build["units"].as_array().unwrap().len(), last.records().len());
    // Every unit of the build runs in a lane of its own time.
    assert!(build["n_lanes"].as_u64() <= Some(last.records().len() as u64));
    kache(&world, "report").with(0, "Costliest misses").with(0, "`kache why-miss app` shows what differs");
    // No format reports on another period.
    assert_eq!(json_of(&world, "report --since 1d --json")["summary"]["n_units"], expected["all"]["n_units"]);
    assert_eq!(json_of(&world, "report --since 0s --json")["summary"]["n_units"], 0);
}

/// A home with records of one build, in which names try to be more than names.
fn hostile() -> Home {
    let home = Home::new();
    let name = "<script>alert(1)</script>|`x`@somebody\u{1b}[2J\u{202e}";
    let mut records = String::new();
    for n in 0..40_u64 {
        let outcome = match n % 4 {
            0 => json!({"outcome": "hit", "origin": "local"}),
            1 => {
                json!({"outcome": "miss", "reason": "new-unit", "unstored": {"unstored": "store-failed", "detail": "https://x.y/<b> | `z`"}})
            }
            2 => json!({"outcome": "edit", "edit": "source", "detail": "a|b"}),
            _ => json!({"outcome": "bypass", "reason": {"why": "probe"}}),
        };
        let mut record = outcome;
        record["format"] = json!(2);
        record["time_ms"] = json!(1_790_000_000_000_u64 + n * 50);
        record["unit"] = json!({"crate_name": format!("{name}{n}"), "version": "1.0.0", "kind": "lib", "id": format!("-{n}")});
        record["place"] = json!(format!("/home/{name}/w"));
        record["times"] = json!({"total_us": 90_000 + n * 1000});
        record["compile_ms"] = json!(n * 7 + 1);
        records += &format!("{record}\n");
    }
    home.write(".cache/kache/records/2026-09-21.jsonl", records);
    home
}

#[test]
fn names_of_a_project_stay_names_in_every_format() {
    let home = hostile();
    for format in ["text", "json", "markdown", "github", "html"] {
        let ended = home.run(&["report", "--format", format]);
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{format}");
        let text = &ended.out;
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{format}: {text}");
        if format == "html" {
            assert!(!text.contains("<script") && text.contains("&lt;script&gt;"), "{text}");
            assert_eq!(text.matches("<rect ").count(), 40);
        }
        if format == "markdown" || format == "github" {
            // Each row of the misses has four cells.
            let rows: Vec<&str> = text.lines().filter(|line| line.contains("| not stored")).collect();
            assert_eq!(rows.len(), 3, "{text}");
            for row in rows {
                let bars = row.replace("\\|", "").matches('|').count();
                assert_eq!(bars, 5, "{row}");
                assert!(row.contains("&lt;b&gt;") && !row.contains("https://"), "{row}");
            }
        }
        let file = home.path("report");
        home.run(&["report", "--format", format, "--output", "report"])
            .with(0, "note: the report is in report");
        let written = fs::read_to_string(&file).unwrap();
        assert!(!written.contains('\u{1b}'), "{written}");
        if format != "text" && format != "json" {
            assert_eq!(written, *text, "{format}");
        }
    }
    home.run(&["report", "--output", "nowhere/report"]).with(1, "error: failed to write ");
    assert!(
        home.run(&["report", "--format", "github"])
            .out
            .starts_with("<!-- kache report -->\n### kache: 50.0 % hits, ")
    );
}

#[test]
fn a_page_fetches_nothing_and_is_drawn_by_a_browser() {
    let home = hostile();
    home.run(&["report", "--format", "html", "--output", "report.html"]).with(0, "");
    let page = home.read("report.html");
    for word in ["<script", "<iframe", "<img", "@import", "url(", "src=", "href=\"http", "action="] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("content=\"default-src 'none'; style-src 'unsafe-inline'"));
    let browser = Path::new("/usr/bin/chromium");
    if !browser.exists() {
        return skip("chromium", "there is no browser");
    }
    let mut command = home.command(browser);
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
    ]);
    command.args(["--disable-component-update", "--disable-sync", "--enable-logging=stderr", "--dump-dom"]);
    command.arg(format!("--user-data-dir={}", home.path("browser").display()));
    let ended =
        Ended::of(command.arg(format!("file://{}", home.path("report.html").display())).output().unwrap());
    ended.with(0, "</svg>");
    assert_eq!(ended.out.matches("<rect ").count(), 40, "{}", ended.out);
    assert!(!ended.err.contains("CONSOLE"), "{}", ended.err);
}

#[test]
fn without_records_a_report_says_so() {
    let home = Home::new();
    home.run(&["report"]).with(0, "No builds with kache are recorded for this time.");
    home.run(&["report", "--format", "html"]).with(0, "No builds with kache are recorded");
    home.run(&["report", "--format", "github"]).with(0, "no cacheable units");
    home.run(&["report", "--last-build", "--since", "1d"]).with(2, "cannot be used with");
}

/// A chain of three crates, of which the lowest is edited.
fn chain() -> World {
    World::files(&[
        (
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"low\", \"middle\", \"high\", \"beside\"]\n",
        ),
        ("low/Cargo.toml", &package("low", "")),
        ("low/src/lib.rs", "pub const N: u8 = 1;\n"),
        ("middle/Cargo.toml", &package("middle", "[dependencies]\nlow = { path = \"../low\" }\n")),
        ("middle/src/lib.rs", "pub const N: u8 = low::N;\n"),
        ("high/Cargo.toml", &package("high", "[dependencies]\nmiddle = { path = \"../middle\" }\n")),
        ("high/src/main.rs", "fn main() { println!(\"{}\", middle::N); }\n"),
        ("beside/Cargo.toml", &package("beside", "")),
        ("beside/src/lib.rs", ""),
    ])
}

#[test]
fn misses_of_the_last_build_are_grouped_by_what_caused_them() {
    let world = chain();
    kache(&world, "why-miss").with(1, "no build is recorded in");
    world.build().succeeds();
    kache(&world, "why-miss")
        .with(0, "0 of 4 units were hits")
        .with(0, "the store has no earlier entry of it");
    world.edit("low/src/lib.rs", "= 1", "= 2");
    let step = world.rebuild();
    step.only_missed(&["low lib", "middle lib", "high bin"]);
    let said = kache(&world, "why-miss");
    said.with(0, "1 of 4 units were hits").with(0, "in 3 units: low 0.1.0 lib").with(0, "also compiled:");
    let report = json_of(&world, "why-miss --json");
    let causes = report["causes"].as_array().unwrap();
    assert_eq!(causes.len(), 1, "{report:#}");
    assert!(causes[0]["because"][0].as_str().unwrap().contains("low/src/lib.rs"), "{report:#}");
    let units = causes[0]["units"].as_array().unwrap();
    let total: u64 = units.iter().map(|unit| unit["compile_ms"].as_u64().unwrap()).sum();
    assert_eq!(causes[0]["compile_ms"], total);
    assert_eq!(units[0]["crate_name"], "low");
    assert_eq!((report["n_units"].as_u64(), report["n_hits"].as_u64()), (Some(4), Some(1)));
    world.rebuild().all_hit();
    let report = json_of(&world, "why-miss --json");
    assert_eq!((&report["causes"], &report["n_hits"]), (&json!([]), &json!(4)));
}
