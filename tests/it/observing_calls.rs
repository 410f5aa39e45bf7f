//! Calls that are no ordinary ways to a file: whatever was read by them is never served when it has changed.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use kache::outcome::Unstored;

use crate::observing::{build_prints, misses_after, reading};
use crate::skip::skip;
use crate::world::World;

/// Prints what a file says, or that the way is closed here: `ring FILE`, `chroot DIRECTORY`, `mount FROM TO`, and
/// `attribute FILE`, which `set FILE VALUE` makes. `mode FILE` prints whether it could change that.
const WAYS: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

static char text[64];

static void need(int is_there) {
    if (!is_there) { puts("closed"); exit(0); }
}

static void enter(int ring, struct io_uring_params *p, char *rings, struct io_uring_sqe *entry, int *result) {
    unsigned *tail = (unsigned *)(rings + p->sq_off.tail);
    unsigned mask = *(unsigned *)(rings + p->sq_off.ring_mask);
    ((unsigned *)(rings + p->sq_off.array))[*tail & mask] = entry->user_data;
    __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
    need(syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) == 1);
    unsigned *head = (unsigned *)(rings + p->cq_off.head);
    struct io_uring_cqe *done = (struct io_uring_cqe *)(rings + p->cq_off.cqes);
    *result = done[*head & *(unsigned *)(rings + p->cq_off.ring_mask)].res;
    __atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
}

static void by_ring(const char *path) {
    struct io_uring_params p = {0};
    int ring = syscall(SYS_io_uring_setup, 2, &p), file, n;
    need(ring >= 0 && p.features & IORING_FEAT_SINGLE_MMAP);
    size_t size = p.sq_off.array + p.sq_entries * 4, other = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
    char *rings = mmap(NULL, size > other ? size : other, 3, MAP_SHARED, ring, IORING_OFF_SQ_RING);
    struct io_uring_sqe *entries = mmap(NULL, 2 * sizeof *entries, 3, MAP_SHARED, ring, IORING_OFF_SQES);
    need(rings != MAP_FAILED && entries != MAP_FAILED);
    entries[0] = (struct io_uring_sqe){.opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (unsigned long)path};
    enter(ring, &p, rings, &entries[0], &file);
    need(file >= 0);
    entries[1] = (struct io_uring_sqe){.opcode = IORING_OP_READ, .fd = file, .addr = (unsigned long)text, .len = 60, .user_data = 1};
    enter(ring, &p, rings, &entries[1], &n);
    need(n > 0);
}

static void by_name(const char *path) {
    int file = open(path, O_RDONLY);
    need(file >= 0 && read(file, text, 60) > 0);
}

/// What is one's own may be changed.
static void become_somebody(void) {
    if (geteuid() != 0) need(unshare(CLONE_NEWUSER) == 0);
}

int main(int n, char **args) {
    const char *way = args[1];
    if (!strcmp(way, "ring")) {
        by_ring(args[2]);
    } else if (!strcmp(way, "chroot")) {
        become_somebody();
        need(chroot(args[2]) == 0 && chdir("/") == 0);
        by_name("/one");
    } else if (!strcmp(way, "mount")) {
        become_somebody();
        need(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
        need(mount(args[2], args[3], NULL, MS_BIND, NULL) == 0);
        chdir(args[3]);
        by_name("one");
    } else if (!strcmp(way, "attribute")) {
        need(getxattr(args[2], "user.kache", text, 60) > 0);
    } else if (!strcmp(way, "mode")) {
        need(chmod(args[2], 0700) == 0);
        strcpy(text, "changed");
    } else if (!strcmp(way, "set")) {
        return setxattr(args[2], "user.kache", args[3], strlen(args[3]), 0) != 0;
    }
    puts(text);
    return 0;
}
"#;

/// A world with that program above its trees.
fn world_with_ways(call: &str) -> World {
    let world = reading(call);
    let source = world.root().join("ways.c");
    std::fs::write(&source, WAYS).expect("writes");
    let made = Command::new("cc").arg(&source).arg("-o").arg(world.root().join("ways")).status();
    assert!(made.expect("cc is there").success());
    world
}

/// Whatever the way leads to decides, and that is not stored.
fn is_never_served(way: &str, says: &str, prepare: impl Fn(&World), edit: impl Fn(&World, &str)) {
    let world = world_with_ways(&format!("sh:../../ways {way}"));
    prepare(&world);
    for (value, after) in [("1", "first"), ("2", "an edit"), ("1", "an edit back")] {
        edit(&world, value);
        let step = if after == "first" { world.build() } else { world.rebuild() };
        step.succeeds();
        let printed = world.run_bin("app");
        if printed == "closed" && after == "first" {
            skip("no-sandbox", &format!("`{way}` is closed here"));
            return;
        }
        assert_eq!(printed, value, "{way}, after {after}");
        let unstored = step.unstored_of("app", "bin");
        assert!(matches!(unstored, Unstored::InputsUnknown(why) if why.contains(says)), "{unstored:?}");
    }
}

#[test]
fn what_is_read_through_a_ring_is_never_served() {
    let edit = |world: &World, value: &str| world.write("app/data/one", value);
    is_never_served("ring app/data/one", "uses io_uring", |_| {}, edit);
}

#[test]
fn what_is_read_in_another_root_is_never_served() {
    let edit = |world: &World, value: &str| world.write("app/data/one", value);
    is_never_served("chroot app/data", "changes its root", |_| {}, edit);
}

/// The program sees another file at the path than anybody else.
#[test]
fn what_is_read_through_mounts_of_its_own_is_never_served() {
    let prepare = |world: &World| world.write("app/shown/one", "shown to others");
    let edit = |world: &World, value: &str| world.write("app/data/one", value);
    is_never_served("mount app/data app/shown", "mounts", prepare, edit);
}

#[test]
fn an_attribute_of_a_file_is_never_served() {
    let set = |world: &World, value: &str| {
        let file = world.tree().join("app/data/one");
        let set = Command::new(world.root().join("ways")).arg("set").arg(file).arg(value).status();
        set.expect("runs");
    };
    is_never_served("attribute app/data/one", "reads the attributes of", |_| {}, set);
}

fn set_mode(file: &Path, mode: u32) {
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).expect("sets the mode");
}

#[test]
fn whether_a_file_can_be_started_decides() {
    let call = "sh:test -x app/data/one && echo yes || echo no";
    let world = reading(call);
    build_prints(&world, call, "no");
    misses_after(&world, call, |world| set_mode(&world.tree().join("app/data/one"), 0o755), "yes");
    set_mode(&world.tree().join("app/data/one"), 0o644);
    world.rebuild().all_hit();
    assert_eq!(world.run_bin("app"), "no");
}

/// Where there is none, that decides; where there is one, no hit would change it.
#[test]
fn a_file_whose_mode_is_changed_decides_and_that_is_not_stored() {
    let call = "sh:../../ways mode app/absent";
    let world = world_with_ways(call);
    build_prints(&world, call, "closed");
    world.rebuild().all_hit();
    for _ in 0..2 {
        world.write("app/absent", "");
        let step = world.rebuild();
        step.succeeds();
        assert_eq!(world.run_bin("app"), "changed");
        let unstored = step.unstored_of("app", "bin");
        let is_so = |what: &str| what.ends_with("app/absent") || what.contains("app/absent was ");
        assert!(
            matches!(unstored, Unstored::UnexpectedOutput(what) | Unstored::InputChanged(what) if is_so(what)),
            "{unstored:?}"
        );
    }
}
