//! The live view: records reach the commands that follow them, through the daemon and without one.
#![allow(clippy::unwrap_used, reason = "a scenario ends where it cannot go on")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};

use kache::client::{NotSubscribed, Subscription};
use kache::daemon::subscription::MAX_SUBSCRIBERS;
use kache::index::tail::MOST_RECORDS;
use kache::protocol::build::Build;
use kache::protocol::frame;
use kache::protocol::hello::Hello;
use kache::protocol::message::{Position, Request, Update};
use kache::protocol::{VERSION, Version};
use serde_json::Value;

use crate::daemon::{Home, KACHE, LIMIT};

impl Home {
    fn records_dir(&self) -> PathBuf {
        self.path("home/.cache/kache/records")
    }

    fn subscribe(&self) -> Subscription {
        self.try_subscribe(None).unwrap_or_else(|no| panic!("{no}\n{}", self.log()))
    }

    fn try_subscribe(&self, after: Option<Position>) -> Result<Subscription, NotSubscribed> {
        Subscription::open(&self.place().endpoint, &Build::current(), after, LIMIT)
    }

    /// Appends records with these numbers, each of about `n_bytes`.
    fn append(&self, numbers: std::ops::Range<u64>, n_bytes: usize) {
        fs::create_dir_all(self.records_dir()).unwrap();
        let path = self.records_dir().join("2026-11-30.jsonl");
        let padding = "x".repeat(n_bytes);
        let lines: String = numbers.map(|n| format!("{{\"n\":{n},\"padding\":\"{padding}\"}}\n")).collect();
        let mut file = fs::File::options().create(true).append(true).open(path).unwrap();
        file.write_all(lines.as_bytes()).unwrap();
    }

    /// The records in the files.
    fn recorded(&self) -> Vec<Value> {
        let mut records = Vec::new();
        for entry in fs::read_dir(self.records_dir()).unwrap() {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            records.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        }
        records
    }
}

/// The next record, and where it ends.
fn record(subscription: &mut Subscription) -> (Value, Position) {
    match subscription.wait().unwrap() {
        Update::Record { record, at } => (record, at),
        missed => panic!("{missed:?}"),
    }
}

/// The number in the next record.
fn number(subscription: &mut Subscription) -> u64 {
    record(subscription).0["n"].as_u64().unwrap()
}

/// A running `kache monitor`, which follows the records and ends with the test.
struct Monitor {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Monitor {
    fn start(home: &Home, program: &Path, args: &[&str]) -> Monitor {
        let mut command = home.command(program);
        command.arg("monitor").args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut waiting = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut waiting).unwrap();
        assert_eq!(waiting, "Waiting for builds; press Ctrl-C to stop.\n");
        let lines = BufReader::new(child.stdout.take().unwrap());
        Monitor { child, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }

    /// The number in the record of the next line of JSON.
    fn number(&mut self) -> u64 {
        let line = self.line();
        let event: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line:?}"));
        event["record"]["n"].as_u64().unwrap_or_else(|| panic!("{line}"))
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn two_subscribers_see_the_records_of_a_build() {
    let home = Home::new();
    home.start(Path::new(KACHE));
    home.build("pub fn before() {}");
    let n_before = home.recorded().len();
    let mut subscriptions = [home.subscribe(), home.subscribe()];
    assert_eq!(subscriptions[0].records_dir, home.records_dir());
    assert_eq!(home.status().n_subscribers, 2);
    home.build("pub fn after() {}");
    let recorded = home.recorded();
    assert!(recorded.len() > n_before, "the build left no record");
    for subscription in &mut subscriptions {
        for expected in &recorded[n_before..] {
            assert_eq!(record(subscription).0, *expected);
        }
    }
    let is_miss = |record: &Value| record["unit"]["crate_name"] == "p" && record["outcome"] == "miss";
    assert!(recorded[n_before..].iter().any(is_miss), "{recorded:?}");
}

#[test]
fn a_subscriber_that_does_not_read_is_told_what_it_missed_and_holds_up_nobody() {
    let home = Home::new();
    home.start(Path::new(KACHE));
    let (mut slow, mut other) = (home.subscribe(), home.subscribe());
    // More than fits into the queue of a socket: the daemon cannot send the rest until this one reads.
    let n_first = MOST_RECORDS as u64 - 1;
    home.append(0..n_first, 4000);
    assert_eq!(number(&mut slow), 0);
    let n_more = n_first + 3 * MOST_RECORDS as u64;
    for n in 0..n_first {
        assert_eq!(number(&mut other), n);
    }
    home.append(n_first..n_more, 10);
    // Meanwhile others are served: a subscriber, and a client.
    let Update::Missed { n: n_missed } = other.wait().unwrap() else { panic!("it is told what it missed") };
    assert_eq!(number(&mut other), n_first + n_missed);
    assert_eq!(home.status().n_subscribers, 2);

    for n in 1..n_first {
        assert_eq!(number(&mut slow), n);
    }
    assert_eq!(slow.wait().unwrap(), Update::Missed { n: 2 * MOST_RECORDS as u64 });
    for n in n_more - MOST_RECORDS as u64..n_more {
        assert_eq!(number(&mut slow), n);
    }
}

#[test]
fn a_subscriber_that_disappears_is_forgotten_and_too_many_are_refused() {
    let home = Home::new();
    home.start(Path::new(KACHE));
    let mut subscriptions: Vec<Subscription> =
        std::iter::repeat_with(|| home.subscribe()).take(MAX_SUBSCRIBERS).collect();
    let refused = home.try_subscribe(None).err().unwrap();
    assert!(refused.to_string().ends_with("16 clients are subscribed already"), "{refused}");
    // They take no connection from those who ask.
    assert_eq!(home.status().n_subscribers, MAX_SUBSCRIBERS as u64);
    let mut last = subscriptions.pop().unwrap();
    drop(subscriptions);
    home.until("it notices that they are gone", || home.status().n_subscribers == 1);
    home.append(0..1, 0);
    assert_eq!(number(&mut last), 0);
    home.subscribe();
}

#[test]
fn a_subscription_continues_behind_the_last_record() {
    let home = Home::new();
    home.start(Path::new(KACHE));
    let mut first = home.subscribe();
    home.append(0..2, 0);
    let (_, at) = record(&mut first);
    drop(first);
    home.append(2..3, 0);
    let mut second = home.try_subscribe(Some(at)).unwrap();
    assert_eq!([number(&mut second), number(&mut second)], [1, 2]);
}

#[test]
fn a_client_of_the_first_version_is_served_as_before() {
    let home = Home::new();
    home.start(Path::new(KACHE));
    let mut stream = UnixStream::connect(home.socket()).unwrap();
    let first = Hello { protocol: Version { major: 1, minor: 0 }, ..Hello::new(&Build::current()) };
    stream.write_all(&first.encode()).unwrap();
    let mut hello = [0; 32];
    stream.read_exact(&mut hello).unwrap();
    assert_eq!(Hello::decode(&hello).unwrap().protocol, VERSION);
    frame::write(&mut stream, &Request::Status).unwrap();
    let answer: Value = frame::read(&mut stream).unwrap();
    assert_eq!((&answer["answer"], &answer["protocol"]["major"]), (&Value::from("status"), &Value::from(1)));
}

#[test]
fn kache_monitor_prints_a_line_for_each_unit_with_and_without_a_daemon() {
    let home = Home::new();
    for has_daemon in [false, true] {
        if has_daemon {
            home.start(Path::new(KACHE));
        }
        let mut text = Monitor::start(&home, Path::new(KACHE), &[]);
        let mut json = Monitor::start(&home, Path::new(KACHE), &["--json"]);
        if has_daemon {
            assert_eq!(home.status().n_subscribers, 2);
        }
        home.append(0..1, 0);
        assert_eq!(text.line(), "unreadable record\n");
        assert_eq!(json.number(), 0);
        home.build(&format!("pub fn f() {{ let _ = {has_daemon}; }}"));
        let lines = std::iter::repeat_with(|| text.line());
        let line = lines.take(100).find(|line| line.contains(" p 0.1.0 lib ")).unwrap();
        assert!(line.starts_with("miss "), "{line}");
        let events = std::iter::repeat_with(|| serde_json::from_str::<Value>(&json.line()).unwrap());
        let is_ours = |event: &Value| event["record"]["unit"]["crate_name"] == "p";
        let event = events.take(100).find(is_ours).unwrap();
        assert_eq!((&event["event"], &event["record"]["outcome"]), (&"record".into(), &"miss".into()));
    }
}

#[test]
fn kache_monitor_loses_no_record_when_the_daemon_is_replaced_or_stops() {
    let home = Home::for_releases();
    let exe = home.path("bin/kache");
    home.install(&exe, 1, "0.1.0");
    home.start(&exe);
    let mut monitor = Monitor::start(&home, &exe, &["--json"]);
    assert_eq!(home.status().n_subscribers, 1);
    home.append(0..1, 0);
    assert_eq!(monitor.number(), 0);

    home.install(&exe, 2, "0.2.0");
    home.append(1..2, 0);
    home.until("the new build runs", || home.status().build.version == "0.2.0");
    home.append(2..3, 0);
    assert_eq!([monitor.number(), monitor.number()], [1, 2]);
    home.until("it is subscribed again", || home.status().n_subscribers == 1);

    home.ask(&Request::Stop);
    home.append(3..4, 0);
    assert_eq!(monitor.number(), 3, "without a daemon it reads the files");
}

#[test]
fn kache_monitor_ends_when_nobody_reads_it() {
    let home = Home::new();
    let mut command = home.command(KACHE);
    command.arg("monitor").stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    home.until("it ends", || {
        home.append(0..1, 0);
        child.try_wait().unwrap().is_some_and(|status| status.success())
    });
}
