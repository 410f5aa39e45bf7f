//! A defect on demand: with `KACHE_TEST_PANIC=<n>` in the environment, the step after the first `n` of a process panics.
//! Programs that are optimized do not have this.

use std::sync::atomic::{AtomicU32, Ordering};

pub(super) fn step() {
    static STEPS: AtomicU32 = AtomicU32::new(0);
    let n_before = STEPS.fetch_add(1, Ordering::Relaxed);
    let wanted = std::env::var("KACHE_TEST_PANIC").ok().and_then(|n| n.parse().ok());
    assert!(wanted != Some(n_before), "a defect was asked for at step {n_before}");
}
