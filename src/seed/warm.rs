//! Asks the daemon to fetch what a build needs that is about to begin, where a remote is configured.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{self, NothingOfRemote};
use crate::protocol::message::{Request, Response, WantedBuild};
use crate::seed::workspace::Build;
use crate::sys::env::Env;

/// As long as more comes, a build waits for it: it would only ask for it a moment later. But no longer than this.
const LONGEST: Duration = Duration::from_secs(60);
/// The daemon answers this much before the client would give up.
const EARLIER: Duration = Duration::from_millis(250);

/// How long to wait for a daemon that is being started. That takes a small part of it.
const START_LIMIT: Duration = Duration::from_secs(1);
/// Between two looks for it.
const START_PAUSE: Duration = Duration::from_millis(5);

/// Waits until the daemon, which may be starting, has fetched what the build needs, as long as it gets on within
/// `cache.remote.wait`. What it fetches afterwards is there for the calls of the compiler.
pub fn warm(env: &Env, cache_dir: &Path, build: &Build, is_starting: bool) {
    let until = Instant::now() + LONGEST;
    let starts_until = is_starting.then(|| Instant::now() + START_LIMIT);
    let mut n_before = 0;
    while Instant::now() < until {
        let answer = client::ask_for_remote(env, cache_dir, |wait| {
            Request::Prefetch(WantedBuild {
                cache_dir: cache_dir.to_owned(),
                compiler: build.compiler,
                lock: build.lock,
                build_group: build.id.group,
                build_request: build.id.request,
                packages: build.packages.clone(),
                answer_within_ms: wait.saturating_sub(EARLIER).as_millis() as u64,
            })
        });
        match answer {
            Err(NothingOfRemote::NoDaemon { .. }) if starts_until.is_some_and(|it| Instant::now() < it) => {
                thread::sleep(START_PAUSE);
            }
            Ok(Response::Warmed(warmed)) if !warmed.is_done && warmed.n_fetched > n_before => {
                n_before = warmed.n_fetched;
            }
            _ => return,
        }
    }
}
