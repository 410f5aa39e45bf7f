//! A change that failed leaves what is there an input: "refresh it if that is allowed, and else use what is there".

use std::process::Command;

use crate::observing::{build_prints, misses_after, reading};
use crate::world::World;

/// `try CALL FROM TO` makes one call, and does not care whether that succeeds.
const TRY: &str = r#"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int n_args, char **args) {
    if (!strcmp(args[1], "rename")) rename(args[2], args[3]);
    if (!strcmp(args[1], "truncate")) open(args[2], O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (!strcmp(args[1], "create")) open(args[2], O_WRONLY | O_CREAT | O_EXCL | O_TRUNC, 0666);
    if (!strcmp(args[1], "unlink")) unlink(args[2]);
    if (!strcmp(args[1], "rmdir")) rmdir(args[2]);
    if (!strcmp(args[1], "mkdir")) mkdir(args[2], 0777);
    return 0;
}
"#;

#[test]
fn a_file_that_could_not_be_changed_decides() {
    let write = |world: &World, file: &str, content: &str| {
        std::fs::write(world.root().join("trees").join(file), content).expect("writes");
    };
    for (call, file) in [
        ("rename none ../outside; cat ../outside", "outside"),
        ("rename none/x ../outside; cat ../outside", "outside"),
        ("rename ../outside ../full; cat ../full/x", "full/x"),
        ("rename ../full/x ../full; cat ../full/x", "full/x"),
        ("rmdir ../full; cat ../full/x", "full/x"),
        ("rmdir ../outside; cat ../outside", "outside"),
        ("unlink ../full; cat ../full/x", "full/x"),
        ("truncate ../full; cat ../full/x", "full/x"),
        ("create ../outside; cat ../outside", "outside"),
        ("mkdir ../outside; cat ../outside", "outside"),
    ] {
        let call = format!("sh:../try {call}");
        let world = reading(&call);
        write(&world, "try.c", TRY);
        let mut compiler = Command::new("cc");
        compiler.args(["-w", "-o", "try", "try.c"]).current_dir(world.root().join("trees"));
        assert!(compiler.status().expect("there is a C compiler").success());
        std::fs::create_dir(world.root().join("trees/full")).expect("creates a directory");
        write(&world, "full/x", "old");
        write(&world, "outside", "old");
        build_prints(&world, &call, "old");
        misses_after(&world, &call, |world| write(world, file, "new"), "new");
    }
}
