//! Cargo's command line, as far as it says what is built and where.
//!
//! What is not understood is not seeded. Options that decide which packages are built are only compared.

use std::path::PathBuf;

use crate::sys::env::Env;

/// What a call of cargo builds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CargoCall {
    /// The command that decides what is compiled: `build`, `check`, `test` or `bench`.
    pub command: &'static str,
    /// The directory of the profile's outputs, such as `debug`.
    pub profile_dir: String,
    /// `--target`.
    pub triple: Option<String>,
    /// `--target-dir`.
    pub target_dir: Option<PathBuf>,
    /// A flag chose the newer layout of a build directory.
    pub has_new_layout: bool,
    /// `--manifest-path`.
    pub manifest: Option<PathBuf>,
    /// All other options, in order: packages, features, kinds of targets.
    pub selection: Vec<String>,
}

/// Commands, what is compiled, and the directory of their usual profile.
const COMMANDS: [(&str, &str, &str); 11] = [
    ("build", "build", "debug"),
    ("b", "build", "debug"),
    ("run", "build", "debug"),
    ("r", "build", "debug"),
    ("rustc", "build", "debug"),
    ("check", "check", "debug"),
    ("c", "check", "debug"),
    ("test", "test", "debug"),
    ("t", "test", "debug"),
    ("bench", "bench", "release"),
    ("nextest", "test", "debug"),
];

/// Options that take a value, as far as they do not decide what is built.
const WITHOUT_EFFECT: [&str; 6] =
    ["--color", "-j", "--jobs", "--lockfile-path", "--artifact-dir", "--out-dir"];

/// Options with a value that decides what is built.
const SELECTING: [&str; 9] =
    ["-p", "--package", "--exclude", "-F", "--features", "--bin", "--example", "--test", "--bench"];

/// Options without a value that decide nothing.
const QUIET: [&str; 16] = [
    "-v",
    "-vv",
    "--verbose",
    "-q",
    "--quiet",
    "--locked",
    "--offline",
    "--frozen",
    "--keep-going",
    "--no-fail-fast",
    "--no-run",
    "--timings",
    "--future-incompat-report",
    "--ignore-rust-version",
    "--unit-graph",
    "--build-plan",
];

/// The only unstable flag that is understood: where units have their files is told from the files.
const NEW_LAYOUT: &str = "build-dir-new-layout";

/// Options that change what cargo does in ways that are not looked into.
const NOT_UNDERSTOOD: [&str; 4] = ["--config", "-Z", "-C", "--compile-time-deps"];

impl CargoCall {
    /// Understands a call; `None` where it builds nothing, or cannot be told.
    pub fn parse(cargo: &Env) -> Option<CargoCall> {
        let mut args = cargo.args.iter().skip(1).map(|arg| arg.to_str());
        let mut call = CargoCall::default();
        while let Some(arg) = args.next() {
            let arg = arg?;
            if arg == "--" {
                break;
            }
            if arg.strip_prefix("-Z") == Some(NEW_LAYOUT) {
                call.has_new_layout = true;
                continue;
            }
            if arg == "-Z" && args.clone().next().flatten() == Some(NEW_LAYOUT) {
                call.has_new_layout = true;
                args.next();
                continue;
            }
            let (name, inline) = split(arg);
            if NOT_UNDERSTOOD.iter().any(|option| name == *option || arg.starts_with("-Z")) {
                return None;
            }
            let mut value = || inline.map(str::to_owned).or_else(|| args.next()?.map(str::to_owned));
            match name {
                "--target-dir" => call.target_dir = Some(value()?.into()),
                "--manifest-path" => call.manifest = Some(value()?.into()),
                "--target" if call.triple.is_none() => call.triple = Some(value()?),
                "--target" => return None,
                "--message-format" => {
                    let value = value()?;
                    // Warnings that cargo shows again are in the form in which the compiler printed them.
                    if value.contains("short") {
                        call.selection.extend([name.to_owned(), value]);
                    }
                }
                "--profile" => call.profile_dir = profile_dir(&value()?).to_owned(),
                "-r" | "--release" => "release".clone_into(&mut call.profile_dir),
                _ if WITHOUT_EFFECT.contains(&name) => drop(value()?),
                _ if SELECTING.contains(&name) => {
                    let value = value()?;
                    call.selection.extend([name.to_owned(), value]);
                }
                _ if QUIET.contains(&name) || name.starts_with("-j") => {}
                _ if name.starts_with('-') => call.selection.push(arg.to_owned()),
                _ if call.command.is_empty() => {
                    let (_, command, profile) = COMMANDS.iter().find(|(known, _, _)| *known == name)?;
                    call.command = command;
                    if call.profile_dir.is_empty() {
                        (*profile).clone_into(&mut call.profile_dir);
                    }
                }
                // The filter of a test.
                _ => {}
            }
        }
        (!call.command.is_empty()).then_some(call)
    }
}

fn split(arg: &str) -> (&str, Option<&str>) {
    match arg.split_once('=') {
        Some((name, value)) if name.starts_with("--") => (name, Some(value)),
        _ => (arg, None),
    }
}

/// Where cargo puts what is built with a profile.
fn profile_dir(profile: &str) -> &str {
    match profile {
        "dev" | "test" => "debug",
        "bench" => "release",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Option<CargoCall> {
        let args = std::iter::once("cargo").chain(args.iter().copied()).map(Into::into).collect();
        CargoCall::parse(&Env::new(args, Vec::new(), None))
    }

    #[test]
    fn what_is_built_and_where_is_understood() {
        let call = |command, profile: &str| CargoCall {
            command,
            profile_dir: profile.to_owned(),
            ..CargoCall::default()
        };
        assert_eq!(parse(&["build"]), Some(call("build", "debug")));
        assert_eq!(parse(&["--color", "never", "-q", "b", "-j", "2"]), Some(call("build", "debug")));
        assert_eq!(parse(&["run", "--release", "--", "--target", "x"]), Some(call("build", "release")));
        assert_eq!(parse(&["test", "name", "--", "--nocapture"]), Some(call("test", "debug")));
        assert_eq!(parse(&["check", "--profile", "test"]), Some(call("check", "debug")));
        assert_eq!(parse(&["build", "--profile=small"]), Some(call("build", "small")));
        assert_eq!(parse(&["bench"]), Some(call("bench", "release")));
        let with_layout = CargoCall { has_new_layout: true, ..call("build", "debug") };
        assert_eq!(parse(&["build", "-Z", "build-dir-new-layout"]), Some(with_layout.clone()));
        assert_eq!(parse(&["-Zbuild-dir-new-layout", "build"]), Some(with_layout));
        let selected = parse(&["check", "--workspace", "-p", "a", "--features=x"]).expect("understood");
        assert_eq!(selected.selection, ["--workspace", "-p", "a", "--features", "x"]);
        let selection = |args: &[&str]| parse(args).expect("understood").selection;
        assert_eq!(selection(&["check", "--message-format=short"]), ["--message-format", "short"]);
        assert_eq!(selection(&["check", "--message-format", "json"]), [""; 0]);
        let placed = parse(&["build", "--target", "t", "--target-dir=/x", "--manifest-path", "m"]);
        let placed = placed.expect("understood");
        assert_eq!(
            (placed.triple.as_deref(), placed.target_dir, placed.manifest),
            (Some("t"), Some("/x".into()), Some("m".into()))
        );
    }

    #[test]
    fn what_is_not_understood_is_not_seeded() {
        for args in [
            &["metadata"][..],
            &["my-alias"],
            &[],
            &["build", "--config", "x=1"],
            &["--config=x.toml", "build"],
            &["-Zbuild-std", "build"],
            &["build", "-Z", "build-std"],
            &["build", "-Z"],
            &["build", "--target", "a", "--target", "b"],
            &["build", "--target-dir"],
        ] {
            assert_eq!(parse(args), None, "{args:?}");
        }
    }
}
