//! Machines that use a real S3 server, and a proxy in front of it that can be made to fail.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::world::World;

#[path = "../common/s3_server.rs"]
mod server;

pub(crate) use server::{ACCESS_KEY, BUCKET, S3Server, SECRET_KEY, variables};

impl S3Server {
    /// A machine that uses the bucket at `address`.
    pub(crate) fn machine(fixture: &str, address: SocketAddr) -> World {
        variables(address)
            .into_iter()
            .fold(World::project(fixture), |world, (name, value)| world.env(name, value))
    }
}

/// What goes wrong between a client and the server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    None,
    /// Connections are closed at once.
    Refuse,
    /// Nothing is ever answered.
    Hang,
    /// Every request gets this status.
    Status(u16),
    /// Every request is refused with this code of S3.
    Code(u16, &'static str),
    /// An answer comes so many bytes at a time, a few times in a second.
    Trickle(usize),
    /// An answer is said to have half of its length.
    HalfLength,
    /// After so many bytes of an answer the connection is closed.
    CutAfter(usize),
    /// After so many bytes of an answer nothing more comes.
    StallAfter(usize),
}

/// Forwards to a server, with a fault.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    fault: Arc<Mutex<Fault>>,
    n_connections: Arc<AtomicUsize>,
}

impl Proxy {
    pub(crate) fn start(server: SocketAddr, fault: Fault) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("listens");
        let address = listener.local_addr().expect("it has an address");
        let fault = Arc::new(Mutex::new(fault));
        let n_connections = Arc::new(AtomicUsize::new(0));
        let proxy = Proxy { address, fault: Arc::clone(&fault), n_connections: Arc::clone(&n_connections) };
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let fault = *fault.lock().unwrap_or_else(PoisonError::into_inner);
                // Who has seen it counted may change the fault for the next one.
                n_connections.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || forward(client, server, fault));
            }
        });
        proxy
    }

    /// New connections get this fault.
    pub(crate) fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    pub(crate) fn n_connections(&self) -> usize {
        self.n_connections.load(Ordering::SeqCst)
    }
}

/// How long a connection is kept that hangs.
const LONGEST: Duration = Duration::from_secs(60);

fn forward(mut client: TcpStream, server: SocketAddr, fault: Fault) {
    match fault {
        Fault::Refuse => return,
        Fault::Hang => return swallow(&mut client),
        Fault::Status(403) => return answer(&mut client, 403, "AccessDenied"),
        Fault::Status(status) => return answer(&mut client, status, "Fault"),
        Fault::Code(status, code) => return answer(&mut client, status, code),
        _ => {}
    }
    let Ok(mut upstream) = TcpStream::connect(server) else { return };
    let (Ok(mut from_client), Ok(mut to_server)) = (client.try_clone(), upstream.try_clone()) else { return };
    thread::spawn(move || {
        let _ = std::io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let mut buffer = vec![0; 16 * 1024];
    let mut n_bytes = 0;
    while let Ok(n @ 1..) = upstream.read(&mut buffer) {
        let mut piece = &buffer[..n];
        if let Fault::CutAfter(limit) | Fault::StallAfter(limit) = fault {
            let n_left = limit.saturating_sub(n_bytes).min(n);
            piece = &piece[..n_left];
        }
        n_bytes += n;
        let halved = matches!(fault, Fault::HalfLength).then(|| half_length(piece));
        if write(&mut client, halved.as_deref().unwrap_or(piece), fault).is_err() {
            break;
        }
        match fault {
            Fault::CutAfter(limit) if n_bytes >= limit => break,
            Fault::StallAfter(limit) if n_bytes >= limit => return swallow(&mut client),
            _ => {}
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = upstream.shutdown(Shutdown::Both);
}

fn write(client: &mut TcpStream, bytes: &[u8], fault: Fault) -> std::io::Result<()> {
    let Fault::Trickle(n_bytes) = fault else { return client.write_all(bytes) };
    for piece in bytes.chunks(n_bytes) {
        client.write_all(piece)?;
        thread::sleep(Duration::from_millis(300));
    }
    Ok(())
}

/// The answer with half of the length that it declares.
fn half_length(bytes: &[u8]) -> Vec<u8> {
    const NAME: &[u8] = b"content-length: ";
    let lower = bytes.to_ascii_lowercase();
    let Some(at) = memchr::memmem::find(&lower, NAME).map(|at| at + NAME.len()) else {
        return bytes.to_vec();
    };
    let n_digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let length: usize =
        std::str::from_utf8(&bytes[at..at + n_digits]).expect("digits").parse().expect("a number");
    [&bytes[..at], (length / 2).to_string().as_bytes(), &bytes[at + n_digits..]].concat()
}

/// Reads what a client sends until it goes away.
fn swallow(client: &mut TcpStream) {
    let _ = client.set_read_timeout(Some(LONGEST));
    let mut buffer = [0; 4096];
    while matches!(client.read(&mut buffer), Ok(1..)) {}
}

/// Answers each request with an error.
fn answer(client: &mut TcpStream, status: u16, code: &str) {
    let _ = client.set_read_timeout(Some(LONGEST));
    let body =
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>on purpose</Message></Error>");
    let answer = format!(
        "HTTP/1.1 {status} Fault\r\nContent-Type: application/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && matches!(client.read(&mut byte), Ok(1)) {
        request.push(byte[0]);
    }
    let _ = client.write_all(answer.as_bytes());
    let _ = client.shutdown(Shutdown::Write);
    swallow(client);
}
