//! What procedural macros, linkers and what they start read is seen, and decides: exactly that, and nothing else.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use kache::action::input_kinds::InputKind;
use kache::action::input_list::Basis;
use kache::outcome::Unstored;
use kache::store::Store;

use crate::step::{label, read_records};
use crate::world::{World, package};

/// A macro that does what its argument says, in the directory of the package that calls it.
const READER: &str = r##"
use std::path::{Path, PathBuf};
use proc_macro::{Literal, TokenStream, TokenTree};

unsafe extern "C" {
    fn mmap(at: *mut u8, n: usize, protection: i32, flags: i32, file: i32, offset: i64) -> *mut u8;
}

#[proc_macro]
pub fn get(input: TokenStream) -> TokenStream {
    let text = input.to_string();
    let (what, name) = text.trim_matches('"').split_once(':').unwrap();
    let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap());
    TokenTree::Literal(Literal::string(&found(what, name, &package.join(name)))).into()
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|_| "none".into()).trim().into()
}

fn names(path: &Path) -> Vec<PathBuf> {
    let mut names: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names
}

fn found(what: &str, name: &str, path: &Path) -> String {
    match what {
        "file" => text(path),
        OWN
        "cwd" => text(Path::new(name)),
        "is" => path.exists().to_string(),
        "set" => std::env::var(name).unwrap_or_else(|_| "none".into()),
        "filled" => std::env::vars().fold(text(path), |text, (name, value)| text.replace(&format!("${name}."), &value)),
        "goes" => {
            let here = std::env::current_dir().unwrap();
            let gone = std::env::set_current_dir(path).is_ok();
            std::env::set_current_dir(here).unwrap();
            gone.to_string()
        }
        "names" => names(path).iter().map(|path| path.file_name().unwrap().to_string_lossy()).collect::<Vec<_>>().join(","),
        "all" => names(path).iter().map(|path| text(path)).collect::<Vec<_>>().join(","),
        "real" => text(&path.canonicalize().unwrap()),
        "sh" => {
            let output = std::process::Command::new("sh").args(["-c", name]).output().unwrap();
            String::from_utf8(output.stdout).unwrap().trim().into()
        }
        "thread" => std::thread::scope(|scope| scope.spawn(|| text(path)).join().unwrap()),
        "mmap" => {
            use std::os::fd::AsRawFd;
            let file = std::fs::File::open(path).unwrap();
            let n = file.metadata().unwrap().len() as usize;
            let bytes = unsafe { std::slice::from_raw_parts(mmap(std::ptr::null_mut(), n, 1, 2, file.as_raw_fd(), 0), n) };
            String::from_utf8(bytes.to_vec()).unwrap()
        }
        "ask" => std::os::unix::net::UnixStream::connect(name).is_ok().to_string(),
        "write" => std::fs::write(path, "made").map(|()| "written".into()).unwrap(),
        "scratch" => {
            std::fs::create_dir(path).unwrap();
            std::fs::write(path.join("a"), "scratched").unwrap();
            let read = text(&path.join("a"));
            std::fs::remove_dir_all(path).unwrap();
            read
        }
        "long" => text(&PathBuf::from("x/".repeat(3000))),
        "bytes" => {
            use std::os::unix::ffi::OsStrExt;
            text(&path.join(std::ffi::OsStr::from_bytes(b"\xff")))
        }
        "away" => { let read = text(path); std::fs::remove_file(path).unwrap(); read }
        other => panic!("{other}"),
    }
}
"##;

/// `source` without what begins with `start` and ends with the next `end`.
fn without_arm(source: &str, start: &str, end: &str) -> String {
    let (before, rest) = source.split_once(start).expect("the arm is there");
    let (_, after) = rest.split_once(end).expect("it has an end");
    format!("{before}{after}")
}

/// A binary that prints what the macro found.
pub(crate) fn reading(call: &str) -> World {
    // Who knows at compile time where its own package is serves no other checkout.
    let own = r#""own" => text(&Path::new(env!("CARGO_MANIFEST_DIR")).join(name)),"#;
    let reader = READER.replace("OWN", if call.starts_with("own") { own } else { "" });
    // A macro that can start a program, or ask a server, is not followed by rules, whether or not it does.
    let reader = if call.starts_with("sh:") {
        reader
    } else {
        without_arm(&reader, "        \"sh\" => {", "        }\n")
    };
    let reader =
        if call.starts_with("ask:") { reader } else { without_arm(&reader, "        \"ask\" =>", "\n") };
    let world = World::files(&[
        ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"app\", \"reader\"]\n"),
        ("reader/Cargo.toml", &package("reader", "[lib]\nproc-macro = true\n")),
        ("reader/src/lib.rs", &reader),
        ("app/Cargo.toml", &package("app", "[dependencies]\nreader = { path = \"../reader\" }\n")),
        ("app/src/main.rs", &format!("fn main() {{ print!(\"{{}}\", reader::get!(\"{call}\")); }}\n")),
        ("app/data/one", "1"),
        ("app/data/two", "2"),
        ("app/unrelated", "0"),
        ("reader/data", "own 1"),
        ("root", "root 1"),
    ]);
    std::fs::write(world.root().join("trees/outside"), "out 1").expect("writes");
    world
}

pub(crate) fn build_prints(world: &World, call: &str, printed: &str) {
    let step = world.build();
    step.all_missed();
    assert!(step.all_observed(), "{call}: not everything was observed\n{step}");
    assert_eq!(world.run_bin("app"), printed, "{call}");
}

/// An edit is a miss of the binary alone, and prints what a plain build would.
pub(crate) fn misses_after(world: &World, call: &str, edit: impl FnOnce(&World), printed: &str) {
    // What nobody read is no input, whatever happens to it.
    world.write("app/unrelated", call);
    world.write("app/unrelated-too", call);
    world.rebuild().all_hit();
    edit(world);
    world.rebuild().only_missed(&["app bin"]);
    assert_eq!(world.run_bin("app"), printed, "{call}");
    world.rebuild().all_hit();
}

#[test]
fn a_file_that_a_macro_reads_decides_wherever_it_is_and_however_it_is_read() {
    let outside = |world: &World| world.root().join("trees/outside");
    type Edit = fn(&World);
    let table: [(&str, &str, Edit, &str); 9] = [
        ("file:data/one", "1", |world| world.write("app/data/one", "changed"), "changed"),
        ("own:data", "own 1", |world| world.write("reader/data", "own 2"), "own 2"),
        ("cwd:root", "root 1", |world| world.write("root", "root 2"), "root 2"),
        ("thread:data/one", "1", |world| world.write("app/data/one", "3"), "3"),
        ("mmap:data/one", "1", |world| world.write("app/data/one", "4"), "4"),
        ("sh:cat app/data/one", "1", |world| world.write("app/data/one", "5"), "5"),
        (
            "all:data",
            "1,2",
            |world| {
                world.write("app/data/one", "2");
                world.write("app/data/two", "1");
            },
            "2,1",
        ),
        ("goes:dir", "false", |world| world.write("app/dir/file", ""), "true"),
        ("is:data/three", "false", |world| world.write("app/data/three", ""), "true"),
    ];
    for (call, first, edit, then) in table {
        let world = reading(call);
        build_prints(&world, call, first);
        misses_after(&world, call, edit, then);
    }
    let world = reading("cwd:../outside");
    build_prints(&world, "outside", "out 1");
    misses_after(
        &world,
        "outside",
        |world| std::fs::write(outside(world), "out 2").expect("writes"),
        "out 2",
    );
}

#[test]
fn names_in_a_listed_directory_decide_and_their_content_does_not() {
    let world = reading("names:data");
    build_prints(&world, "names", "one,two");
    world.write("app/data/one", "other content");
    world.rebuild().all_hit();
    misses_after(&world, "names", |world| world.write("app/data/three", ""), "one,three,two");
    misses_after(&world, "names", |world| world.remove("app/data/one"), "three,two");
}

#[test]
fn a_file_that_appears_decides_and_so_does_one_that_goes() {
    let world = reading("file:absent/deep/file");
    build_prints(&world, "absent", "none");
    misses_after(&world, "absent", |world| world.write("app/absent/deep/file", "there"), "there");
    std::fs::remove_dir_all(world.tree().join("app/absent")).expect("removes");
    world.rebuild().all_hit();
    assert_eq!(world.run_bin("app"), "none");
}

#[test]
fn a_link_that_leads_elsewhere_decides() {
    for call in ["file:link", "real:link"] {
        let world = reading(call);
        let link = world.tree().join("app/link");
        symlink("data/one", &link).expect("links");
        build_prints(&world, call, "1");
        let point = |world: &World| {
            std::fs::remove_file(&link).expect("removes");
            symlink("data/two", world.tree().join("app/link")).expect("links");
        };
        misses_after(&world, call, point, "2");
        // No linker runs here, but a macro does.
        world.clean();
        world.cargo(["check"]).succeeds();
        std::fs::remove_file(&link).expect("removes");
        symlink("data/one", &link).expect("links");
        world.clean();
        world.cargo(["check"]).only_missed(&["app check bin"]);
    }
}

#[test]
fn what_a_script_does_decides_and_so_does_the_script() {
    let world = reading("sh:sh tool.sh");
    world.write("tool.sh", "cat app/data/one");
    build_prints(&world, "script", "1");
    misses_after(&world, "script", |world| world.write("app/data/one", "3"), "3");
    misses_after(&world, "script", |world| world.write("tool.sh", "cat app/data/two"), "2");
}

#[test]
fn the_commit_that_git_names_decides() {
    let world = reading("sh:git rev-parse HEAD");
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        git.args(args).current_dir(world.tree()).env("HOME", world.root()).env("GIT_CONFIG_NOSYSTEM", "1");
        let who = ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"];
        git.envs(who.map(|name| (name, "n")));
        let output = git.output().expect("git is there");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("names are text").trim().to_owned()
    };
    git(&["init", "-q"]);
    git(&["commit", "-q", "--allow-empty", "-m", "first"]);
    build_prints(&world, "git", &git(&["rev-parse", "HEAD"]));
    world.rebuild().all_hit();
    git(&["commit", "-q", "--allow-empty", "-m", "second"]);
    world.rebuild().only_missed(&["app bin"]);
    assert_eq!(world.run_bin("app"), git(&["rev-parse", "HEAD"]));
}

#[test]
fn what_is_read_under_one_feature_decides_there_alone() {
    let world = reading("file:data/one");
    world.write(
        "app/Cargo.toml",
        package("app", "[features]\nlazy = []\n[dependencies]\nreader = { path = \"../reader\" }\n"),
    );
    world.write(
        "app/src/main.rs",
        "#[cfg(feature = \"lazy\")] const X: &str = reader::get!(\"file:data/one\");\n\
         #[cfg(not(feature = \"lazy\"))] const X: &str = \"no\";\nfn main() { print!(\"{X}\"); }\n",
    );
    let lazy = || world.cargo(["build", "--features", "app/lazy"]);
    world.build().all_missed();
    lazy().missed(&["app bin"]);
    assert_eq!(world.run_bin("app"), "1");
    world.write("app/data/one", "2");
    world.rebuild().all_hit();
    assert_eq!(world.run_bin("app"), "no");
    lazy().missed(&["app bin"]);
    assert_eq!(world.run_bin("app"), "2");
}

#[test]
fn another_checkout_hits_with_its_own_files() {
    let world = reading("cwd:app/data/one");
    build_prints(&world, "checkout", "1");
    let other = world.checkout("other");
    other.build().all_hit();
    other.write("app/data/one", "other");
    other.rebuild().only_missed(&["app bin"]);
    assert_eq!(other.run_bin("app"), "other");
    world.rebuild().all_hit();
    assert_eq!(world.run_bin("app"), "1");
}

#[test]
fn a_file_beside_the_checkout_is_that_of_each_checkout() {
    let world = reading("cwd:../outside");
    build_prints(&world, "outside", "out 1");
    std::fs::create_dir(world.root().join("trees/below")).expect("creates");
    let other = world.relocate("below/other");
    other.build().missed(&["app bin"]);
    assert_eq!(other.run_bin("app"), "none");
}

#[test]
fn a_file_that_appears_above_another_checkout_decides_there() {
    let world = reading("cwd:../above");
    build_prints(&world, "nothing above", "none");
    std::fs::create_dir(world.root().join("trees/below")).expect("creates");
    std::fs::write(world.root().join("trees/below/above"), "there").expect("writes");
    let other = world.relocate("below/other");
    other.build().missed(&["app bin"]);
    assert_eq!(other.run_bin("app"), "there");
}

#[test]
fn what_a_macro_makes_for_itself_is_no_input() {
    let world = reading("scratch:scratch");
    build_prints(&world, "scratch", "scratched");
    world.rebuild().all_hit();
    assert_eq!(world.run_bin("app"), "scratched");
}

#[test]
fn a_compile_that_makes_a_file_besides_its_outputs_is_not_stored() {
    let world = reading("write:bindings");
    for attempt in 0..2 {
        let step = if attempt == 0 { world.build() } else { world.rebuild() };
        step.succeeds();
        let unstored = step.unstored_of("app", "bin");
        assert!(
            matches!(unstored, Unstored::UnexpectedOutput(what) if what.contains("app/bindings")),
            "{step}"
        );
        assert_eq!(std::fs::read_to_string(world.tree().join("app/bindings")).expect("was made"), "made");
        world.remove("app/bindings");
    }
}

#[test]
fn what_cannot_be_an_input_is_not_stored_and_says_why() {
    let in_doubt = |call: &str, says: &str, prepare: &dyn Fn(&World)| {
        let world = reading(call);
        prepare(&world);
        let step = world.build();
        step.succeeds();
        let unstored = format!("{:?}", step.unstored_of("app", "bin"));
        assert!(unstored.contains(says), "{call}: {unstored}");
    };
    in_doubt("long:", "longer than the system takes", &|_| {});
    in_doubt("bytes:data", "not UTF-8", &|_| {});
    in_doubt("away:data/one", "gone", &|_| {});
    in_doubt("file:pipe", "app/pipe: a pipe", &|world| {
        let pipe = world.tree().join("app/pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().expect("runs").success());
        let mut writes = Command::new("sh");
        writes.args(["-c", "echo 10 > app/pipe &"]).current_dir(world.tree());
        assert!(writes.status().expect("runs").success());
    });
    in_doubt("sh:mv ../moved ../there; cat ../there/x; mv ../there ../moved", "a program moved", &|world| {
        world.write("../moved/x", "1");
    });
    in_doubt("file:loop", "app/loop", &|world| {
        symlink("loop", world.tree().join("app/loop")).expect("links");
    });
}

#[test]
fn a_file_that_changes_after_it_was_read_is_not_stored() {
    let world = reading("sh:cat app/data/one; echo 7 > app/data/one");
    let step = world.build();
    step.succeeds();
    let unstored = step.unstored_of("app", "bin");
    assert!(matches!(unstored, Unstored::InputChanged(_) | Unstored::UnexpectedOutput(_)), "{unstored:?}");
}

/// Builds with a macro that runs `script` and then waits until somebody else has changed something by `change`.
fn build_while(script: &str, before: impl FnOnce(&World), change: impl FnOnce(&Path) + Send) -> Unstored {
    let world = reading(&format!("sh:{script}; : > ../asked; while [ -e ../asked ]; do sleep 0.01; done"));
    before(&world);
    let beside = world.tree().join("..");
    let step = world.cargo_while(&["build"], || {
        let asked = beside.join("asked");
        while !asked.exists() {
            std::thread::yield_now();
        }
        change(&beside);
        std::fs::remove_file(asked).expect("removes");
    });
    step.succeeds();
    step.unstored_of("app", "bin").clone()
}

#[test]
fn a_file_outside_that_changes_after_it_was_read_is_not_stored() {
    let change = |beside: &Path| std::fs::write(beside.join("outside"), "7").expect("writes");
    let unstored = build_while("cat ../outside", |_| (), change);
    assert!(matches!(&unstored, Unstored::InputChanged(path) if path.ends_with("outside")), "{unstored:?}");
}

#[test]
fn a_directory_outside_that_changes_after_it_was_listed_is_not_stored() {
    let make = |world: &World| std::fs::create_dir(world.tree().join("../listed")).expect("makes it");
    let change = |beside: &Path| std::fs::write(beside.join("listed/new"), "").expect("writes");
    let unstored = build_while("ls ../listed", make, change);
    assert!(matches!(&unstored, Unstored::InputChanged(path) if path.ends_with("listed")), "{unstored:?}");
}

#[test]
fn what_a_server_answers_is_not_stored() {
    let world = reading("ask:/no/server");
    let step = world.build();
    step.succeeds();
    let unstored = step.unstored_of("app", "bin");
    let says = |what: &str| what == "a program asked the server at /no/server";
    assert!(matches!(unstored, Unstored::InputsUnknown(what) if says(what)), "{unstored:?}");
}

#[test]
fn a_server_that_a_macro_starts_lives_on_and_holds_up_nothing() {
    let world = reading(
        "sh:setsid timeout 60 sh -c 'read go < go; cat app/data/one > /dev/null && touch ../served' >/dev/null 2>&1 </dev/null &",
    );
    let fifo = world.tree().join("go");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("runs").success());
    world.build().succeeds();
    // The build is over, and so is its wrapper: the server still can open files.
    std::fs::write(&fifo, "go\n").expect("it listens");
    let wait = "n=0; until test -e ../served; do n=$((n+1)); test $n -lt 100 || exit 1; sleep 0.05; done";
    let served = Command::new("sh").args(["-c", wait]).current_dir(world.tree()).status().expect("runs");
    assert!(served.success(), "the server was cut off");
}

/// A binary whose build script asks for these link arguments.
pub(crate) fn linking(arguments: &[&str]) -> World {
    let lines: String =
        arguments.iter().map(|it| format!("println!(\"cargo::rustc-link-arg={it}\");\n")).collect();
    let build = format!(
        "fn main() {{ let root = std::env::var(\"CARGO_MANIFEST_DIR\").unwrap(); let _ = &root;\n{lines}\
         println!(\"cargo::rerun-if-changed=build.rs\"); }}\n"
    );
    World::files(&[
        ("Cargo.toml", &package("linked", "")),
        ("build.rs", &build),
        ("src/main.rs", "fn main() { print!(\"linked\"); }\n"),
    ])
}

fn binary(world: &World) -> Vec<u8> {
    std::fs::read(world.target().join("debug/linked")).expect("was built")
}

fn link_file_decides(world: &World, edit: impl FnOnce(&World)) {
    let step = world.build();
    step.all_missed();
    assert!(step.all_observed(), "{step}");
    world.rebuild().all_hit();
    let before = binary(world);
    edit(world);
    world.rebuild().only_missed(&["linked bin"]);
    assert_ne!(binary(world), before, "what was edited goes into the output");
    world.rebuild().all_hit();
}

#[test]
fn a_linker_script_that_is_found_in_a_search_directory_decides() {
    let world = linking(&["-L{root}/scripts", "-lscripted"]);
    let script = |value: u32| format!("INPUT(-lc)\nkache_symbol = {value};\n");
    world.write("scripts/libscripted.so", script(1));
    link_file_decides(&world, |world| world.write("scripts/libscripted.so", script(2)));
}

#[test]
fn a_response_file_and_a_version_script_decide() {
    let world = linking(&["@{root}/more.args"]);
    let more = |name: &str| {
        format!("-Wl,--version-script={}/{name}\n-Wl,--undefined-version\n", world.tree().display())
    };
    world.write("one.map", "{ global: one; };\n");
    world.write("two.map", "V2 { global: main; };\n");
    world.write("more.args", more("one.map"));
    link_file_decides(&world, |world| world.write("more.args", more("two.map")));
    world.write("two.map", "V3 { global: main; };\n");
    world.rebuild().only_missed(&["linked bin"]);
}

/// A C library in a directory that nothing names but `-L`.
fn library(world: &World, value: u32, kind: &str) {
    let source = world.root().join("answer.c");
    std::fs::write(&source, format!("int answer(void) {{ return {value}; }}\n")).expect("writes");
    let dir = world.root().join("system");
    std::fs::create_dir_all(&dir).expect("creates");
    let cc = |args: &[&str]| {
        let ended =
            Command::new("cc").args(args).arg(&source).current_dir(&dir).status().expect("cc is there");
        assert!(ended.success());
    };
    if kind == "so" {
        cc(&["-shared", "-fPIC", "-o", "libanswer.so"]);
    } else {
        cc(&["-c", "-fPIC", "-o", "answer.o"]);
        let _ = std::fs::remove_file(dir.join("libanswer.a"));
        let ended = Command::new("ar").args(["rcs", "libanswer.a", "answer.o"]).current_dir(&dir).status();
        assert!(ended.expect("ar is there").success());
    }
}

/// Another version of the library is linked into the binary, which finds it where `world` has the linker look.
pub(crate) fn upgraded_library_decides(world: &World, kind: &str) {
    library(world, 1, kind);
    world.write(
        "src/main.rs",
        "#[link(name = \"answer\")]\nunsafe extern \"C\" { fn answer() -> i32; }\n\
         fn main() { print!(\"{}\", unsafe { answer() }); }\n",
    );
    world.build().all_missed();
    world.rebuild().all_hit();
    library(world, 2, kind);
    world.rebuild().only_missed(&["linked bin"]);
    if kind == "a" {
        assert_eq!(world.run_bin("linked"), "2");
    }
    world.rebuild().all_hit();
}

#[test]
fn a_library_that_is_upgraded_in_a_system_directory_decides() {
    for kind in ["so", "a"] {
        let world = linking(&[]);
        let system = world.root().join("system");
        world.write("build.rs", format!("fn main() {{ println!(\"cargo::rustc-link-arg=-L{}\"); println!(\"cargo::rerun-if-changed=build.rs\"); }}\n", system.display()));
        upgraded_library_decides(&world, kind);
    }
}

#[test]
fn another_cc_first_on_the_path_decides() {
    let mut world = linking(&[]);
    world.build().all_missed();
    let tools = world.root().join("tools");
    std::fs::create_dir(&tools).expect("creates");
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").expect("there is one"));
    world.set("PATH", &path);
    world.rebuild().all_hit();
    executable(&tools.join("cc"), "#!/bin/sh\nexec /usr/bin/cc -Wl,--defsym=kache_symbol=7 \"$@\"\n");
    world.rebuild().missed(&["linked bin", "linked build-script"]);
    world.rebuild().all_hit();
    executable(&tools.join("cc"), "#!/bin/sh\nexec /usr/bin/cc -Wl,--defsym=kache_symbol=8 \"$@\"\n");
    world.rebuild().missed(&["linked bin", "linked build-script"]);
}

#[test]
fn a_script_as_linker_is_cached_and_what_it_starts_decides() {
    let mut world = linking(&[]);
    let tools = world.root().join("tools");
    std::fs::create_dir(&tools).expect("creates");
    executable(&tools.join("gcc"), "#!/bin/sh\nexec \"$(dirname \"$0\")/real\" \"$@\"\n");
    executable(&tools.join("real"), "#!/bin/sh\nexec cc \"$@\"\n");
    world.set("RUSTFLAGS", format!("-Clinker={}", tools.join("gcc").display()));
    world.build().all_missed();
    world.rebuild().all_hit();
    executable(&tools.join("real"), "#!/bin/sh\nexec cc -Wl,--defsym=kache_symbol=8 \"$@\"\n");
    world.rebuild().missed(&["linked bin", "linked build-script"]);
}

pub(crate) fn executable(path: &Path, content: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, content).expect("writes");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("changes the mode");
}

#[test]
fn what_rules_take_for_read_by_a_link_was_seen_to_be_read() {
    let world = World::project("native-static");
    world.build().all_missed();
    let observed = linked_inputs(&world);
    let world = world.env("KACHE_OBSERVE", "off").env("KACHE_KEY_SALT", "rules");
    world.rebuild().all_missed();
    let assumed = linked_inputs(&world);
    let kinds = [InputKind::LinkFile, InputKind::LinkedCrate];
    let mut n_compared = 0;
    // Libraries that an attribute might name are taken for read, whether one does or not: an archive in a directory of
    // the build, and all of them in each directory of the linker.
    let is_guess =
        |name: &str| name.starts_with("<target>") && name.ends_with(".a") || Path::new(name).is_dir();
    let found = assumed.iter().filter(|(kind, name, _)| kinds.contains(kind) && !is_guess(name));
    for (kind, name, value) in found {
        let seen = observed.iter().any(|(kind, _, other)| {
            matches!(kind, InputKind::Read | InputKind::Extern | InputKind::StaticLibrary) && other == value
        });
        assert!(seen, "{kind:?} {name} was not seen\n{observed:#?}");
        n_compared += 1;
    }
    assert!(n_compared > 0, "rules found nothing: {assumed:#?}");
}

/// What the key of the binary that was built last was made from.
fn linked_inputs(world: &World) -> Vec<(InputKind, String, String)> {
    let records = read_records(&world.cache());
    let last = records.iter().rev().find(|record| label(record) == "app bin").expect("was built");
    let inputs = Store::at(&world.cache()).inputs(&last.key.expect("was stored")).expect("can be read");
    let all = inputs.unit.iter().chain(inputs.read.iter());
    all.map(|input| (input.kind, input.name.to_string(), format!("{:?}", input.value))).collect()
}

#[test]
fn without_observation_the_rules_decide_and_say_so() {
    let world = reading("file:data/one").env("KACHE_OBSERVE", "off");
    let step = world.build();
    step.all_missed();
    for record in step.records() {
        let inputs = record.inputs.as_ref().expect("is told");
        assert_eq!((inputs.basis, inputs.unobserved.as_deref()), (Basis::Assumed, Some("observing is off")));
    }
    world.rebuild().all_hit();
    // The package as a whole counts: nobody knows what the macro read of it.
    world.write("app/unrelated", "changed");
    world.rebuild().only_missed(&["app bin"]);
    // Builds that can observe do not trust entries made by rules, but builds with rules alone trust observed entries.
    let world = world.env("KACHE_OBSERVE", "auto");
    world.rebuild().all_missed();
    let world = world.env("KACHE_OBSERVE", "off");
    let step = world.rebuild();
    step.all_hit();
    assert!(step.all_observed(), "{step}");
}

#[test]
fn under_another_observer_builds_succeed_by_the_rules() {
    let world = reading("file:data/one");
    let build = |world: &World| {
        let n_before = read_records(&world.cache()).len();
        let mut outer = world.command("cargo");
        outer.arg("build");
        let (observed, _) = crate::outer::observe(outer);
        assert!(observed.success());
        read_records(&world.cache()).split_off(n_before)
    };
    let records = build(&world);
    assert_eq!(records.len(), 2);
    for record in &records {
        let inputs = record.inputs.as_ref().expect("is told");
        assert_eq!(inputs.unobserved.as_deref(), Some("observed already"), "{record:?}");
        assert!(matches!(record.outcome, kache::outcome::Outcome::Miss { unstored: None, .. }), "{record:?}");
    }
    world.clean();
    let records = build(&world);
    assert!(
        records.iter().all(|record| matches!(record.outcome, kache::outcome::Outcome::Hit { .. })),
        "{records:?}"
    );
}

#[test]
fn in_a_sandbox_without_filters_builds_succeed_by_the_rules() {
    let world = reading("file:data/one");
    let mut cargo = world.command("cargo");
    cargo.arg("build");
    crate::outer::forbid(&mut cargo, &[libc::SYS_seccomp]);
    let step = world.run(cargo);
    step.all_missed();
    for record in step.records() {
        let why = record.inputs.as_ref().and_then(|inputs| inputs.unobserved.as_deref());
        assert_eq!(why, Some("seccomp: Operation not permitted (os error 1)"), "{record:?}");
    }
    world.clean();
    let mut cargo = world.command("cargo");
    cargo.arg("build");
    crate::outer::forbid(&mut cargo, &[libc::SYS_seccomp]);
    world.run(cargo).all_hit();
}

/// Nothing shows that a script reads a variable; its name stands in it.
#[test]
fn a_variable_that_a_script_in_front_of_the_linker_reads_decides() {
    let mut world = World::files(&[
        ("Cargo.toml", &package("marked", "")),
        (
            "src/main.rs",
            "unsafe extern \"C\" { static marker: u8; }\nfn main() { println!(\"{}\", &raw const marker as usize); }\n",
        ),
        ("more.sh", "more=\"-Wl,--defsym=marker=${MARKED_WITH:-16}\"\n"),
    ]);
    let linker = world.tree().join("linker");
    let script = format!("#!/bin/sh\n. {}/more.sh\nexec cc \"$@\" $more -no-pie\n", world.tree().display());
    std::fs::write(&linker, script).expect("writes");
    std::fs::set_permissions(&linker, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("is a program");
    world.set("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER", &linker);
    world.set("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", &linker);
    world.build().all_missed();
    assert_eq!(world.run_bin("marked"), "16\n");
    world.set("MARKED_WITH", "32");
    world.rebuild().all_missed();
    assert_eq!(world.run_bin("marked"), "32\n");
    world.unset("MARKED_WITH");
    world.rebuild().all_hit();
    assert_eq!(world.run_bin("marked"), "16\n");
}

/// Cargo adds no hash to the name of a `cdylib`, so other crates' names begin with it.
#[test]
fn a_library_whose_name_others_begin_with_is_linked_again_with_them() {
    let world = World::files(&[
        ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"foo\", \"foo_sys\", \"wrap\"]\n"),
        (
            "foo/Cargo.toml",
            &package(
                "foo",
                "[lib]\ncrate-type = [\"cdylib\"]\n[dependencies]\nwrap = { path = \"../wrap\" }\n",
            ),
        ),
        ("foo/src/lib.rs", "#[unsafe(no_mangle)]\npub extern \"C\" fn foo() -> i32 { wrap::value() }\n"),
        ("wrap/Cargo.toml", &package("wrap", "[dependencies]\nfoo_sys = { path = \"../foo_sys\" }\n")),
        ("wrap/src/lib.rs", "pub fn value() -> i32 { unsafe { foo_sys::cval() } }\n"),
        ("foo_sys/Cargo.toml", &package("foo_sys", "")),
        ("foo_sys/src/lib.rs", "unsafe extern \"C\" { pub fn cval() -> i32; }\n"),
        ("foo_sys/c.c", "int cval(void) { return 1; }\n"),
        (
            "foo_sys/build.rs",
            r#"
            fn main() {
                println!("cargo::rerun-if-changed=c.c");
                let out = std::env::var("OUT_DIR").unwrap();
                let run = format!("cc -c -fPIC c.c -o {out}/c.o && rm -f {out}/libcval.a && ar crs {out}/libcval.a {out}/c.o");
                assert!(std::process::Command::new("sh").args(["-c", &run]).status().unwrap().success());
                println!("cargo::rustc-link-search=native={out}");
                println!("cargo::rustc-link-lib=static=cval");
            }
            "#,
        ),
    ]);
    world.build().all_missed();
    world.edit("foo_sys/c.c", "1", "2");
    world.rebuild().only_missed(&["foo lib", "foo_sys lib"]);
    world.same_as_plain_cargo();
}
