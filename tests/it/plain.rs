//! The oracle: a build directory made with kache holds what plain cargo would have put there.
//!
//! The same tree is built at the same absolute path, into the same build directory (kache's is moved aside
//! meanwhile), by cargo and, instead of kache, a script that becomes rustc after changing the arguments as kache does:
//! without `-C incremental`, with the `--remap-path-prefix` of `src/run/path_remap.rs`. Where that is the placeholder, the
//! directory is written over it afterwards, wherever it stands between two NULs of a program. rustc and the linker are
//! deterministic for equal arguments, so the comparison is of everything: the set of names below the build
//! directory, each file byte for byte (metadata, archives, executables, dep-info, and cargo's own notes, which hold the
//! diagnostics it would show again), and each mode. Left out are files that hold times, and kache's own.
//!
//! What is compared with a hit is therefore a fresh compile by an untouched rustc, and what is compared with a miss
//! shows that kache adds nothing but the mapping.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use kache::run::compilation_dir::PLACEHOLDER;
use memchr::memmem;

use crate::step::Step;
use crate::world::{World, files_below, is_seeding};

/// Becomes rustc without `-C incremental`.
const PLAIN: &str = r#"#!/bin/sh
rustc=$1; shift
case $1 in
    rustc|*/rustc) inner=$1; shift;;
    *) inner=;;
esac
n=$#
while [ $n -gt 0 ]; do
    argument=$1; shift; n=$((n - 1))
    case $argument,$1 in
        -C,incremental=*) shift; n=$((n - 1));;
        *) set -- "$@" "$argument";;
    esac
done
map
# Some shells pass no variable on whose name has a dash in it.
dashed=$(tr '\0' '\n' < /proc/$$/environ | grep '^CARGO_BIN_EXE_')
IFS='
'
exec env $dashed "$rustc" ${inner:+"$inner"} "$@"
"#;

/// The part of it that leaves out `-C incremental`.
const WITHOUT_INCREMENTAL: &str = "        -C,incremental=*) shift; n=$((n - 1));;\n";

/// Adds to the arguments what kache adds. The working directory of members, whose sources have relative names, is
/// the workspace.
const MAP: &str = r#"kind=member
for argument; do
    case $argument in
        proc-macro|dylib|--crate-type=dylib|build_script_*|split-debuginfo=[pu]*|*-gz*|*-compress-d*) kind=dot;;
    esac
done
source=
for argument; do
    case $argument in
        -*|*=*) ;;
        *.rs) source=$argument; break;;
    esac
done
case $source in
    '') ;;
    *) set -- "--remap-path-prefix=$MAPPED_TARGET=./target" "$@";;
esac
case $source in
    ''|/*) ;;
    *) case $kind,${CARGO_MANIFEST_DIR#"$PWD"} in
        dot,*) set -- "--remap-path-prefix=$PWD=." "$@";;
        *,) set -- "--remap-path-prefix=$PWD=$PLACEHOLDER" "--remap-path-prefix=$PWD/benches=./benches" \
            "--remap-path-prefix=$PWD/examples=./examples" "--remap-path-prefix=$PWD/src=./src" \
            "--remap-path-prefix=$PWD/tests=./tests" "$@";;
        *,/*) set -- "--remap-path-prefix=$PWD=$PLACEHOLDER" \
            "--remap-path-prefix=$CARGO_MANIFEST_DIR=.${CARGO_MANIFEST_DIR#"$PWD"}" "$@";;
        *) set -- "--remap-path-prefix=$PWD=$PLACEHOLDER" "$@";;
    esac;;
esac
"#;

impl World {
    /// The result of `cargo build` is what plain cargo makes.
    pub(crate) fn same_as_plain_cargo(&self) {
        self.same_as_plain(&["build"], MAP, PLAIN);
    }

    /// The result of `cargo <args>` is what plain cargo makes.
    pub(crate) fn same_as_plain_cargo_of(&self, args: &[&str]) {
        self.same_as_plain(args, MAP, PLAIN);
    }

    /// The result of `cargo build` is what plain cargo makes in an empty incremental directory.
    pub(crate) fn same_as_plain_incremental_cargo(&self) {
        self.same_as_plain(&["build"], MAP, &PLAIN.replace(WITHOUT_INCREMENTAL, ""));
    }

    /// The same for a build in which kache maps no paths.
    pub(crate) fn same_as_plain_cargo_with_real_paths(&self, args: &[&str]) {
        self.same_as_plain(args, "", PLAIN);
    }

    fn same_as_plain(&self, args: &[&str], map: &str, script: &str) {
        let target = self.target();
        let ours = self.root().join("target-of-kache");
        fs::rename(&target, &ours).expect("moves the build directory away");
        let plain = self.plain(args, map, script);
        plain.succeeds();
        if !map.is_empty() {
            let directory = self.called_in().canonicalize().expect("it exists");
            write_directory(&target, &directory);
        }
        let differences = differences(&ours, &target);
        assert!(differences.is_empty(), "not as plain cargo makes it:\n{}\n{plain}", differences.join("\n"));
        fs::remove_dir_all(&target).expect("removes what plain cargo made");
        fs::rename(&ours, &target).expect("moves the build directory back");
    }

    /// Calls plain cargo, without any mapping of paths or with kache's.
    pub(crate) fn plain_build(&self, maps_paths: bool) -> Step {
        self.plain(&["build"], if maps_paths { MAP } else { "" }, PLAIN)
    }

    fn plain(&self, args: &[&str], map: &str, script: &str) -> Step {
        let wrapper = self.root().join("wrapper.sh");
        fs::write(&wrapper, script.replace("map\n", map)).expect("writes the script");
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).expect("makes it executable");
        let mut command = self.command("cargo");
        command.args(args).env("RUSTC_WRAPPER", &wrapper).env("MAPPED_TARGET", self.target());
        command.env("PLACEHOLDER", PLACEHOLDER);
        let plain = self.run(command);
        assert!(plain.records().is_empty(), "plain cargo called kache\n{plain}");
        plain
    }
}

/// Writes the directory over the placeholder in every program and C library below `target`; but `.` into what other units
/// read: build scripts, libraries with metadata in them, and those that lie beside an archive of the same crate.
pub(crate) fn write_directory(target: &Path, directory: &Path) {
    let placeholder = [b"\0", PLACEHOLDER.as_bytes(), b"\0"].concat();
    let of_tree = [b"\0", directory.as_os_str().as_bytes(), b"\0"].concat();
    for path in files_below(target) {
        let name = path.file_name().expect("it has a name").to_string_lossy().replace('-', "_");
        let mut content = fs::read(&path).unwrap_or_default();
        if !content.starts_with(b"\x7fELF") || name.ends_with(".o") {
            continue;
        }
        let is_read = memmem::find(&content, b"\0.rustc\0").is_some()
            || name.starts_with("build_script_")
            || path.with_extension("rlib").exists();
        let written: &[u8] = if is_read { b"\0.\0" } else { &of_tree };
        let places: Vec<usize> = memmem::find_iter(&content, &placeholder).collect();
        for at in &places {
            content[*at..at + written.len()].copy_from_slice(written);
        }
        if !places.is_empty() {
            let mut file = fs::OpenOptions::new().write(true).open(&path).expect("it can be opened");
            file.write_all(&content).expect("it can be written");
        }
    }
}

fn differences(ours: &Path, plain: &Path) -> Vec<String> {
    let (left, right) = (files_of(ours), files_of(plain));
    let mut found = Vec::new();
    for name in left.keys().chain(right.keys().filter(|name| !left.contains_key(*name))) {
        match (left.get(name), right.get(name)) {
            (Some(_), None) => found.push(format!("{name}: only with kache")),
            (None, _) => found.push(format!("{name}: only with plain cargo")),
            (Some((mode, _)), Some((other, _))) if mode != other => {
                found.push(format!("{name}: mode {mode:o} instead of {other:o}"));
            }
            (Some((_, content)), Some((_, other))) if content != other => {
                found.push(format!("{name}: {}", first_difference(content, other)));
            }
            _ => {}
        }
    }
    found
}

fn first_difference(ours: &[u8], plain: &[u8]) -> String {
    let at = ours.iter().zip(plain).take_while(|(left, right)| left == right).count();
    let around = |bytes: &[u8]| {
        let part = &bytes[at.saturating_sub(40).min(bytes.len())..(at + 80).min(bytes.len())];
        part.escape_ascii().to_string()
    };
    format!("differs at byte {at}\n    kache: {}\n    plain: {}", around(ours), around(plain))
}

/// Mode and content by name.
pub(crate) type Files = BTreeMap<String, (u32, Vec<u8>)>;

/// All that counts in a build directory.
pub(crate) fn files_of(target: &Path) -> Files {
    let mut files = Files::new();
    collect(target, target, &mut files);
    files
}

fn collect(root: &Path, dir: &Path, files: &mut Files) {
    for child in fs::read_dir(dir).expect("can be listed") {
        let path = child.expect("can be listed").path();
        let name = path.file_name().expect("it has a name").to_string_lossy();
        if is_left_out(&name) {
            continue;
        }
        let metadata = path.symlink_metadata().expect("it exists");
        if metadata.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).expect("it is below").to_string_lossy().into_owned();
            // The real build script stands beside its launcher.
            let script = path.with_file_name("kache-build-script");
            let is_launcher = script.exists() && path.extension().is_none();
            let mut content = fs::read(if is_launcher { &script } else { &path }).expect("can be read");
            if name.contains("fingerprint/") && name.contains("/dep-") {
                // cargo's own form of dep-info, in the order of a hash map.
                content.sort_unstable();
            }
            if name.ends_with(".d") && name.split('/').count() == 2 {
                // cargo's own copy: which of several outputs it names is up to that hash map too.
                content.splice(..content.iter().position(|byte| *byte == b':').unwrap_or(0), []);
            }
            if name.ends_with(".rlib") {
                make_member_names_plain(&mut content);
            }
            files.insert(name, (metadata.permissions().mode(), content));
        }
    }
}

/// An incremental compile gives object files a word in their names that is another one each time.
fn make_member_names_plain(archive: &mut [u8]) {
    const SUFFIX: &[u8] = b".rcgu.o";
    for at in 8..archive.len().saturating_sub(SUFFIX.len()) {
        if archive[at..].starts_with(SUFFIX)
            && archive[at - 8] == b'.'
            && archive[at - 7..at].iter().all(u8::is_ascii_alphanumeric)
        {
            archive[at - 7..at].copy_from_slice(b"0000000");
        }
    }
}

/// kache's own notes and what belongs to launchers, what cargo learned about the compiler and its wrapper, and files that
/// hold a time. What cargo notes only to explain why it builds a unit is not seeded.
fn is_left_out(name: &str) -> bool {
    let is_explanation = name.ends_with(".json") && is_seeding();
    let is_of_launcher = matches!(name, "kache" | "kache-build-script");
    let is_note = matches!(name, ".kache" | ".rustc_info.json" | "invoked.timestamp" | "incremental");
    is_note || is_of_launcher || is_explanation
}
