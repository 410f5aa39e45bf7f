//! A directory of releases, signed as minisign does it, and what serves it to this machine.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use ed25519_compact::{KeyPair, Seed};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};
use tar::{Builder, Header};

/// A key to sign with.
pub(crate) struct Key {
    pair: KeyPair,
    id: [u8; 8],
}

impl Key {
    pub(crate) fn new(seed: u8) -> Key {
        Key { pair: KeyPair::from_seed(Seed::new([seed; 32])), id: [seed; 8] }
    }

    /// Pretends to be another key.
    pub(crate) fn set_id_of(&mut self, other: &Key) {
        self.id = other.id;
    }

    /// As minisign writes it.
    pub(crate) fn public(&self) -> String {
        base64(&[b"Ed", &self.id[..], &self.pair.pk[..]].concat())
    }

    pub(crate) fn sign(&self, bytes: &[u8], comment: &str) -> String {
        self.sign_as(b"ED", blake2b_simd::blake2b(bytes).as_bytes(), comment)
    }

    /// A signature of the kind that is not prehashed, which minisign made once.
    pub(crate) fn sign_as(&self, kind: &[u8; 2], signed: &[u8], comment: &str) -> String {
        let signature = self.pair.sk.sign(signed, None);
        let global = self.pair.sk.sign([&signature[..], comment.as_bytes()].concat(), None);
        let first = base64(&[&kind[..], &self.id, &signature[..]].concat());
        format!("untrusted comment: x\n{first}\ntrusted comment: {comment}\n{}\n", base64(&global[..]))
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut three = [0; 3];
        three[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for index in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * index)) as usize & 63];
            text.push(if index <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

/// The archive that a release has for `target`.
pub(crate) fn archive(program: &[u8], target: &str) -> Vec<u8> {
    let mut tar = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, mode, content) in [("README.md", 0o644, &b"read me"[..]), ("kache", 0o755, program)] {
        let mut header = Header::new_gnu();
        header.set_mode(mode);
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, format!("kache-{target}/{name}"), content).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

pub(crate) const SUMS: &str = "latest/download/SHA256SUMS";
pub(crate) const SIGNATURE: &str = "latest/download/SHA256SUMS.minisig";

/// Releases in a directory.
pub(crate) struct Releases {
    pub(crate) dir: PathBuf,
    pub(crate) key: Key,
}

impl Releases {
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Publishes `asset` as the newest release's.
    pub(crate) fn publish(&self, version: &str, target: &str, asset: &[u8]) {
        let name = format!("kache-{target}.tar.gz");
        let sum: String = Sha256::digest(asset).iter().map(|byte| format!("{byte:02x}")).collect();
        self.publish_list(version, &format!("{}  other\n{sum}  {name}\n", "0".repeat(64)));
        self.write(&format!("download/v{version}/{name}"), asset);
    }

    pub(crate) fn publish_list(&self, version: &str, list: &str) {
        self.write(SUMS, list);
        let comment = format!("kache release format=1 version={version} expires=9999-12-31");
        self.write(SIGNATURE, self.key.sign(list.as_bytes(), &comment));
    }
}

/// Serves a directory over HTTP to this machine; a file called `endless` never ends.
pub(crate) struct Server {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(dir: &Path) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ended = Arc::new(AtomicBool::new(false));
        let (dir, has_ended) = (dir.to_owned(), Arc::clone(&ended));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if has_ended.load(Ordering::SeqCst) {
                    break;
                }
                // Who goes away early is no failure of the server.
                let _ = answer(stream, &dir);
            }
        });
        Server { address, ended, thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn answer(mut stream: TcpStream, dir: &Path) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        request.push(byte[0]);
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let name = request.split(' ').nth(1).unwrap_or("/").trim_start_matches('/').to_owned();
    if name.ends_with("endless") {
        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
        loop {
            stream.write_all(&[b'x'; 4096])?;
        }
    }
    match std::fs::read(dir.join(&name)) {
        Ok(bytes) => {
            let length = bytes.len();
            write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n")?;
            stream.write_all(&bytes)
        }
        Err(_) => stream
            .write_all(b"HTTP/1.1 404 Not Availability\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
    }
}
