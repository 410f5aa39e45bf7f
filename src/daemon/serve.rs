//! Connections: each is served by a task of its own, carries one request, and has a time limit for everything.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::daemon::event::{Answer, BadPeer, Event, Sender};
use crate::daemon::subscription;
use crate::protocol::frame::{self, FrameError};
use crate::protocol::hello::{HELLO_BYTES, Hello};
use crate::protocol::message::{Request, Response};
use crate::protocol::skew::{self, Serve};
use crate::sys::ipc::{Connection, Listener};

/// How long a client may take to send its request, and to receive the answer.
const PEER_LIMIT: Duration = Duration::from_secs(2);
/// How long the event loop may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// How long it may take for what has to be fetched. A client waits no longer than `cache.remote.wait`, and then hangs up.
const FETCH_LIMIT: Duration = Duration::from_secs(3600);
/// The most connections that are served at a time. More wait in the queue of the listener.
const MAX_CONNECTIONS: u32 = 64;
/// The pause after a failure to accept, in which descriptors or memory may become free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves connections, and counts those that are open. Subscribers are not among them.
#[derive(Clone)]
pub struct Connections {
    slots: Arc<Semaphore>,
    events: Sender,
    own: Hello,
}

impl Connections {
    /// No connection is open yet. Requests are sent to `events`.
    pub fn new(events: Sender, own: Hello) -> Connections {
        Connections { slots: Arc::new(Semaphore::new(MAX_CONNECTIONS as usize)), events, own }
    }

    /// Sends [`Event::Drained`] once no connection is open. The returned task must be aborted before connections are
    /// accepted again.
    pub fn announce_drained(&self) -> JoinHandle<()> {
        let (slots, events) = (Arc::clone(&self.slots), self.events.clone());
        tokio::spawn(async move {
            if slots.acquire_many(MAX_CONNECTIONS).await.is_ok() {
                let _ = events.send(Event::Drained);
            }
        })
    }

    /// Serves a connection in a task of its own. The slot is free again when the connection is closed.
    fn serve(&self, stream: Connection, slot: OwnedSemaphorePermit) {
        let (events, own) = (self.events.clone(), self.own);
        tokio::spawn(async move {
            if let Err(bad) = serve(stream, slot, &events, own).await {
                let _ = events.send(Event::BadPeer(bad));
            }
        });
    }
}

/// Accepts connections until it is stopped.
pub struct Acceptor {
    listener: Arc<Listener>,
    connections: Connections,
    task: JoinHandle<()>,
}

impl Acceptor {
    /// Starts accepting.
    pub fn start(listener: Arc<Listener>, connections: Connections) -> Acceptor {
        let task = tokio::spawn(accept(Arc::clone(&listener), connections.clone()));
        Acceptor { listener, connections, task }
    }

    /// Stops accepting. Connections that were accepted are still served; new ones wait in the queue of the listener.
    pub async fn stop(self) {
        self.task.abort();
        let _ = self.task.await;
        if let Some(stream) = self.listener.accept_last().await
            && let Ok(slot) = self.connections.slots.clone().acquire_owned().await
        {
            self.connections.serve(stream, slot);
        }
    }
}

async fn accept(listener: Arc<Listener>, connections: Connections) {
    while let Ok(slot) = Arc::clone(&connections.slots).acquire_owned().await {
        match listener.accept().await {
            Ok(stream) => connections.serve(stream, slot),
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
                let _ = connections.events.send(Event::BadPeer(BadPeer::OtherUser(e)));
            }
            Err(e) => {
                let _ = connections.events.send(Event::AcceptFailed(e));
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// What a connection asked for.
enum Asked {
    Nothing,
    Request(Request),
    /// It is refused without asking the event loop.
    Unserved(String),
}

async fn serve(
    mut stream: Connection,
    slot: OwnedSemaphorePermit,
    events: &Sender,
    own: Hello,
) -> Result<(), BadPeer> {
    let until = Instant::now() + PEER_LIMIT;
    let asked = timeout_at(until, read_request(&mut stream, events, own)).await;
    let answer = match asked.map_err(|_| BadPeer::TooSlow)?? {
        Asked::Nothing => return Ok(()),
        Asked::Request(request) => ask_loop(events, request).await,
        Asked::Unserved(why) => Answer::Once(Response::Refused { why }),
    };
    match answer {
        Answer::Once(response) => {
            let bytes = frame::encode(&response)?;
            // A client need not wait for its answer.
            let _ = timeout(PEER_LIMIT, stream.write_all(&bytes)).await;
        }
        Answer::Stream(subscription) => {
            drop(slot);
            subscription::stream(stream, subscription).await?;
        }
    }
    Ok(())
}

/// Exchanges hellos with a client, and reads its request.
async fn read_request(stream: &mut Connection, events: &Sender, own: Hello) -> Result<Asked, BadPeer> {
    let mut bytes = [0; HELLO_BYTES];
    // A client may connect only to see whether a daemon listens.
    let n_first = stream.read(&mut bytes).await?;
    if n_first == 0 {
        return Ok(Asked::Nothing);
    }
    stream.read_exact(&mut bytes[n_first..]).await.map_err(BadPeer::IncompleteHello)?;
    let peer = Hello::decode(&bytes).ok_or(BadPeer::NotKache)?;
    stream.write_all(&own.encode()).await?;
    if peer.build != own.build {
        let _ = events.send(Event::OtherBuild);
    }
    let serves = skew::daemon_serves(own.protocol, peer.protocol);
    if serves == Serve::Nothing {
        return Ok(Asked::Nothing);
    }
    let mut length = [0; frame::LENGTH_BYTES];
    stream.read_exact(&mut length).await?;
    let mut body = vec![0; frame::body_length(length)?];
    stream.read_exact(&mut body).await?;
    match frame::decode(&body) {
        Ok(request @ Request::Upgrade { .. }) => Ok(Asked::Request(request)),
        Ok(request) if serves == Serve::All => Ok(Asked::Request(request)),
        Ok(_) => Ok(Asked::Unserved("this daemon is too old for that request".to_owned())),
        Err(FrameError::NotUnderstood(e)) => Ok(Asked::Unserved(format!("not understood: {e}"))),
        Err(e) => Err(e.into()),
    }
}

async fn ask_loop(events: &Sender, request: Request) -> Answer {
    let limit = match request {
        Request::Fetch(_) | Request::Prefetch(_) => FETCH_LIMIT,
        _ => ANSWER_LIMIT,
    };
    let (reply, answer) = oneshot::channel();
    // If the event loop has ended, it drops the reply.
    let _ = events.send(Event::Asked { request, reply });
    match timeout(limit, answer).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Answer::Once(Response::Refused { why: "the daemon is ending".to_owned() }),
        Err(_) => Answer::Once(Response::Refused { why: "the daemon is busy".to_owned() }),
    }
}
