//! The same scenarios with another cargo and rustc: those of a root directory that somebody prepared.

use std::path::Path;
use std::process::Command;

use crate::skip::skip;

/// Which scenarios: every kind of output, the bundled workspace, layouts and how they are filled, and what nightly's cargo
/// passes.
const SCENARIOS: [&str; 6] = ["kinds::", "trying::", "layouts::", "unstable::", "restoring::", "seeding"];

/// Enters the root with the project, which cannot be written to there, and the registry, and becomes what follows.
const ENTER: &str = r#"set -eu
root=$1 project=$2 home=$3 path=$4; shift 4
for tree in proc sys dev; do mkdir -p "$root/$tree"; mount --rbind "/$tree" "$root/$tree"; done
mkdir -p "$root$project"
mount --bind "$project" "$root$project"
mount -o remount,bind,ro "$root$project"
mkdir -p "$root/root/.cargo/registry"
mount --bind "$home/registry" "$root/root/.cargo/registry"
exec chroot "$root" /usr/bin/env -i HOME=/root USER=root LANG=C.UTF-8 PATH="$path" CARGO_NET_OFFLINE=true "$@"
"#;

#[test]
#[ignore = "stress: plays many scenarios with the compiler of another root"]
fn scenarios_pass_with_the_compiler_of_another_root() {
    let Some(root) = std::env::var_os("KACHE_TEST_ROOT") else {
        skip("another-root", "KACHE_TEST_ROOT names no root directory with a cargo and a rustc of its own");
        return;
    };
    let path = std::env::var_os("KACHE_TEST_ROOT_PATH")
        .unwrap_or_else(|| "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into());
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo"));
    let home = std::env::var_os("CARGO_HOME").map(Into::into).or_else(home).expect("there is a cargo home");
    let tests = std::env::current_exe().expect("these tests have a path");
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "--", "sh", "-c", ENTER, "enter"]);
    command.arg(root).arg(project).arg(home).arg(path);
    // Where the project's own build directory is elsewhere, these would not be found.
    assert!(tests.starts_with(project), "{} is not in the project", tests.display());
    command.arg(&tests).args(SCENARIOS).args(["--test-threads", "2"]);
    let status = command.status().expect("unshare can be started");
    assert!(status.success(), "{status}");
}
