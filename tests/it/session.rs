//! The environment that a shell, a job or an editor brings along: what of it changes what a compiler makes or prints is
//! never served to others, and what does not costs nothing.

use std::fs;
use std::path::Path;

use kache::outcome::Bypass;

use crate::observing::reading;
use crate::world::World;

/// Compiles a C file to a program or, with `-shared` among `flags`, a library.
fn compile_c(world: &World, path: &Path, source: &str, flags: &[&str]) {
    let file = path.with_extension("c");
    fs::create_dir_all(path.parent().expect("files are in directories")).expect("creates the directory");
    fs::write(&file, source).expect("writes the source");
    let mut command = world.command("cc");
    command.arg("-o").arg(path).args(flags).arg(&file);
    world.run(command).succeeds();
    fs::remove_file(file).expect("removes the source");
}

#[test]
fn preloaded_library_leaves_compiles_alone() {
    let mut world = World::project("two-crates");
    world.build().all_missed();
    let library = world.root().join("libextra.so");
    compile_c(&world, &library, "int extra(void) { return 1; }\n", &["-shared", "-fPIC"]);
    world.set("LD_PRELOAD", &library);
    let step = world.rebuild();
    step.succeeds();
    assert_eq!(step.bypasses(), [Bypass::LoadedCode; 2], "{step}");
    world.unset("LD_PRELOAD");
    world.rebuild().all_hit();
}

/// What they made the compiler print is not replayed, and they print where everything is in the store.
#[test]
fn noise_of_one_build_is_not_replayed_to_another() {
    let noises = [
        ("RUSTC_LOG", "rustc_metadata=info"),
        ("LD_DEBUG", "statistics"),
        ("MALLOC_CONF", "stats_print:true"),
        ("LD_PRELOAD", "/nonexistent.so"),
    ];
    for (variable, value) in noises {
        let mut world = World::project("two-crates");
        let printed = |step: &crate::step::Step| {
            let lines = step.stderr().lines();
            lines.filter(|line| !line.contains("Compiling") && !line.contains("Finished")).count()
        };
        world.set(variable, value);
        let first = world.build();
        first.succeeds();
        assert_eq!(first.n_bypasses(), first.records().len(), "{variable}\n{first}");
        world.unset(variable);
        let step = world.rebuild();
        step.all_missed();
        assert_eq!(printed(&step), 0, "{variable}\n{step}");
        world.set(variable, value);
        let again = world.rebuild();
        assert_eq!((again.n_hits(), again.n_misses()), (0, 0), "{variable}\n{again}");
    }
}

#[test]
fn panic_that_a_macro_survives_is_not_stored() {
    let mut world = reading("thread:data/one");
    let panics =
        "\"thread\" => std::thread::spawn(|| -> String { panic!(\"oh\") }).join().unwrap_or_default(),";
    world.edit(
        "reader/src/lib.rs",
        "\"thread\" => std::thread::scope(|scope| scope.spawn(|| text(path)).join().unwrap()),",
        panics,
    );
    for value in ["0", "1"] {
        world.set("RUST_BACKTRACE", value);
        let step = if value == "0" { world.build() } else { world.rebuild() };
        step.succeeds();
        assert!(step.stderr().contains("panicked at"), "{step}");
        assert_eq!(step.stderr().contains("stack backtrace:"), value == "1", "{step}");
        step.unstored_of("app", "bin");
    }
}
