//! Units in parallel, each after those that it needs.

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::{Condvar, Mutex, PoisonError};

/// More would only wait for the file system.
const MOST_THREADS: usize = 8;

/// A graph in which each node comes behind those that it needs.
struct State<E> {
    /// How many needed nodes are not done yet.
    n_waiting: Vec<usize>,
    ready: VecDeque<usize>,
    n_left: usize,
    results: Vec<Option<Result<(), E>>>,
}

/// Calls `work` for each node, with the first of the nodes that it needs and that failed, if any did. Answers how each
/// one ended. `needs` holds for each node the positions of nodes before it.
pub fn run<E: Send>(
    needs: &[&[usize]],
    work: impl Fn(usize, Option<usize>) -> Result<(), E> + Sync,
) -> Vec<Result<(), E>> {
    let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); needs.len()];
    for (index, needs) in needs.iter().enumerate() {
        needs.iter().for_each(|need| needed_by[*need].push(index));
    }
    let n_waiting: Vec<usize> = needs.iter().map(|needs| needs.len()).collect();
    let ready = (0..needs.len()).filter(|index| n_waiting[*index] == 0).collect();
    let results = needs.iter().map(|_| None).collect();
    let state = Mutex::new(State { n_waiting, ready, n_left: needs.len(), results });
    let changed = Condvar::new();
    let n_threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS);
    std::thread::scope(|scope| {
        for _ in 0..n_threads {
            scope.spawn(|| {
                let mut held = state.lock().unwrap_or_else(PoisonError::into_inner);
                while held.n_left > 0 {
                    let Some(index) = held.ready.pop_front() else {
                        held = changed.wait(held).unwrap_or_else(PoisonError::into_inner);
                        continue;
                    };
                    let failed = needs[index]
                        .iter()
                        .copied()
                        .find(|need| !matches!(held.results[*need], Some(Ok(()))));
                    drop(held);
                    let result = work(index, failed);
                    held = state.lock().unwrap_or_else(PoisonError::into_inner);
                    held.results[index] = Some(result);
                    held.n_left -= 1;
                    for dependent in &needed_by[index] {
                        held.n_waiting[*dependent] -= 1;
                        if held.n_waiting[*dependent] == 0 {
                            held.ready.push_back(*dependent);
                        }
                    }
                    changed.notify_all();
                }
            });
        }
    });
    let state = state.into_inner().unwrap_or_else(PoisonError::into_inner);
    state.results.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_node_comes_after_those_that_it_needs() {
        let needs: [&[usize]; 5] = [&[], &[0], &[0, 0], &[1, 2], &[]];
        let done = Mutex::new(Vec::new());
        let results = run(&needs, |index, failed| {
            assert!(needs[index].iter().all(|need| done.lock().expect("whole").contains(need)));
            done.lock().expect("whole").push(index);
            if index == 1 { Err("broken") } else { failed.map_or(Ok(()), |_| Err("needs a broken one")) }
        });
        assert_eq!(results, [Ok(()), Err("broken"), Ok(()), Err("needs a broken one"), Ok(())]);
        assert_eq!(run(&[], |_, _| Err("never")), []);
    }
}
