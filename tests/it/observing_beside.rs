//! What lies beside a workspace, in the checkout of which it is a part: a repository, files of others. It is named from
//! the root of the system, and yet is that of each checkout.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::observing::{build_prints, reading};
use crate::world::World;

/// The same workspace in another checkout; what lies around it there is not made yet.
fn elsewhere(world: &World) -> (World, PathBuf) {
    let around = world.root().join("trees/below");
    std::fs::create_dir(&around).expect("creates");
    (world.checkout("below/other"), around)
}

fn commit(repository: &Path, message: &str) -> String {
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        git.args(args).current_dir(repository).env("HOME", repository).env("GIT_CONFIG_NOSYSTEM", "1");
        let who = ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"];
        let output = git.envs(who.map(|name| (name, "n"))).output().expect("git is there");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("names are text").trim().to_owned()
    };
    git(&["init", "-q"]);
    git(&["commit", "-q", "--allow-empty", "-m", message]);
    git(&["rev-parse", "HEAD"])
}

#[test]
fn the_commit_of_a_repository_around_the_workspace_is_that_of_each_checkout() {
    let world = reading("sh:git rev-parse HEAD");
    let first = commit(&world.root().join("trees"), "first");
    build_prints(&world, "git", &first);
    let (other, around) = elsewhere(&world);
    let second = commit(&around, "second");
    other.build().only_missed(&["app bin"]);
    assert_eq!(other.run_bin("app"), second);
    world.rebuild().all_hit();
    assert_eq!(world.run_bin("app"), first);
}

#[test]
fn a_file_beside_the_workspace_is_that_of_each_checkout_however_it_is_named() {
    let world = reading("real:../../outside");
    build_prints(&world, "real", "out 1");
    let (other, around) = elsewhere(&world);
    std::fs::write(around.join("outside"), "out 2").expect("writes");
    other.build().only_missed(&["app bin"]);
    assert_eq!(other.run_bin("app"), "out 2");
    std::fs::write(around.join("outside"), "out 1").expect("writes");
    other.rebuild().all_hit();
    assert_eq!(other.run_bin("app"), "out 1");
}

#[test]
fn the_place_of_a_checkout_stays_its_own() {
    let world = reading("sh:cd ..; pwd");
    build_prints(&world, "pwd", world.root().join("trees").to_str().expect("is text"));
    let (other, around) = elsewhere(&world);
    other.build().only_missed(&["app bin"]);
    assert_eq!(other.run_bin("app"), around.to_str().expect("is text"));
}
