//! Connections: each in a thread of its own, each with one request, each with a deadline.

use std::io::{self, Read as _, Write as _};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crate::daemon::event::Event;
use crate::protocol::frame::{self, FrameError};
use crate::protocol::hello::{HELLO_BYTES, Hello};
use crate::protocol::message::{Request, Response};
use crate::protocol::skew::{self, Serve};
use crate::sys::ipc::{Listener, Stop, Stopper, Stream, stopper};

/// How long a client may take to send a request, and to take its answer.
const PEER_LIMIT: Duration = Duration::from_secs(2);
/// How long an answer may take to be found.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// More connections than this wait to be accepted.
const MOST_AT_A_TIME: usize = 64;
/// After a failure to accept: what is short (descriptors, memory) may be there again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How many connections are open.
#[derive(Default)]
pub struct Open {
    n: Mutex<usize>,
    changed: Condvar,
}

impl Open {
    fn n(&self) -> MutexGuard<'_, usize> {
        self.n.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn opened(self: &Arc<Open>) -> OpenOne {
        let mut n = self.n();
        while *n >= MOST_AT_A_TIME {
            n = self.changed.wait(n).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        *n += 1;
        OpenOne(Arc::clone(self))
    }

    /// Whether there are none.
    pub fn is_none(&self) -> bool {
        *self.n() == 0
    }
}

struct OpenOne(Arc<Open>);

impl Drop for OpenOne {
    fn drop(&mut self) {
        *self.0.n() -= 1;
        self.0.changed.notify_all();
    }
}

/// Accepts connections until it is stopped.
pub struct Acceptor {
    stopper: Stopper,
    thread: JoinHandle<()>,
}

impl Acceptor {
    /// Starts to accept.
    pub fn start(
        listener: Arc<Listener>,
        open: Arc<Open>,
        events: Sender<Event>,
        own: Hello,
    ) -> io::Result<Acceptor> {
        let (stopper, stop) = stopper()?;
        let thread = Builder::new()
            .name("acceptor".to_owned())
            .spawn(move || accept(&listener, &stop, &open, &events, own))?;
        Ok(Acceptor { stopper, thread })
    }

    /// Stops accepting. What was accepted goes on; what connects from now on waits in the listener.
    pub fn stop(self) {
        self.stopper.stop();
        let _ = self.thread.join();
    }
}

fn accept(listener: &Listener, stop: &Stop, open: &Arc<Open>, events: &Sender<Event>, own: Hello) {
    loop {
        let accepted = listener.accept(stop);
        let stream = match accepted {
            Ok(Some(stream)) => stream,
            Ok(None) => return,
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
                let _ = events.send(Event::BadPeer(e.to_string()));
                continue;
            }
            Err(e) => {
                let _ = events.send(Event::AcceptFailed(e.to_string()));
                std::thread::sleep(ACCEPT_PAUSE);
                continue;
            }
        };
        let one = open.opened();
        let to_loop = events.clone();
        let connection = Builder::new().name("connection".to_owned()).spawn(move || {
            let _one = one;
            if let Err(why) = serve(stream, &to_loop, own) {
                let _ = to_loop.send(Event::BadPeer(why));
            }
        });
        if let Err(e) = connection {
            let _ = events.send(Event::AcceptFailed(e.to_string()));
        }
    }
}

/// Serves one connection. An error is what was wrong with the peer.
fn serve(mut stream: Stream, events: &Sender<Event>, own: Hello) -> Result<(), String> {
    stream.set_deadline(PEER_LIMIT);
    let mut bytes = [0; HELLO_BYTES];
    // Connecting only to see whether a daemon listens is no error.
    let n_first = stream.read(&mut bytes).map_err(|e| e.to_string())?;
    if n_first == 0 {
        return Ok(());
    }
    stream.read_exact(&mut bytes[n_first..]).map_err(|e| format!("incomplete hello: {e}"))?;
    let peer = Hello::decode(&bytes).ok_or("does not speak the protocol of kache")?;
    stream.write_all(&own.encode()).map_err(|e| e.to_string())?;
    if peer.build != own.build {
        let _ = events.send(Event::OtherBuild);
    }
    let serves = skew::daemon_serves(own.protocol, peer.protocol);
    if serves == Serve::Nothing {
        return Ok(());
    }
    let answer = match frame::read::<Request>(&mut stream) {
        Ok(request @ Request::Upgrade { .. }) => ask_loop(events, request),
        Ok(request) if serves == Serve::All => ask_loop(events, request),
        Ok(_) => Response::Refused { why: "this daemon is too old for that request".to_owned() },
        Err(FrameError::NotUnderstood(e)) => Response::Refused { why: format!("not understood: {e}") },
        Err(e) => return Err(e.to_string()),
    };
    stream.set_deadline(PEER_LIMIT);
    // A client need not wait for its answer.
    let _ = frame::write(&mut stream, &answer);
    Ok(())
}

fn ask_loop(events: &Sender<Event>, request: Request) -> Response {
    let (reply, answers) = channel();
    let asked = events.send(Event::Asked { request, reply });
    let answer = asked.ok().and_then(|()| answers.recv_timeout(ANSWER_LIMIT).ok());
    answer.unwrap_or_else(|| Response::Refused { why: "the daemon is ending".to_owned() })
}
