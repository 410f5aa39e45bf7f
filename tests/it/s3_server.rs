//! A real S3 server in this process, and a proxy in front of it that can be made to fail.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::world::World;

pub(crate) const BUCKET: &str = "kache-test";
pub(crate) const ACCESS_KEY: &str = "AKIAKACHETESTKEY0000";
pub(crate) const SECRET_KEY: &str = "kache/secret+that=must+not+show/up00";

/// A server with one bucket, which ends with this value.
pub(crate) struct S3Server {
    pub(crate) address: SocketAddr,
    root: TempDir,
    _runtime: Runtime,
}

impl S3Server {
    pub(crate) fn start() -> S3Server {
        let root = tempfile::Builder::new().prefix("kache-s3-").tempdir().expect("a directory");
        std::fs::create_dir(root.path().join(BUCKET)).expect("makes the bucket");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("starts threads");
        let files = FileSystem::new(root.path()).expect("the directory is there");
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = builder.build();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("listens");
        let address = listener.local_addr().expect("it has an address");
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let server = Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        S3Server { address, root, _runtime: runtime }
    }

    /// The folder that holds the objects.
    pub(crate) fn objects(&self) -> PathBuf {
        self.root.path().join(BUCKET)
    }

    /// A machine that uses the bucket at `address`.
    pub(crate) fn machine(fixture: &str, address: SocketAddr) -> World {
        World::project(fixture)
            .env("KACHE_S3_BUCKET", BUCKET)
            .env("KACHE_S3_ENDPOINT", format!("http://{address}"))
            .env("KACHE_S3_REGION", "us-east-1")
            .env("KACHE_S3_ACCESS_KEY", ACCESS_KEY)
            .env("KACHE_S3_SECRET_KEY", SECRET_KEY)
            .env("AWS_EC2_METADATA_DISABLED", "true")
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
                n_connections.fetch_add(1, Ordering::SeqCst);
                let fault = *fault.lock().unwrap_or_else(PoisonError::into_inner);
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
