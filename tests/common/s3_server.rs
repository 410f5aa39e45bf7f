//! A real S3 server in this process.

use std::net::SocketAddr;
use std::path::PathBuf;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::runtime::Runtime;

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
                // As servers do. Without it, an answer of two parts waits for the client's delayed acknowledgement.
                let _ = socket.set_nodelay(true);
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
}

/// The variables that lead to the bucket of a server at `address`.
pub(crate) fn variables(address: SocketAddr) -> [(&'static str, String); 6] {
    [
        ("KACHE_S3_BUCKET", BUCKET.to_owned()),
        ("KACHE_S3_ENDPOINT", format!("http://{address}")),
        ("KACHE_S3_REGION", "us-east-1".to_owned()),
        ("KACHE_S3_ACCESS_KEY", ACCESS_KEY.to_owned()),
        ("KACHE_S3_SECRET_KEY", SECRET_KEY.to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
    ]
}
