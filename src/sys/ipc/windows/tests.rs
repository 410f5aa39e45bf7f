//! Named pipes between a client and a daemon.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::super::Endpoint;
use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn endpoint() -> Endpoint {
    Endpoint::new(Path::new(""), &crate::sys::fs::unique_name())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Sends a byte each way.
async fn talk(client: &mut Stream, connection: &mut Connection) {
    client.write_all(b"?").unwrap();
    let mut byte = [0];
    connection.read_exact(&mut byte).await.unwrap();
    assert_eq!(&byte, b"?");
    connection.write_all(b"!").await.unwrap();
    client.read_exact(&mut byte).unwrap();
    assert_eq!(&byte, b"!");
}

#[test]
fn clients_are_accepted_one_after_the_other() {
    let endpoint = endpoint();
    block_on(async {
        let listener = Listener::bind(&endpoint).ok().unwrap();
        // A wait that is stopped loses no connection.
        assert!(tokio::time::timeout(Duration::from_millis(10), listener.accept()).await.is_err());
        for _ in 0..3 {
            let mut client = connect(&endpoint, SECOND).unwrap();
            let mut connection = listener.accept().await.unwrap();
            talk(&mut client, &mut connection).await;
            drop(client);
            assert!(!matches!(connection.read(&mut [0]).await, Ok(1)), "the client is gone");
        }
    });
    assert_eq!(connect(&endpoint, SECOND).err().unwrap().kind(), io::ErrorKind::NotFound);
}

#[test]
fn the_client_that_has_the_last_instance_is_not_lost() {
    let endpoint = endpoint();
    block_on(async {
        let listener = Listener::bind(&endpoint).ok().unwrap();
        let waited = tokio::time::timeout(Duration::from_millis(10), listener.accept()).await;
        assert!(waited.is_err() && listener.accept_last().await.is_none());
        let listener = Listener::bind(&endpoint).ok().unwrap();
        let mut client = connect(&endpoint, SECOND).unwrap();
        let mut connection = listener.accept_last().await.unwrap();
        talk(&mut client, &mut connection).await;
    });
}

#[test]
fn the_next_program_joins_the_pipe_before_the_previous_one_leaves_it() {
    let dir = tempfile::tempdir().unwrap();
    let (endpoint, lock) = (endpoint(), dir.path().join("lock"));
    block_on(async {
        let previous = Listener::bind(&endpoint).ok().unwrap();
        assert!(take_over("3,4,own", &endpoint, &lock).is_err());
        let (next, _lock) = take_over("join", &endpoint, &lock).unwrap();
        assert!(previous.accept_last().await.is_none());
        let mut client = connect(&endpoint, SECOND).unwrap();
        let mut connection = next.accept().await.unwrap();
        talk(&mut client, &mut connection).await;
    });
}

#[test]
fn a_peer_that_is_silent_costs_no_more_than_the_deadline() {
    let endpoint = endpoint();
    block_on(async {
        let _listener = Listener::bind(&endpoint).ok().unwrap();
        let mut client = connect(&endpoint, Duration::from_millis(30)).unwrap();
        assert_eq!(client.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::TimedOut);
    });
}
