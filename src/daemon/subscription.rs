//! Subscriptions: stream records to a client as they are appended.
//!
//! Each subscription is a task that reads the record files from its own position, so subscribers cannot slow each other,
//! the event loop or builds. It holds one batch of at most [`MOST_RECORDS`] records. While a client does not read, its task
//! waits; if it falls behind by more than a batch, it is told how many records it missed.
//!
//! When the daemon ends or hands over, the connection is closed. The client continues at the position of the last record
//! that it got, at the next daemon or in the record files themselves.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::daemon::event::{BadPeer, Subscription};
use crate::index::tail::{LOOK_EVERY, Tail};
use crate::protocol::frame;
use crate::protocol::message::{Position, Response};
use crate::sys::ipc::Connection;

#[cfg(doc)]
use crate::index::tail::MOST_RECORDS;

/// The most subscribers at a time.
pub const MAX_SUBSCRIBERS: usize = 16;

/// How long a subscriber may take to receive a batch until it is disconnected.
const SLOW_LIMIT: Duration = Duration::from_secs(60);

/// Who is subscribed.
#[derive(Debug)]
pub struct Subscribers {
    permits: Arc<Semaphore>,
}

impl Default for Subscribers {
    fn default() -> Subscribers {
        Subscribers { permits: Arc::new(Semaphore::new(MAX_SUBSCRIBERS)) }
    }
}

impl Subscribers {
    /// How many there are.
    pub fn n(&self) -> usize {
        MAX_SUBSCRIBERS - self.permits.available_permits()
    }

    /// Admits a subscriber; `None` if there are too many.
    pub fn admit(&self, records_dir: &Path, after: Option<Position>) -> Option<Subscription> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().ok()?;
        Some(Subscription { records_dir: records_dir.to_owned(), after, permit })
    }
}

/// Streams records to `stream` until the client closes the connection, or is too slow.
pub async fn stream(mut stream: Connection, subscription: Subscription) -> Result<(), BadPeer> {
    let Subscription { records_dir, after, permit } = subscription;
    let dir = records_dir.clone();
    // What is appended after the client knows that it is subscribed, is streamed.
    let Some(mut tail) = blocking(move || Tail::new(&dir, after.as_ref())).await else { return Ok(()) };
    let answer = frame::encode(&Response::Subscribed { records_dir })?;
    let Ok(written) = timeout(SLOW_LIMIT, stream.write_all(&answer)).await else { return Ok(()) };
    written?;
    let mut ignored = [0];
    // A subscriber sends nothing: there is something to read when it closes the connection.
    while timeout(LOOK_EVERY, stream.read(&mut ignored)).await.is_err() {
        let Some((frames, next)) = blocking(move || look(tail)).await else { break };
        tail = next;
        match timeout(SLOW_LIMIT, stream.write_all(&frames)).await {
            Ok(Ok(())) => {}
            _ => break,
        }
    }
    drop(permit);
    Ok(())
}

/// The frames for the records that were appended since the last look.
fn look(mut tail: Tail) -> (Vec<u8>, Tail) {
    let updates = tail.look();
    // A record that is too long for a frame cannot be sent.
    let frames = updates.iter().filter_map(|update| frame::encode(update).ok()).flatten().collect();
    (frames, tail)
}

/// Runs `work`, which may wait for the disk, outside of the event loop's thread.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}
