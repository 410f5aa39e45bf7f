//! Follows the records of one store: through the daemon, or in the record files where no daemon runs or where it has
//! another store. The updates are the same.

use std::path::PathBuf;
use std::time::Duration;

use crate::client::{DaemonAddress, Subscription};
use crate::index::tail::{LOOK_EVERY, Tail};
use crate::protocol::build::Build;
use crate::protocol::message::{Position, Update};
use crate::sys::env::Env;

/// How long the daemon may take to answer.
const ASK_LIMIT: Duration = Duration::from_secs(5);

/// Follows the records of one store.
pub struct Follower {
    env: Env,
    records_dir: PathBuf,
    source: Source,
    /// The end of the last record that was returned.
    last: Position,
}

enum Source {
    Daemon(Subscription),
    Files(Tail),
}

impl Follower {
    /// Follows the records in this directory from now on.
    pub fn new(env: &Env, records_dir: PathBuf) -> Follower {
        let tail = Tail::new(&records_dir, None);
        let last = tail.position();
        let mut follower = Follower { env: env.clone(), records_dir, source: Source::Files(tail), last };
        follower.open();
        follower
    }

    /// Continues behind the last record: with the daemon if it streams this store, or else with the files.
    fn open(&mut self) {
        self.source = match self.subscribe() {
            Some(subscription) => Source::Daemon(subscription),
            None => Source::Files(Tail::new(&self.records_dir, Some(&self.last))),
        };
    }

    fn subscribe(&self) -> Option<Subscription> {
        let build = Build::current();
        let address = DaemonAddress::for_build(&self.env, &build).ok()?;
        let after = Some(self.last.clone());
        let subscription = Subscription::open(&address.endpoint, &build, after, ASK_LIMIT).ok()?;
        (subscription.records_dir == self.records_dir).then_some(subscription)
    }

    /// Whether a daemon streams the records.
    pub fn has_daemon(&self) -> bool {
        matches!(self.source, Source::Daemon(_))
    }

    /// Waits for the next updates.
    pub fn wait(&mut self) -> Vec<Update> {
        let updates = match &mut self.source {
            Source::Daemon(subscription) => match subscription.wait() {
                Ok(update) => vec![update],
                // It exits, or hands over to another build.
                Err(_) => {
                    self.open();
                    Vec::new()
                }
            },
            Source::Files(tail) => {
                std::thread::sleep(LOOK_EVERY);
                tail.look()
            }
        };
        for update in &updates {
            if let Update::Record { at, .. } = update {
                self.last = at.clone();
            }
        }
        updates
    }
}
