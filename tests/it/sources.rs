//! What rustc reads: every source file of a unit decides, and nothing else does.

use crate::step::{hits, misses};
use crate::world::World;

#[test]
fn a_second_build_hits_and_a_third_has_nothing_to_do() {
    let world = World::project("two-crates");
    world.build().expect(hits(0), misses(2));
    world.same_as_plain_cargo();
    world.rebuild().expect(hits(2), misses(0));
    world.noop();
    world.same_as_plain_cargo();
    assert_eq!(world.run_bin("app"), "hello world a note\n");
}

#[test]
fn another_checkout_hits_after_the_first_is_gone() {
    let world = World::project("two-crates");
    world.build().all_missed();
    let world = world.relocate("other");
    world.build().all_hit();
    world.noop();
    world.same_as_plain_cargo();
    assert_eq!(world.run_bin("app"), "hello world a note\n");
}
