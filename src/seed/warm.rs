//! Asks the daemon to fetch what a build needs that is about to begin, where a remote is configured.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::client;
use crate::protocol::message::{Request, Response, WantedBuild};
use crate::seed::workspace::Build;
use crate::sys::env::Env;

/// As long as more comes, a build waits for it: it would only ask for it a moment later. But no longer than this.
const LONGEST: Duration = Duration::from_secs(60);
/// The daemon answers this much before the client would give up.
const EARLIER: Duration = Duration::from_millis(250);

/// Waits until the daemon has fetched what the build needs, as long as it gets on within `cache.remote.wait`. What it fetches
/// afterwards is there for the calls of the compiler.
pub fn warm(env: &Env, cache_dir: &Path, build: &Build) {
    let until = Instant::now() + LONGEST;
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
            Ok(Response::Warmed(warmed)) if !warmed.is_done && warmed.n_fetched > n_before => {
                n_before = warmed.n_fetched;
            }
            _ => return,
        }
    }
}
