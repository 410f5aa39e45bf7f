//! What neither the dep-info nor a rule can tell where compiles are not observed: the assembler's files, and procedural
//! macros that do more than read.

use kache::outcome::{Bypass, Unstored};

use crate::step::Step;
use crate::world::{World, package};

/// The binary `app`, which depends on `dep`, without observation.
fn world(dep: &str, app: &str) -> World {
    let world = World::files(&[
        ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"app\", \"dep\"]\n"),
        ("dep/Cargo.toml", &package("dep", "")),
        ("dep/src/lib.rs", dep),
        ("app/Cargo.toml", &package("app", "[dependencies]\ndep = { path = \"../dep\" }\n")),
        ("app/src/main.rs", app),
    ]);
    world.env("KACHE_OBSERVE", "off")
}

/// The same where `dep` is a procedural macro.
fn macro_world(dep: &str, app: &str) -> World {
    let world = world(&format!("use proc_macro::TokenStream;\n{dep}"), app);
    world.write("dep/Cargo.toml", package("dep", "[lib]\nproc-macro = true\n"));
    world
}

/// `name` was compiled and not stored because its inputs are not known, for a reason with `why` in it.
fn is_unknown(step: &Step, name: &str, kind: &str, why: &str) {
    step.succeeds();
    let unstored = step.unstored_of(name, kind);
    assert!(matches!(unstored, Unstored::InputsUnknown(said) if said.contains(why)), "{step}");
}

const BLOB: &str = r#"
std::arch::global_asm!(".section .rodata,\"a\"", ".globl the_blob", "the_blob:", ".incbin \"dep/blob.txt\"", ".byte 0",
    ".include \"dep/outer.s\"", ".text");
unsafe extern "C" { static the_blob: u8; static the_number: u32; }
pub fn blob() -> (String, u32) {
    unsafe { (std::ffi::CStr::from_ptr(&raw const the_blob as *const _).to_str().unwrap().to_owned(), the_number) }
}
"#;

#[test]
fn files_that_the_assembler_reads_are_inputs() {
    let world = world(BLOB, "fn main() { println!(\"{:?}\", dep::blob()); }\n");
    world.write("dep/blob.txt", "one");
    world.write("dep/outer.s", ".include \"dep/inner.s\"\n");
    world.write("dep/inner.s", ".globl the_number\n.p2align 2\nthe_number: .long 11\n");
    world.build().all_missed();
    world.rebuild().all_hit();
    world.write("dep/blob.txt", "two");
    world.rebuild().all_missed();
    assert_eq!(world.run_bin("app"), "(\"two\", 11)\n");
    world.edit("dep/inner.s", "11", "22");
    world.rebuild().all_missed();
    assert_eq!(world.run_bin("app"), "(\"two\", 22)\n");
    world.write("dep/blob.txt", "one");
    world.edit("dep/inner.s", "22", "11");
    world.rebuild().all_hit();
    assert_eq!(world.run_bin("app"), "(\"one\", 11)\n");
    let other = world.checkout("other");
    other.write("dep/blob.txt", "six");
    other.build().all_missed();
    assert_eq!(other.run_bin("app"), "(\"six\", 11)\n");
    other.same_as_plain_cargo();
}

/// The package whose blob is read by this in place of a literal directive is never stored, so an edit is always seen.
#[track_caller]
fn is_never_stored(directive: &str, why: &str) {
    let dep = BLOB.replace(r#"".incbin \"dep/blob.txt\"""#, directive);
    assert_ne!(dep, BLOB);
    let world = world(&dep, "fn main() { println!(\"{:?}\", dep::blob()); }\n");
    world.write("dep/blob.txt", "one");
    world.write("dep/outer.s", ".globl the_number\n.p2align 2\nthe_number: .long 11\n");
    world.write("dep/src/blob.s", ".MACRO embed a\n.inc\\a \"dep/blob.txt\"\n.endm\nembed bin\n");
    is_unknown(&world.build(), "dep", "lib", why);
    world.write("dep/blob.txt", "two");
    is_unknown(&world.rebuild(), "dep", "lib", why);
    assert_eq!(world.run_bin("app"), "(\"two\", 11)\n", "{directive}");
}

#[test]
fn assembled_file_with_a_computed_name_is_not_stored() {
    let named = r#"concat!(".incbin \"", env!("CARGO_MANIFEST_DIR"), "/blob.txt\"")"#;
    is_never_stored(named, "not named literally");
}

#[test]
fn assembled_file_of_a_composed_directive_is_not_stored() {
    for composed in [
        r#"concat!(".inc", "bin \"dep/blob.txt\"")"#,
        r#"".inc\x62in \"dep/blob.txt\"""#,
        r#"".\u{69}ncbin \"dep/blob.txt\"""#,
        "\".inc\\\n    bin \\\"dep/blob.txt\\\"\"",
        r#"".macro embed a", ".inc\\a \"dep/blob.txt\"", ".endm", "embed bin""#,
        r#"include_str!("blob.s")"#,
    ] {
        is_never_stored(composed, "composed directive");
    }
}

#[test]
fn crates_that_use_a_macro_which_assembles_a_file_are_not_stored() {
    let dep = r#"
        #[macro_export]
        macro_rules! embed {
            ($file:literal) => {
                std::arch::global_asm!(".section .rodata,\"a\"", ".globl the_blob", "the_blob:",
                    concat!(".incbin \"", $file, "\""), ".byte 0", ".text");
            };
        }
    "#;
    let app = r#"
        dep::embed!("app/blob.txt");
        unsafe extern "C" { static the_blob: u8; }
        fn main() {
            println!("{}", unsafe { std::ffi::CStr::from_ptr(&raw const the_blob as *const _) }.to_str().unwrap());
        }
    "#;
    let world = world(dep, app);
    world.write("app/blob.txt", "one");
    is_unknown(&world.build(), "app", "bin", "assembler");
    world.write("app/blob.txt", "two");
    is_unknown(&world.rebuild(), "app", "bin", "assembler");
    assert_eq!(world.run_bin("app"), "two\n");
}

/// The function is compiled where it is used.
#[test]
fn crates_that_inline_a_function_which_assembles_a_file_are_not_stored() {
    let dep = r#"
        pub fn number<T>(_: T) -> u32 {
            let number: u32;
            unsafe { std::arch::asm!(".include \"dep/number.s\"", out("eax") number) };
            number
        }
    "#;
    let world = world(dep, "fn main() { println!(\"{}\", dep::number(())); }\n");
    world.write("dep/number.s", "mov eax, 1\n");
    is_unknown(&world.build(), "app", "bin", "assembler");
    world.write("dep/number.s", "mov eax, 2\n");
    is_unknown(&world.rebuild(), "app", "bin", "assembler");
    assert_eq!(world.run_bin("app"), "2\n");
}

#[test]
fn crates_whose_procedural_macro_makes_assembly_are_not_stored() {
    let dep = r#"
        #[proc_macro]
        pub fn embed(file: TokenStream) -> TokenStream {
            let file = file.to_string();
            let file = file.trim_matches('"');
            let lines = ["the_blob:".to_owned(), format!(".incbin \"{file}\""), ".byte 0".to_owned()];
            format!("std::arch::global_asm!(\".globl the_blob\", {:?}, {:?}, {:?});", lines[0], lines[1], lines[2])
                .parse().unwrap()
        }
    "#;
    let app = r#"
        dep::embed!("blob.txt");
        unsafe extern "C" { static the_blob: u8; }
        fn main() {
            println!("{}", unsafe { std::ffi::CStr::from_ptr(&raw const the_blob as *const _) }.to_str().unwrap());
        }
    "#;
    let world = macro_world(dep, app);
    world.write("blob.txt", "one");
    is_unknown(&world.build(), "app", "bin", "assembler");
    world.write("blob.txt", "two");
    is_unknown(&world.rebuild(), "app", "bin", "assembler");
    assert_eq!(world.run_bin("app"), "two\n");
}

/// Writes a file into the directory that a variable names.
const WRITER: &str = r#"
    #[proc_macro]
    pub fn query(_: TokenStream) -> TokenStream {
        if let Some(dir) = std::env::var_os("QUERIES_DIR") {
            std::fs::create_dir_all(&dir).unwrap();
            std::fs::write(std::path::Path::new(&dir).join("query.json"), "{}").unwrap();
        }
        "1".parse().unwrap()
    }
"#;

#[test]
fn procedural_macro_that_writes_a_file_is_not_stored() {
    let app = "fn main() { println!(\"{}\", dep::query!()); }\n";
    // In the workspace and beside it, new and over what was there.
    for place in ["trees/first/queries", "elsewhere/queries"] {
        let mut world = macro_world(WRITER, app);
        let dir = world.root().join(place);
        world.set("QUERIES_DIR", &dir);
        let step = world.build();
        step.succeeds();
        assert!(matches!(step.unstored_of("app", "bin"), Unstored::UnexpectedOutput(_)), "{place} {step}");
        let step = world.rebuild();
        step.succeeds();
        assert!(matches!(step.unstored_of("app", "bin"), Unstored::UnexpectedOutput(_)), "{place} {step}");
        std::fs::remove_dir_all(&dir).expect("the macro has made it");
        world.rebuild().succeeds();
        assert!(dir.join("query.json").exists(), "{place}");
        world.unset("QUERIES_DIR");
        world.rebuild().only_missed(&["app bin"]);
        world.rebuild().all_hit();
    }
}

/// Only the file is missing afterwards: nothing that was read or asked for differs.
#[test]
fn file_elsewhere_that_a_procedural_macro_overwrites_is_written_by_every_build() {
    for observe in ["auto", "off"] {
        let mut world = macro_world(WRITER, "fn main() { println!(\"{}\", dep::query!()); }\n");
        world.set("KACHE_OBSERVE", observe);
        let dir = world.root().join("elsewhere");
        world.set("QUERIES_DIR", &dir);
        world.build().succeeds();
        let step = world.rebuild();
        step.succeeds();
        assert!(matches!(step.unstored_of("app", "bin"), Unstored::UnexpectedOutput(_)), "{observe} {step}");
        std::fs::remove_file(dir.join("query.json")).expect("the macro has made it");
        world.rebuild().succeeds();
        assert!(dir.join("query.json").exists(), "{observe}");
    }
}

#[test]
fn procedural_macro_that_starts_a_program_is_not_stored() {
    let dep = r#"
        #[proc_macro]
        pub fn ask(_: TokenStream) -> TokenStream {
            let output = std::process::Command::new("cat").arg("answer.txt").output().unwrap();
            String::from_utf8(output.stdout).unwrap().parse().unwrap()
        }
    "#;
    let world = macro_world(dep, "fn main() { println!(\"{}\", dep::ask!()); }\n");
    world.write("answer.txt", "1");
    is_unknown(&world.build(), "app", "bin", "can start programs");
    world.write("answer.txt", "2");
    is_unknown(&world.rebuild(), "app", "bin", "can start programs");
    assert_eq!(world.run_bin("app"), "2\n");
}

#[test]
fn procedural_macro_that_asks_a_server_is_not_stored() {
    let dep = r#"
        #[proc_macro]
        pub fn ask(_: TokenStream) -> TokenStream {
            let answers = std::net::TcpStream::connect("127.0.0.1:9").is_ok();
            answers.to_string().parse().unwrap()
        }
    "#;
    let world = macro_world(dep, "fn main() { println!(\"{}\", dep::ask!()); }\n");
    is_unknown(&world.build(), "app", "bin", "can ask servers");
}

#[test]
fn procedural_macro_that_only_computes_is_served() {
    let dep = "#[proc_macro]\npub fn one(_: TokenStream) -> TokenStream { \"1\".parse().unwrap() }\n";
    let world = macro_world(dep, "fn main() { println!(\"{}\", dep::one!()); }\n");
    world.build().all_missed();
    world.rebuild().all_hit();
    // A log of the build is no work of a macro.
    world.write("build.log", "");
    world.rebuild().all_hit();
}

/// The compiler writes a profile for the macro when it ends.
#[test]
fn dependents_of_a_procedural_macro_that_measures_coverage_are_not_served() {
    for observe in ["off", "auto"] {
        let dep = "#[proc_macro]\npub fn one(_: TokenStream) -> TokenStream { \"1\".parse().unwrap() }\n";
        let mut world = macro_world(dep, "fn main() { println!(\"{}\", dep::one!()); }\n")
            .env("KACHE_OBSERVE", observe)
            .env("RUSTFLAGS", "-C instrument-coverage");
        let profiles = world.root().join("profiles");
        world.set("LLVM_PROFILE_FILE", profiles.join("%p-%m.profraw"));
        let n_made = || {
            let n = std::fs::read_dir(&profiles).map_or(0, Iterator::count);
            let _ = std::fs::remove_dir_all(&profiles);
            n
        };
        let step = world.build();
        step.succeeds();
        assert_eq!(step.bypasses(), [Bypass::SideOutput], "{step}");
        let n_cold = n_made();
        assert_ne!(n_cold, 0);
        world.rebuild().succeeds();
        assert_eq!(n_made(), n_cold);
    }
}

/// An attribute asks for the library, and no argument does.
#[test]
fn library_of_an_attribute_in_a_directory_elsewhere_is_an_input() {
    for (kind, suffix) in [(", kind = \"static\"", "a"), ("", "so")] {
        let dep = format!(
            "#[link(name = \"number\"{kind})]\nunsafe extern \"C\" {{ fn number() -> i32; }}\n\
             pub fn get() -> i32 {{ unsafe {{ number() }} }}\n"
        );
        let world = world(&dep, "fn main() { println!(\"{}\", dep::get()); }\n");
        let dir = world.root().join("libraries");
        std::fs::create_dir(&dir).expect("is made");
        let search =
            format!("fn main() {{ println!(\"cargo::rustc-link-search=native={}\"); }}\n", dir.display());
        world.write("dep/build.rs", search);
        let make = |number: &str| {
            std::fs::write(dir.join("number.c"), format!("int number(void) {{ return {number}; }}\n"))
                .unwrap();
            let script = if suffix == "a" {
                "cc -c number.c && rm -f libnumber.a && ar rcs libnumber.a number.o".to_owned()
            } else {
                format!("cc -shared -o libnumber.so -Wl,-soname,libnumber-{number}.so number.c")
            };
            let mut shell = world.command("sh");
            assert!(shell.current_dir(&dir).args(["-c", &script]).status().expect("starts").success());
        };
        make("1");
        world.build().all_missed();
        world.rebuild().all_hit();
        make("2");
        world.rebuild().succeeds();
        if suffix == "a" {
            assert_eq!(world.run_bin("app"), "2\n");
        } else {
            let program = std::fs::read(world.target().join("debug/app")).expect("was made");
            assert!(program.windows(14).any(|part| part == b"libnumber-2.so"));
        }
    }
}

/// Where no argument names the directory: it is one of the linker's own.
#[test]
fn library_of_an_attribute_in_a_directory_of_the_linker_is_an_input() {
    let dep = "#[link(name = \"number\")]\nunsafe extern \"C\" { fn number() -> i32; }\n\
               pub fn get() -> i32 { unsafe { number() } }\n";
    for (variable, option) in [("LIBRARY_PATH", ""), ("RUSTFLAGS", "-C link-arg=-L")] {
        for script in ["", "INPUT(libactual.a)"] {
            let mut world = world(dep, "fn main() { println!(\"{}\", dep::get()); }\n");
            let dir = world.root().join("libraries");
            std::fs::create_dir(&dir).expect("is made");
            world.set(variable, format!("{option}{}", dir.display()));
            let name = if script.is_empty() { "libnumber.a" } else { "libactual.a" };
            if !script.is_empty() {
                std::fs::write(dir.join("libnumber.so"), script).expect("writes");
            }
            let make = |number: &str| {
                let source = format!("int number(void) {{ return {number}; }}\n");
                std::fs::write(dir.join("number.c"), source).expect("writes");
                let line = format!("cc -c number.c && rm -f {name} && ar rcs {name} number.o");
                let mut shell = world.command("sh");
                assert!(shell.current_dir(&dir).args(["-c", &line]).status().expect("starts").success());
            };
            make("1");
            world.build().all_missed();
            world.rebuild().all_hit();
            make("2");
            world.rebuild().only_missed(&["app bin"]);
            assert_eq!(world.run_bin("app"), "2\n", "{variable} {script}");
        }
    }
}
