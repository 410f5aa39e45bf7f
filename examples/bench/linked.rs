//! A hit of a unit that links much: a binary of 300 crates, whose link reads some 35 files of the system. All of them
//! are inputs, each of which is looked at.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::Result;
use crate::checkout;
use crate::clock;
use crate::contender::{Contender, Contenders};
use crate::hit;
use crate::options::Mode;
use crate::recording::Recording;
use crate::table::{Row, Table, Unit};

const N_CRATES: usize = 300;
const N_WARM_BUILDS: usize = 3;
const SUBJECT: &str = "hit: bin of 300 crates";

/// Each of them makes the linker read a file of the system, or two.
const SYSTEM_LIBRARIES: &[&str] = &[
    "BrokenLocale",
    "anl",
    "atomic",
    "dl",
    "gomp",
    "itm",
    "m",
    "pthread",
    "resolv",
    "rt",
    "ssp_nonshared",
    "stdc++",
    "supc++",
    "util",
];

/// Adds the rows of that binary.
pub(crate) fn measure(contenders: &Contenders, place: &Path, table: &mut Table) -> Result<()> {
    let home = place.join("linked");
    let checkout = home.join("checkout");
    write_project(&checkout)?;
    let (floor_store, warm) = build_with_floor(contenders, &home, &checkout)?;
    let (store, recordings) = hit::record(contenders, &checkout, &home)?;
    let linked = recordings.iter().find(|call| call.crate_name() == "linked");
    let linked = linked.ok_or("the binary was not built")?;
    hit::one_hit(contenders, SUBJECT, linked, &store, &home, table)?;
    let floor = hit_of_floor(contenders, linked, &floor_store)?;
    let figure =
        |what: &str, figure: Duration| Row::new(SUBJECT, what, hit::milliseconds(figure), Unit::Milliseconds);
    table.add(figure("wall of the floor", floor));
    table.add(figure("warm build of all, by the floor", warm));
    Ok(checkout::remove(&home)?)
}

/// Fills a store of the floor by a build in the same place, so that the command lines are the same; answers it, and how
/// long a warm build takes.
fn build_with_floor(contenders: &Contenders, home: &Path, checkout: &Path) -> Result<(PathBuf, Duration)> {
    let store = home.join("floor");
    fs::create_dir_all(&store)?;
    checkout::fetch(contenders, checkout)?;
    let build = || clock::measure(&mut contenders.cargo(Contender::Floor, Mode::Build, checkout, &store));
    build()?;
    let mut walls = Vec::new();
    for _ in 0..N_WARM_BUILDS {
        checkout::remove(&checkout.join("target"))?;
        walls.push(build()?.wall);
    }
    checkout::remove(&checkout.join("target"))?;
    Ok((store, clock::median(walls)))
}

fn hit_of_floor(contenders: &Contenders, linked: &Recording, store: &Path) -> Result<Duration> {
    let mut walls = Vec::new();
    for _ in 0..hit::N_HITS {
        let mut command = linked.command(&[contenders.floor.clone().into()]);
        walls.push(clock::measure(command.env("KACHE_CACHE_DIR", store))?.wall);
    }
    Ok(clock::median(walls))
}

/// Writes a workspace of 300 small libraries and the binary.
pub(crate) fn write_project(checkout: &Path) -> io::Result<()> {
    let (mut members, mut dependencies, mut sum) = (String::new(), String::new(), String::new());
    for n in 0..N_CRATES {
        let name = format!("part{n}");
        package(&checkout.join(&name), &name, "", ("lib.rs", &format!("pub fn value() -> u32 {{ {n} }}\n")))?;
        let _ = write!(members, "\"{name}\", ");
        let _ = writeln!(dependencies, "{name} = {{ path = \"../{name}\" }}");
        let _ = write!(sum, " + {name}::value()");
    }
    let dependencies = format!("[dependencies]\n{dependencies}");
    let linked = checkout.join("linked");
    package(
        &linked,
        "linked",
        &dependencies,
        ("main.rs", &format!("fn main() {{ println!(\"{{}}\", 0{sum}); }}\n")),
    )?;
    let libraries = SYSTEM_LIBRARIES.iter().filter(|name| is_installed(name));
    // Those that nothing needs are read as well.
    let lines: String =
        libraries.map(|name| format!("    println!(\"cargo::rustc-link-arg-bins=-l{name}\");\n")).collect();
    fs::write(linked.join("build.rs"), format!("fn main() {{\n{lines}}}\n"))?;
    fs::write(
        checkout.join("Cargo.toml"),
        format!("[workspace]\nresolver = \"3\"\nmembers = [{members}\"linked\"]\n"),
    )
}

fn package(directory: &Path, name: &str, more: &str, (file, source): (&str, &str)) -> io::Result<()> {
    fs::create_dir_all(directory.join("src"))?;
    fs::write(directory.join("src").join(file), source)?;
    let manifest = format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n{more}");
    fs::write(directory.join("Cargo.toml"), manifest)
}

/// Whether the linker finds the library: it is answered by a path then.
fn is_installed(name: &str) -> bool {
    ["so", "a"].iter().any(|suffix| {
        let asked = Command::new("cc").arg(format!("-print-file-name=lib{name}.{suffix}")).output();
        asked.is_ok_and(|output| output.stdout.contains(&b'/'))
    })
}
