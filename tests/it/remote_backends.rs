//! What every backend of the remote promises, shown of a folder, of an S3 server in this process, and of the bucket that
//! `KACHE_TEST_S3_BUCKET`, `_ENDPOINT`, `_REGION`, `_ACCESS_KEY` and `_SECRET_KEY` name, if they are set.

use std::ffi::OsString;
use std::fs;

use kache::config::{self, Defaults, RemoteConfig, RemoteSecrets, Scope};
use kache::remote::backend::{Body, Kind, Put, Remote};
use kache::remote::connect::connect;
use kache::remote::dir::Dir;
use kache::remote::object_name::ObjectName;
use kache::remote::s3::S3;

use crate::s3_server::{ACCESS_KEY, BUCKET, Fault, Proxy, S3Server, SECRET_KEY};
use crate::skip::skip;

/// The settings of these variables.
fn settings(vars: &[(&str, String)]) -> (RemoteConfig, RemoteSecrets) {
    let env =
        |name: &str| vars.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
    let defaults = Defaults { cache_dir: "/nowhere".into(), observes: true };
    let (config, problems) = config::load(&env, &[], &defaults, Scope::Command);
    assert!(problems.is_empty(), "{problems:?}");
    (*config.remote.expect("is resolved for commands"), RemoteSecrets::from_env(&env))
}

fn server_settings(address: &str) -> (RemoteConfig, RemoteSecrets) {
    settings(&[
        ("KACHE_S3_BUCKET", BUCKET.to_owned()),
        ("KACHE_S3_ENDPOINT", format!("http://{address}")),
        ("KACHE_S3_REGION", "us-east-1".to_owned()),
        ("KACHE_S3_PREFIX", "team/kache".to_owned()),
        ("KACHE_S3_ACCESS_KEY", ACCESS_KEY.to_owned()),
        ("KACHE_S3_SECRET_KEY", SECRET_KEY.to_owned()),
    ])
}

fn bucket(address: &str) -> S3 {
    let (config, secrets) = server_settings(address);
    S3::new(BUCKET, &config, &secrets).expect("starts")
}

fn name(text: &str) -> ObjectName {
    text.parse().expect("a name")
}

fn listed(remote: &dyn Remote, prefix: &str) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    remote
        .list(&name(prefix), &mut |object| found.push((object.name.to_string(), object.size_bytes)))
        .expect("lists");
    found.sort();
    found
}

/// The promises. Everything is below `root`, which holds nothing yet.
fn conforms(remote: &dyn Remote, root: &str) {
    let at = |below: &str| name(&format!("{root}/{below}"));
    let file = tempfile::NamedTempFile::new().expect("a file");
    let large: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    fs::write(file.path(), &large).expect("writes");

    // Nothing is there.
    assert_eq!(remote.head(&at("a/one")).expect("answers"), None);
    let mut read = b"before".to_vec();
    assert_eq!(remote.get(&at("a/one"), &mut read, 100).expect_err("fails").kind, Kind::NotFound);
    assert_eq!(listed(remote, root), []);

    // What is written is there, whole, and stays.
    assert_eq!(remote.put_if_absent(&at("a/one"), Body::Bytes(b"first")).expect("writes"), Put::Stored);
    assert_eq!(remote.put_if_absent(&at("a/one"), Body::Bytes(b"second")).expect("writes"), Put::Existed);
    assert_eq!(remote.put_if_absent(&at("a/large"), Body::File(file.path())).expect("writes"), Put::Stored);
    assert_eq!(
        remote.put_if_absent(&at("b/1.0.0+x_y/empty"), Body::Bytes(b"")).expect("writes"),
        Put::Stored
    );
    assert_eq!(remote.get(&at("a/one"), &mut read, 100).expect("reads"), 5);
    assert_eq!(read, b"first");
    assert_eq!(remote.get(&at("a/large"), &mut read, 3_000_000).expect("reads"), 3_000_000);
    assert!(read == large);
    assert_eq!(remote.get(&at("b/1.0.0+x_y/empty"), &mut read, 0).expect("reads"), 0);
    assert_eq!(remote.head(&at("a/large")).expect("answers"), Some(3_000_000));

    // Nothing is read that is too large.
    assert_eq!(remote.get(&at("a/large"), &mut read, 2_999_999).expect_err("fails").kind, Kind::TooLarge);

    // A listing is of a folder, not of names that begin alike.
    remote.put_if_absent(&at("ab/other"), Body::Bytes(b"x")).expect("writes");
    let full = |below: &str, size_bytes| (format!("{root}/{below}"), size_bytes);
    assert_eq!(listed(remote, &format!("{root}/a")), [full("a/large", 3_000_000), full("a/one", 5)]);
    assert_eq!(listed(remote, root).len(), 4);

    // A file of this machine that is missing is no failure of the remote.
    let missing = Body::File("/nowhere/missing".as_ref());
    assert_eq!(remote.put_if_absent(&at("c"), missing).expect_err("fails").kind, Kind::Local);
    assert_eq!(remote.head(&at("c")).expect("answers"), None);

    // Writers of one object at a time agree.
    let stored = std::thread::scope(|scope| {
        let write = || remote.put_if_absent(&at("together"), Body::Bytes(b"same"));
        let writers: Vec<_> = (0..4).map(|_| scope.spawn(write)).collect();
        writers.into_iter().map(|writer| writer.join().expect("no panic")).collect::<Vec<_>>()
    });
    assert!(stored.iter().any(|put| matches!(put, Ok(Put::Stored))), "{stored:?}");
    remote.get(&at("together"), &mut read, 100).expect("reads");
    assert_eq!(read, b"same");
}

#[test]
fn a_shared_folder_conforms() {
    let dir = tempfile::tempdir().expect("a directory");
    conforms(&Dir::new(dir.path()), "v1/test");
}

#[test]
fn a_bucket_conforms() {
    let server = S3Server::start();
    conforms(&bucket(&server.address.to_string()), "v1/test");
    assert!(server.objects().join("team/kache/v1/test/a/one").is_file());
}

#[test]
fn the_bucket_of_the_environment_conforms() {
    let var = |name: &str| std::env::var(format!("KACHE_TEST_S3_{name}")).ok();
    let Some(bucket) = var("BUCKET") else {
        skip("s3-bucket", "KACHE_TEST_S3_BUCKET names no bucket");
        return;
    };
    let mut vars = vec![("KACHE_S3_BUCKET", bucket.clone())];
    for (name, own) in [
        ("ENDPOINT", "KACHE_S3_ENDPOINT"),
        ("REGION", "KACHE_S3_REGION"),
        ("ACCESS_KEY", "KACHE_S3_ACCESS_KEY"),
        ("SECRET_KEY", "KACHE_S3_SECRET_KEY"),
    ] {
        vars.extend(var(name).map(|value| (own, value)));
    }
    let (config, secrets) = settings(&vars);
    let remote = S3::new(&bucket, &config, &secrets).expect("starts");
    conforms(&remote, &format!("v1/test-{}", kache::sys::fs::unique_name()));
}

#[test]
fn more_than_a_page_is_listed() {
    let server = S3Server::start();
    let remote = bucket(&server.address.to_string());
    let dir = server.objects().join("team/kache/v1/many");
    fs::create_dir_all(&dir).expect("makes the folder");
    for n in 0..2_345 {
        fs::write(dir.join(format!("object-{n}")), b"").expect("writes");
    }
    assert_eq!(listed(&remote, "v1/many").len(), 2_345);
}

#[test]
fn wrong_credentials_are_denied_and_not_absent() {
    let server = S3Server::start();
    let (config, mut secrets) = server_settings(&server.address.to_string());
    secrets.secret_key = Some("wrong".to_owned());
    let remote = S3::new(BUCKET, &config, &secrets).expect("starts");
    let error = remote.head(&name("v1/a")).expect_err("fails");
    assert_eq!(error.kind, Kind::Denied, "{error}");
    let error = remote.get(&name("v1/a"), &mut Vec::new(), 10).expect_err("fails");
    assert_eq!(error.kind, Kind::Denied, "{error}");
    assert!(!error.to_string().contains(ACCESS_KEY), "{error}");
}

/// Reads an object of 300 kB through a fault.
fn kind_with(fault: Fault) -> Option<Kind> {
    let server = S3Server::start();
    let direct = bucket(&server.address.to_string());
    direct.put_if_absent(&name("v1/a"), Body::Bytes(&vec![7; 300_000])).expect("writes");
    let proxy = Proxy::start(server.address, fault);
    let remote = bucket(&proxy.address.to_string());
    remote.get(&name("v1/a"), &mut Vec::new(), 1_000_000).err().map(|error| error.kind)
}

#[test]
fn each_fault_has_its_kind() {
    for (fault, kind) in [
        (Fault::None, None),
        (Fault::Refuse, Some(Kind::Unreachable)),
        (Fault::Status(403), Some(Kind::Denied)),
        (Fault::Status(404), Some(Kind::NotFound)),
        (Fault::Status(429), Some(Kind::Busy)),
        (Fault::Status(500), Some(Kind::Busy)),
        (Fault::Status(503), Some(Kind::Busy)),
        (Fault::Code(403, "RequestTimeTooSkewed"), Some(Kind::Denied)),
        (Fault::Code(400, "ExpiredToken"), Some(Kind::Denied)),
        (Fault::CutAfter(100_000), Some(Kind::Unreachable)),
        (Fault::StallAfter(100_000), Some(Kind::Unreachable)),
        (Fault::Hang, Some(Kind::Unreachable)),
    ] {
        assert_eq!(kind_with(fault), kind, "{fault:?}");
    }
}

/// It looks like a smaller object, which whoever reads it finds out.
#[test]
fn what_is_said_to_be_shorter_is_shorter() {
    let server = S3Server::start();
    let direct = bucket(&server.address.to_string());
    direct.put_if_absent(&name("v1/a"), Body::Bytes(&[7; 3000])).expect("writes");
    let proxy = Proxy::start(server.address, Fault::HalfLength);
    let read = bucket(&proxy.address.to_string()).get(&name("v1/a"), &mut Vec::new(), 1_000_000);
    assert_eq!(read, Ok(1500));
}

#[test]
fn a_name_that_leads_nowhere_is_an_outage() {
    let remote = bucket("kache-test.invalid:9000");
    let error = remote.head(&name("v1/a")).expect_err("fails");
    assert_eq!(error.kind, Kind::Unreachable, "{error}");
}

#[test]
fn a_server_that_is_out_is_not_asked_over_and_over() {
    let server = S3Server::start();
    let proxy = Proxy::start(server.address, Fault::Status(503));
    let (config, secrets) = server_settings(&proxy.address.to_string());
    let connected = connect(&config, &secrets).expect("is configured");
    for n in 0..50 {
        let error = connected.remote.head(&name(&format!("v1/{n}"))).expect_err("fails");
        assert!(error.is_outage(), "{error}");
    }
    let n_requests = connected.meter.read().n_heads;
    assert!((5..=20).contains(&n_requests), "{n_requests}");
    assert!(proxy.n_connections() <= 20);
}

#[test]
fn what_fails_for_a_moment_is_asked_again() {
    let server = S3Server::start();
    let proxy = Proxy::start(server.address, Fault::Status(503));
    let (config, secrets) = server_settings(&proxy.address.to_string());
    let connected = connect(&config, &secrets).expect("is configured");
    let put = std::thread::scope(|scope| {
        let put = scope.spawn(|| connected.remote.put_if_absent(&name("v1/a"), Body::Bytes(b"x")));
        while proxy.n_connections() == 0 {
            std::thread::yield_now();
        }
        proxy.set(Fault::None);
        put.join().expect("no panic")
    });
    assert_eq!(put, Ok(Put::Stored));
    assert!(connected.meter.read().n_puts >= 2);
}
