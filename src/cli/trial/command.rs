//! Runs `kache try`: parses the arguments, makes the temporary directory, and prints the report. The temporary directory
//! is removed at the end, even if this process is killed.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::cli::exit::{Exit, Failure};
use crate::cli::progress::Progress;
use crate::cli::session::Session;
use crate::cli::trial::builds::Builds;
use crate::cli::trial::cargo::Cargo;
use crate::cli::trial::copy::{about, create_dir};
use crate::cli::trial::report::TrialReport;
use crate::cli::trial::workspace::{Workspace, absolute};
use crate::report::format::Format;
use crate::sys::env::{self, Env};
use crate::sys::program::{Aftermath, wait_for_the_end};
use crate::sys::{dirs, fs, host};

/// The arguments.
#[derive(clap::Args)]
pub struct Args {
    /// A directory in the workspace to build; by default, a small workspace bundled with kache
    path: Option<PathBuf>,
    /// Build with optimizations
    #[arg(long)]
    release: bool,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    /// Keep the temporary directory, with the store and the last build
    #[arg(long)]
    keep: bool,
    /// The cargo command, `build` by default, and its options
    #[arg(last = true, value_name = "CARGO ARGUMENTS")]
    cargo_args: Vec<OsString>,
    /// Remove the temporary directory DIR when standard input ends
    #[arg(long, hide = true, exclusive = true, value_name = "DIR")]
    remove_after: Option<PathBuf>,
}

/// Commands of cargo that compile.
const COMMANDS: [&str; 7] = ["build", "b", "check", "c", "clippy", "test", "bench"];

/// Options that would build outside the temporary directory.
const NOT_OURS: [&str; 7] = [
    "--target-dir",
    "--build-dir",
    "--artifact-dir",
    "--out-dir",
    "--manifest-path",
    "--lockfile-path",
    "--config",
];

/// Prefix of the names of temporary directories.
const PREFIX: &str = "kache-try-";

/// Builds a workspace cold, warm, and warm in a second checkout, and prints the comparison.
pub fn run(args: &Args, session: &Session<'_>) -> Result<Exit, Failure> {
    if let Some(dir) = &args.remove_after {
        return remove_after(dir);
    }
    let path = args.path.as_deref().map(|path| absolute(path, session.env.cwd.as_deref())).transpose()?;
    let command = cargo_command(args)?;
    let kache = env::current_exe()?;
    let temporary = Temporary::create(session.env, &kache, args.keep)?;
    let report = compare(path.as_deref(), command, &kache, &temporary, session.env);
    let removed = temporary.finish(session);
    let report = report?;
    if args.json {
        session.print_json(&report)?;
    } else {
        session.print(report.render(&kache))?;
    }
    removed.map(|()| Exit::Ok)
}

fn compare(
    path: Option<&Path>,
    mut command: Vec<OsString>,
    kache: &Path,
    temporary: &Temporary,
    env: &Env,
) -> Result<TrialReport, Failure> {
    let progress = Progress::long("Copying the workspace, and fetching its dependencies");
    let cargo = Cargo::find(env, kache.to_owned(), &temporary.dir, path.is_some())?;
    let cargo_home = dirs::cargo_home(env);
    let workspace = Workspace::copy(path, &cargo, &temporary.dir, cargo_home.as_deref())?;
    let text: Vec<_> = command.iter().map(|arg| arg.to_string_lossy()).collect();
    let text = format!("cargo {}", text.join(" "));
    let is_locked = command.iter().any(|arg| arg == "--locked" || arg == "--frozen");
    if workspace.not_fetched.is_none() && !is_locked {
        command.push("--locked".into());
    }
    let builds = Builds {
        cargo: &cargo,
        workspace: &workspace,
        temporary: &temporary.dir,
        args: &command,
        aftermath: temporary.aftermath.as_ref(),
    };
    let (builds, unserved) = builds.run(&progress)?;
    Ok(TrialReport {
        format: Format,
        workspace: path.map(|path| path.display().to_string()),
        command: text,
        n_processors: host::n_processors(),
        builds,
        unserved,
    })
}

/// The arguments for cargo.
fn cargo_command(args: &Args) -> Result<Vec<OsString>, Failure> {
    let named = args.cargo_args.first().filter(|first| !first.as_encoded_bytes().starts_with(b"-"));
    let options = &args.cargo_args[usize::from(named.is_some())..];
    let command = named.map_or(OsStr::new("build"), OsString::as_os_str);
    if !COMMANDS.iter().any(|known| command == *known) {
        let error = format!("`kache try` does not support `cargo {}`", command.to_string_lossy());
        return Err(Failure::usage(error)
            .hint("after `--`, name one of build, check, clippy, test and bench, or give options"));
    }
    for option in options.iter().map(|option| option.to_string_lossy()) {
        let name = option.split('=').next().unwrap_or_default();
        if NOT_OURS.contains(&name) {
            let error = format!("`{name}` is not allowed: everything is built in a temporary directory");
            return Err(Failure::usage(error).hint("if the build needs it, configure it in the workspace"));
        }
    }
    let mut all = vec![command.to_owned()];
    all.extend(args.release.then(|| "--release".into()));
    let is_run = command == "test" || command == "bench";
    all.extend((is_run && !options.iter().any(|option| option == "--no-run")).then(|| "--no-run".into()));
    if args.path.is_none() && options.is_empty() && !is_run {
        all.push("--all-targets".into());
    }
    all.extend(options.iter().cloned());
    Ok(all)
}

/// The temporary directory.
struct Temporary {
    dir: PathBuf,
    /// Removes the directory at the end; none if it is kept.
    aftermath: Option<Aftermath>,
}

impl Temporary {
    /// Creates the directory in the user's cache directory, on the file system where a store would be: the figures depend
    /// on whether that can share files.
    fn create(env: &Env, kache: &Path, is_kept: bool) -> Result<Temporary, Failure> {
        let caches = dirs::cache(env).filter(|dir| dir.is_dir()).unwrap_or_else(dirs::temporary);
        let dir = caches.join(format!("{PREFIX}{}", fs::unique_name()));
        create_dir(&dir)?;
        let dir = fs::canonical(&dir).map_err(|e| about(&dir, "cannot be used", &e))?;
        let args = ["try".as_ref(), "--remove-after".as_ref(), dir.as_os_str()];
        let aftermath = if is_kept { None } else { Some(Aftermath::prepare(kache, &args)?) };
        // Only the configuration of the workspace counts.
        let config = dir.join("config.toml");
        fs::write_new(&config, b"").map_err(|e| about(&config, "cannot be written", &e))?;
        Ok(Temporary { dir, aftermath })
    }

    /// Removes the directory, or tells where it is.
    fn finish(self, session: &Session<'_>) -> Result<(), Failure> {
        let Some(aftermath) = self.aftermath else {
            session.note(&format!("everything is in {}; remove it when you are done", self.dir.display()));
            return Ok(());
        };
        if aftermath.finish()?.success() {
            return Ok(());
        }
        Err(Failure::new(format_args!("failed to remove {}; please remove it yourself", self.dir.display())))
    }
}

/// Waits for the end of the process that started this one, then removes its temporary directory.
fn remove_after(dir: &Path) -> Result<Exit, Failure> {
    const N_ATTEMPTS: usize = 20;
    let name = dir.file_name().unwrap_or_default().as_encoded_bytes();
    if !dir.is_absolute() || !name.starts_with(PREFIX.as_bytes()) {
        return Err(Failure::usage(format_args!("{} was not created by `kache try`", dir.display())));
    }
    wait_for_the_end()?;
    // Compilers that were interrupted together with cargo may still be writing.
    let removed = (1..N_ATTEMPTS).any(|_| fs::remove_dir_all(dir).is_ok());
    if !removed {
        fs::remove_dir_all(dir).map_err(|e| about(dir, "cannot be removed", &e))?;
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(path: Option<&str>, cargo_args: &[&str]) -> Args {
        Args {
            path: path.map(PathBuf::from),
            release: cargo_args.is_empty(),
            json: false,
            keep: false,
            cargo_args: cargo_args.iter().map(OsString::from).collect(),
            remove_after: None,
        }
    }

    fn command(path: Option<&str>, cargo_args: &[&str]) -> String {
        let command = cargo_command(&args(path, cargo_args)).unwrap_or_else(|failure| panic!("{failure}"));
        command.join(OsStr::new(" ")).into_string().unwrap()
    }

    #[test]
    fn arguments_after_the_dashes_go_to_cargo() {
        let path = Some("/code");
        assert_eq!(command(path, &[]), "build --release");
        assert_eq!(command(None, &[]), "build --release --all-targets");
        assert_eq!(command(path, &["-p", "app"]), "build -p app");
        assert_eq!(command(path, &["check", "--tests"]), "check --tests");
        assert_eq!(command(path, &["test"]), "test --no-run");
        assert_eq!(command(path, &["test", "--no-run"]), "test --no-run");
    }

    #[test]
    fn options_that_build_elsewhere_are_refused() {
        for cargo_args in [&["--target-dir", "x"][..], &["check", "--manifest-path=x"], &["--config=a.b=1"]] {
            let failure = cargo_command(&args(None, cargo_args)).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage);
            assert!(
                failure.to_string().contains("is not allowed: everything is built in a temporary directory")
            );
        }
        let failure = cargo_command(&args(None, &["publish"])).unwrap_err();
        assert!(failure.to_string().starts_with("error: `kache try` does not support `cargo publish`"));
    }

    #[test]
    fn only_temporary_directories_of_try_are_removed() {
        for dir in ["/home/me", "kache-try-1", "/"] {
            assert_eq!(remove_after(Path::new(dir)).err().map(|failure| failure.exit), Some(Exit::Usage));
        }
    }
}
