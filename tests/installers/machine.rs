//! A machine to install on: a home with a space in its name, the tools of this machine, and a release.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::skip::skip;

pub(crate) const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/installers/install.sh");
const ARCHIVE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/archive.sh");

pub(crate) struct Machine {
    temporary: TempDir,
    vars: RefCell<BTreeMap<String, String>>,
}

/// How a run ended.
pub(crate) struct Ended {
    code: Option<i32>,
    said: String,
}

/// Whether the machine that tests run on has a program.
pub(crate) fn have(program: &str) -> bool {
    find(program).is_some()
}

/// Where a program of that machine is.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|path| path.is_file())
}

/// The shells that are here, of those that the script is for.
pub(crate) fn shells() -> Vec<&'static str> {
    let known = ["sh", "dash", "busybox", "bash", "zsh", "mksh", "yash", "posh"];
    let (here, missing): (Vec<_>, Vec<_>) = known.into_iter().partition(|shell| have(shell));
    missing.iter().for_each(|shell| skip(shell, &format!("{shell} is not tried: it is not here")));
    here
}

impl Machine {
    /// With a release whose program is a script.
    pub(crate) fn with_release(script: &str) -> Machine {
        let machine = Machine::empty();
        machine.release(script);
        machine
    }

    /// With a release of this program.
    pub(crate) fn with_program(program: &Path) -> Machine {
        let machine = Machine::empty();
        machine.pack(program);
        machine
    }

    pub(crate) fn empty() -> Machine {
        let temporary = tempfile::Builder::new().prefix("kache-install-").tempdir().expect("a directory");
        let machine = Machine { temporary, vars: RefCell::default() };
        for dir in ["home of mine", "tools", "tmp", "state"] {
            fs::create_dir(machine.root().join(dir)).expect("makes a directory");
        }
        let below = |name: &str| machine.root().join(name).display().to_string();
        let callers = std::env::var("PATH").expect("there is a PATH");
        machine.set("PATH", &format!("{}:{callers}", below("tools")));
        machine.set("HOME", &below("home of mine"));
        machine.set("TMPDIR", &below("tmp"));
        machine.set("XDG_STATE_HOME", &below("state"));
        machine.set("KACHE_INSTALL_BASE_URL", &format!("file://{}", below("release")));
        let home = std::env::var("HOME").expect("there is a home");
        let rustup = std::env::var("RUSTUP_HOME").unwrap_or(format!("{home}/.rustup"));
        machine.set("RUSTUP_HOME", &rustup);
        machine
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.temporary.path().canonicalize().expect("it exists")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root().join("home of mine").join(name)
    }

    pub(crate) fn set(&self, name: &str, value: &str) {
        self.vars.borrow_mut().insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn unset(&self, name: &str) {
        self.vars.borrow_mut().remove(name);
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it is in a directory")).expect("makes a directory");
        fs::write(path, content).expect("writes");
    }

    /// Makes a link at `name` to `aim`, which need not exist.
    pub(crate) fn link(&self, aim: &str, name: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it is in a directory")).expect("makes a directory");
        symlink(aim, path).expect("links");
    }

    pub(crate) fn is_link(&self, name: &str) -> bool {
        fs::symlink_metadata(self.path(name)).is_ok_and(|metadata| metadata.is_symlink())
    }

    /// The script as it is in the release of this version.
    pub(crate) fn script_of_release(&self, version: &str) -> PathBuf {
        let script = fs::read_to_string(SCRIPT).expect("the script is there");
        let known = script.replacen("release_version=''", &format!("release_version='{version}'"), 1);
        self.script(known.as_bytes())
    }

    /// What a new shell answers when it is asked for kache: the shell with its options in one word each.
    pub(crate) fn found_by(&self, shell: &[&str]) -> String {
        let mut command = Command::new(find(shell[0]).expect("the shell is here"));
        command.args(&shell[1..]).args(["-c", "command -v kache"]).env_clear().stdin(Stdio::null());
        command.env("HOME", self.vars.borrow()["HOME"].as_str()).env("PATH", "/usr/bin:/bin");
        let output = command.output().expect("the shell runs");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub(crate) fn mode(&self, name: &str, mode: u32) {
        executable(&self.path(name), mode);
    }

    /// A program that is found before that of the machine.
    pub(crate) fn tool(&self, name: &str, script: &str) {
        let path = self.root().join("tools").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("writes");
        executable(&path, 0o755);
    }

    /// Leaves nothing of the machine's programs on PATH but what the script needs, and not `program` either; what was
    /// taken away before stays away.
    pub(crate) fn without(&self, program: &str) {
        let only = self.root().join("only");
        if !only.exists() {
            fs::create_dir(&only).expect("makes a directory");
            let needed = "sh uname getconf od tr cp mv rm rmdir mkdir mktemp cat sed grep awk cut head tail wc tar \
                          bash fish zsh gzip basename dirname chmod cmp find id ls readlink sha256sum shasum openssl curl wget minisign";
            for program in needed.split_whitespace() {
                if let Some(path) = find(program) {
                    symlink(path, only.join(program)).expect("links");
                }
            }
        }
        let _ = fs::remove_file(only.join(program));
        self.set("PATH", &only.display().to_string());
    }

    /// Makes a release whose program is a script.
    pub(crate) fn release(&self, script: &str) {
        let program = self.root().join("posing");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("writes");
        self.pack(&program);
    }

    /// Makes a release whose program has these bytes.
    #[cfg(target_os = "linux")]
    pub(crate) fn release_of(&self, program: &[u8]) {
        let path = self.root().join("program");
        fs::write(&path, program).expect("writes");
        self.pack(&path);
    }

    fn pack(&self, program: &Path) {
        let out = self.root().join("release");
        let output = Command::new("sh").args([ARCHIVE, target()]).arg(program).arg(out).output();
        let output = output.expect("sh runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.root().join("release").join(format!("kache-{}.tar.gz", target()))
    }

    /// Has the release in a directory below the one that releases are in. Answers the address of that.
    pub(crate) fn release_below(&self, name: &str) -> String {
        let releases = self.root().join("releases");
        let dir = releases.join(name);
        fs::create_dir_all(dir.parent().expect("it is below")).expect("makes a directory");
        symlink(self.root().join("release"), dir).expect("links");
        format!("file://{}", releases.display())
    }

    /// Makes a key. Answers its public half.
    pub(crate) fn key(&self, name: &str) -> String {
        let file = |suffix: &str| self.root().join(format!("{name}.{suffix}"));
        let mut command = Command::new("minisign");
        command.args(["-G", "-W", "-f", "-p"]).arg(file("pub")).arg("-s").arg(file("key"));
        let output = command.output().expect("minisign runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let public = fs::read_to_string(file("pub")).expect("it was made");
        public.lines().nth(1).expect("the second line is the key").to_owned()
    }

    /// Signs the release with the key of that name, with a trusted comment.
    pub(crate) fn sign(&self, name: &str, comment: &str) {
        let archive = self.archive();
        let mut command = Command::new("minisign");
        command.arg("-S").arg("-s").arg(self.root().join(format!("{name}.key"))).arg("-m").arg(&archive);
        command.args(["-t", comment]);
        command.arg("-x").arg(format!("{}.sig", archive.display())).stdin(Stdio::null());
        let output = command.output().expect("minisign runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Serves the release over loopback until the test ends. Answers the address.
    pub(crate) fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback is there");
        let address = listener.local_addr().expect("it is bound");
        let release = self.root().join("release");
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut request = Vec::new();
                let mut byte = [0];
                while !request.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                    request.push(byte[0]);
                }
                let request = String::from_utf8_lossy(&request).into_owned();
                let name =
                    request.split_whitespace().nth(1).unwrap_or("/").trim_start_matches('/').to_owned();
                let (status, body) = match fs::read(release.join(name)) {
                    Ok(body) => ("200 OK", body),
                    Err(_) => ("404 Not Found", Vec::new()),
                };
                let head = format!("HTTP/1.0 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
            }
        });
        format!("http://{address}")
    }

    /// A file with (a part of) the script.
    pub(crate) fn script(&self, content: &[u8]) -> PathBuf {
        let path = self.root().join("cut.sh");
        fs::write(&path, content).expect("writes");
        path
    }

    pub(crate) fn run(&self, shell: &str, args: &[&str]) -> Ended {
        self.run_script(shell, Path::new(SCRIPT), args)
    }

    pub(crate) fn run_script(&self, shell: &str, script: &Path, args: &[&str]) -> Ended {
        let mut command = self.command(shell);
        Ended::of(command.arg(script).args(args).output().expect("the shell runs"))
    }

    /// The same where no program runs in the directory at `dir`: a file system of its own is mounted there, which only
    /// this run sees. `None` where that is not permitted, which is said.
    #[cfg(target_os = "linux")]
    pub(crate) fn run_with_noexec(&self, dir: &Path, shell: &str, args: &[&str]) -> Option<Ended> {
        // What runs there all the same would make the test worthless.
        const MOUNT: &str = "mount -t tmpfs -o noexec,mode=1777 none \"$1\" || exit 88\n\
                             printf '#!/bin/sh\\n' >\"$1/x\"; chmod 755 \"$1/x\"; \"$1/x\" 2>/dev/null && exit 89\n\
                             rm -f \"$1/x\"; shift; exec \"$@\"";
        let is_allowed = |flags: &&str| {
            let tried =
                Command::new("unshare").args([flags, "mount", "-t", "tmpfs", "none", "/mnt"]).output();
            tried.is_ok_and(|output| output.status.success())
        };
        let Some(flags) = ["-m", "-rm"].into_iter().find(is_allowed) else {
            skip(
                "unshare",
                "noexec is not tried: there is no `unshare`, or no right to mount in a namespace",
            );
            return None;
        };
        let mut command = self.command("unshare");
        command.args([flags, "sh", "-c", MOUNT, "sh"]).arg(dir);
        command.arg(find(shell).expect("the shell is here")).arg(SCRIPT).args(args);
        let output = command.output().expect("unshare runs");
        assert!(!matches!(output.status.code(), Some(88 | 89)), "{output:?}");
        Some(Ended::of(output))
    }

    /// A program, with the variables of this machine and no others.
    #[cfg(target_os = "linux")]
    pub(crate) fn program(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.vars.borrow().iter()).stdin(Stdio::null());
        command
    }

    fn command(&self, shell: &str) -> Command {
        let mut command = Command::new(find(shell).expect("the shell is here"));
        command.env_clear().envs(self.vars.borrow().iter()).current_dir(self.root()).stdin(Stdio::null());
        if shell == "busybox" {
            command.arg("sh");
        }
        command
    }

    /// Asserts that a shell that reads `.profile` finds the program, and has its directory on PATH once.
    #[track_caller]
    pub(crate) fn finds_kache(&self, shell: &str) {
        let mut command = self.command(shell);
        command.args(["-c", ". \"$HOME/.profile\"; . \"$HOME/.profile\"; command -v kache; echo \"$PATH\""]);
        let ended = Ended::of(command.output().expect("the shell runs"));
        let bin = self.path(".local/bin").display().to_string();
        let said = ended.with(0, &format!("{bin}/kache"));
        assert_eq!(said.matches(&bin).count(), 2, "{said}");
    }

    /// Every path below the home, and the temporary directory, with what is there.
    pub(crate) fn look(&self) -> String {
        let mut found = Vec::new();
        let mut open = vec![self.path(""), self.root().join("tmp")];
        while let Some(dir) = open.pop() {
            for path in fs::read_dir(dir).expect("lists").map(|entry| entry.expect("lists").path()) {
                let metadata = fs::symlink_metadata(&path).expect("it is there");
                let mode = metadata.permissions().mode();
                let name = path.display();
                // What cargo leaves of being asked is cargo's.
                if [".package-cache", ".global-cache"].iter().any(|own| path.to_string_lossy().ends_with(own))
                {
                    continue;
                }
                if metadata.is_dir() {
                    found.push(format!("{name}/ {mode:o}"));
                    open.push(path);
                } else if metadata.is_symlink() {
                    found
                        .push(format!("{name} -> {}", fs::read_link(&path).expect("it is a link").display()));
                } else {
                    let content = fs::read(&path).expect("reads");
                    let shown: String = content.escape_ascii().take(400).map(char::from).collect();
                    found.push(format!("{name} {mode:o} {} {shown}", content.len()));
                }
            }
        }
        found.sort();
        found.join("\n")
    }
}

impl Ended {
    fn of(output: Output) -> Ended {
        let said = [output.stdout, output.stderr].concat();
        Ended { code: output.status.code(), said: String::from_utf8_lossy(&said).into_owned() }
    }

    /// Asserts how it ended, and that it said `expected`. Answers all that it said.
    #[track_caller]
    pub(crate) fn with(self, code: i32, expected: &str) -> String {
        assert!(self.code == Some(code) && self.said.contains(expected), "{:?}:\n{}", self.code, self.said);
        self.said
    }

    #[track_caller]
    pub(crate) fn without_code(self, code: i32, n_bytes: usize) -> String {
        assert_ne!(self.code, Some(code), "{n_bytes} bytes: {}", self.said);
        self.said
    }
}

/// The target whose release is for this machine.
fn target() -> &'static str {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("macos", "aarch64") => "aarch64-apple-darwin",
        ("macos", _) => "x86_64-apple-darwin",
        (_, "aarch64") => "aarch64-unknown-linux-musl",
        _ => "x86_64-unknown-linux-musl",
    }
}

fn executable(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("sets the mode");
}
