//! The script of the GitHub Action, in a fabricated environment of a runner.
#![allow(clippy::unwrap_used, reason = "a scenario ends where it cannot go on")]

use std::fs;
use std::path::Path;

use crate::home::{Ended, Home};
use crate::skip::skip;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The files through which a step talks to the runner.
const FILES: [&str; 4] = ["GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"];

fn runner() -> Home {
    let mut home = Home::new();
    for name in FILES {
        home.write(name, "");
        let path = home.path(name).display().to_string();
        home.set(name, &path);
    }
    home.dir("temp");
    let temp = home.path("temp").display().to_string();
    home.set("RUNNER_TEMP", &temp);
    home.set("RUNNER_OS", "Linux");
    home.set("RUNNER_ARCH", "X64");
    home.set("GITHUB_RUN_ID", "77");
    home.set("GITHUB_RUN_ATTEMPT", "1");
    home.set("GITHUB_REPOSITORY", "me/p");
    home.set("ACTION_ROOT", ROOT);
    home.package("p");
    home.within("p");
    home
}

/// `kache.sh <command>` in a shell; `None` if that is not here.
fn step(home: &Home, shell: &str, command: &str) -> Option<Ended> {
    let script = Path::new(ROOT).join("action/kache.sh");
    match home.command(shell).arg(script).arg(command).output() {
        Ok(output) => Some(Ended::of(output)),
        Err(_) => {
            skip(shell, "there is no such shell");
            None
        }
    }
}

/// The variables in a file of the runner, which the next steps get.
fn values(home: &Home, file: &str) -> Vec<(String, String)> {
    let text = home.read(file);
    text.lines()
        .map(|line| line.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn value(home: &Home, file: &str, name: &str) -> Option<String> {
    values(home, file).into_iter().rev().find(|(known, _)| known == name).map(|(_, value)| value)
}

#[test]
fn a_job_is_set_up_built_reported_and_trimmed() {
    for shell in ["sh", "dash", "bash"] {
        let mut home = runner();
        home.set("INPUT_VERSION", &format!("path:{}", env!("CARGO_BIN_EXE_kache")));
        let Some(installed) = step(&home, shell, "install") else { continue };
        installed.with(0, "kache ");
        let bin = home.read("GITHUB_PATH").trim().to_owned();
        home.set("PATH", &format!("{bin}:{}", home.var("PATH")));
        step(&home, shell, "configure").unwrap().with(0, "");
        for (name, value) in values(&home, "GITHUB_ENV") {
            home.set(&name, &value);
        }
        assert_eq!(home.var("RUSTC_WRAPPER"), "kache");
        let mut cargo = home.command("cargo");
        let ended = Ended::of(cargo.args(["build", "--offline"]).output().unwrap());
        ended.with(0, "");
        step(&home, shell, "finish").unwrap().with(0, "");
        let summary = home.read("GITHUB_STEP_SUMMARY");
        assert!(summary.starts_with("<!-- kache report -->\n### kache: 0.0 % hits, "), "{shell}: {summary}");
        assert_eq!(
            value(&home, "GITHUB_OUTPUT", "report").unwrap(),
            home.path("temp/kache-report.md").display().to_string()
        );
        assert!(home.path("temp/kache-store/records").exists(), "{shell}: the store is where the key says");
        assert_eq!(
            value(&home, "GITHUB_OUTPUT", "store").unwrap(),
            home.path("temp/kache-store").display().to_string()
        );
    }
}

#[test]
fn keys_follow_the_lock_file_and_fall_back() {
    let mut home = runner();
    let output = |home: &Home, name: &str| value(home, "GITHUB_OUTPUT", name).unwrap();
    let keys = |home: &Home| {
        step(home, "sh", "configure").unwrap().with(0, "");
        ["key", "fallback-lock", "fallback"].map(|name| output(home, name))
    };
    let [key, lock, fallback] = keys(&home);
    assert!(
        key.starts_with(&lock) && lock.starts_with(&fallback) && key.ends_with("-77-1"),
        "{key} {lock} {fallback}"
    );
    assert!(fallback.starts_with("kache-build-Linux-X64-"), "{fallback}");
    assert!(key.len() < 512 && !key.contains(|c: char| c.is_whitespace() || c == ','), "{key}");
    home.write("p/sub dir/Cargo.lock", "version = 4\n");
    let [_, other_lock, same] = keys(&home);
    assert_ne!(lock, other_lock);
    assert_eq!(fallback, same);
    // What is in a build directory is not the project's.
    home.write("p/target/package/Cargo.lock", "version = 4\n");
    assert_eq!(keys(&home)[1], other_lock);
    home.set("INPUT_KEY", "lint");
    assert!(keys(&home)[2].starts_with("kache-lint-"));
}

#[test]
fn forks_only_read() {
    for (input, is_fork, reads) in [
        ("auto", "true", true),
        ("auto", "false", false),
        ("auto", "", false),
        ("true", "false", true),
        ("false", "true", false),
    ] {
        let mut home = runner();
        home.set("INPUT_READ_ONLY", input);
        home.set("IS_FORK", is_fork);
        step(&home, "sh", "configure").unwrap().with(0, "");
        assert_eq!(value(&home, "GITHUB_ENV", "KACHE_READONLY").is_some(), reads, "{input} {is_fork}");
        assert_eq!(value(&home, "GITHUB_OUTPUT", "save").unwrap(), if reads { "false" } else { "true" });
    }
}

/// A job with an S3 bucket: what it compiled, the next one does not.
#[test]
#[cfg(target_os = "linux")]
fn jobs_share_a_bucket() {
    let server = crate::s3_server::S3Server::start();
    let job = |is_fork: &str| {
        let mut home = runner();
        home.write("p/Cargo.lock", "version = 4\n\n[[package]]\nname = \"p\"\nversion = \"0.1.0\"\n");
        for (name, value) in [
            ("INPUT_VERSION", format!("path:{}", env!("CARGO_BIN_EXE_kache"))),
            ("INPUT_S3_BUCKET", crate::s3_server::BUCKET.to_owned()),
            ("INPUT_S3_ENDPOINT", format!("http://{}", server.address)),
            ("INPUT_S3_REGION", "us-east-1".to_owned()),
            ("INPUT_S3_PREFIX", "ci".to_owned()),
            ("IS_FORK", is_fork.to_owned()),
            ("AWS_ACCESS_KEY_ID", crate::s3_server::ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", crate::s3_server::SECRET_KEY.to_owned()),
        ] {
            home.set(name, &value);
        }
        step(&home, "sh", "install").unwrap().with(0, "kache ");
        let bin = home.read("GITHUB_PATH").trim().to_owned();
        home.set("PATH", &format!("{bin}:{}", home.var("PATH")));
        step(&home, "sh", "configure").unwrap().with(0, "");
        assert_eq!(value(&home, "GITHUB_OUTPUT", "save").unwrap(), "false", "the bucket keeps everything");
        for (name, value) in values(&home, "GITHUB_ENV") {
            home.set(&name, &value);
        }
        step(&home, "sh", "pull").unwrap().with(0, "");
        Ended::of(home.command("cargo").args(["build", "--offline"]).output().unwrap()).with(0, "");
        let finished = step(&home, "sh", "finish").unwrap();
        finished.with(0, "");
        assert!(!finished.out.contains("::warning::"), "{}", finished.out);
        let summary = home.read("GITHUB_STEP_SUMMARY");
        summary.lines().nth(1).unwrap_or_default().to_owned()
    };
    let n_objects = || crate::world::files_below(&server.objects()).len();
    assert!(job("true").starts_with("### kache: 0.0 % hits, "));
    assert_eq!(n_objects(), 0, "a fork sends nothing");
    assert!(job("false").starts_with("### kache: 0.0 % hits, "));
    let n_sent = n_objects();
    assert_ne!(n_sent, 0);
    let last = job("true");
    assert!(last.starts_with("### kache: 100.0 % hits, "), "{last}");
    assert_eq!(n_objects(), n_sent);
}

/// A bucket that does not answer costs its job warnings, and nothing else.
#[test]
fn a_bucket_that_is_away_fails_no_job() {
    let mut home = runner();
    let kache = Path::new(env!("CARGO_BIN_EXE_kache")).parent().unwrap().display().to_string();
    home.set("PATH", &format!("{kache}:{}", home.var("PATH")));
    home.set("INPUT_S3_BUCKET", "shared");
    home.set("INPUT_S3_ENDPOINT", "http://127.0.0.1:9");
    step(&home, "sh", "configure").unwrap().with(0, "");
    for (name, value) in values(&home, "GITHUB_ENV") {
        home.set(&name, &value);
    }
    home.set("AWS_ACCESS_KEY_ID", "a");
    home.set("AWS_SECRET_ACCESS_KEY", "b");
    step(&home, "sh", "pull").unwrap().with(0, "::warning::kache: the bucket could not be read");
    Ended::of(home.command("cargo").args(["build", "--offline"]).output().unwrap()).with(0, "");
    step(&home, "sh", "finish").unwrap().with(0, "::warning::kache: not everything was sent");
}

#[test]
fn wrong_inputs_stop_the_job() {
    for (name, value, command, said) in [
        ("INPUT_VERSION", "9.9", "install", "version has to be release, source or path:PROGRAM, not '9.9'"),
        ("INPUT_VERSION", "path:/nowhere", "install", "/nowhere is not a program"),
        ("INPUT_READ_ONLY", "perhaps", "configure", "expected true or false, not 'perhaps'"),
        ("INPUT_STORE", "/a\nLD_PRELOAD=/b", "configure", "has more than one line"),
        ("GITHUB_ENV", "", "configure", "GITHUB_ENV is not set"),
        ("X", "", "frob", "usage: kache.sh"),
    ] {
        let mut home = runner();
        home.set(name, value);
        step(&home, "sh", command).unwrap().with(1, said).with(1, "::error::");
    }
}

/// A stand-in for GitHub's own program notes how it was called.
#[test]
fn a_comment_is_made_once_and_then_replaced() {
    let mut home = runner();
    home.write("temp/kache-report.md", "<!-- kache report -->\n");
    let calls = home.path("calls").display().to_string();
    let gh = format!(
        "#!/bin/sh\necho \"$*\" >>'{calls}'\ncase $* in *--paginate*) cat '{calls}.ids' 2>/dev/null;; esac\nexit 0\n"
    );
    home.write("bin/gh", gh);
    home.mode("bin/gh", 0o755);
    home.set("PATH", &format!("{}:{}", home.path("bin").display(), home.var("PATH")));
    step(&home, "sh", "comment").unwrap().with(0, "no pull request to comment on");
    home.set("PULL_REQUEST", "5");
    step(&home, "sh", "comment").unwrap().with(0, "");
    assert!(home.read("calls").contains("api --method POST repos/me/p/issues/5/comments --field body=@"));
    fs::write(format!("{calls}.ids"), "123\n456\n").unwrap();
    step(&home, "sh", "comment").unwrap().with(0, "");
    assert!(home.read("calls").contains("api --method PATCH repos/me/p/issues/comments/123 --field body=@"));
}

/// Each input is passed to the script under the name that it reads, and has a description.
#[test]
fn inputs_of_the_action_reach_the_script() {
    let script = fs::read_to_string(Path::new(ROOT).join("action/kache.sh")).unwrap();
    for file in ["action/action.yml", "action/finish/action.yml"] {
        let text = fs::read_to_string(Path::new(ROOT).join(file)).unwrap();
        for line in text.lines().filter(|line| line.trim_start().starts_with("INPUT_")) {
            let (name, value) = line.trim().split_once(": ").unwrap();
            assert!(script.contains(name), "{file}: {name}");
            let input = value.trim_start_matches("${{ inputs.").trim_end_matches(" }}");
            assert!(text.contains(&format!("\n  {input}:\n    description: ")), "{file}: {input}");
        }
        for used in text.lines().filter_map(|line| line.split_once("uses: ")) {
            let commit = used.1.split_once('@').unwrap().1.split_once(" # v").unwrap().0;
            assert!(
                commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()),
                "{file}: {used:?}"
            );
        }
        // Expressions in a script would be run by the shell.
        assert!(
            !text.lines().any(|line| line.trim_start().starts_with("run:") && line.contains("${{")),
            "{file}"
        );
    }
    if let Ok(output) =
        std::process::Command::new("shellcheck").arg(Path::new(ROOT).join("action/kache.sh")).output()
    {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    } else {
        skip("shellcheck", "there is no shellcheck");
    }
}
