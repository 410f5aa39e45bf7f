//! Two machines that share a bucket: the first build of the one, of what the other has built, compared with a build of what
//! is in the local store and a plain download of all that is needed.
//!
//! The server is a real one, in this process. What it answers can be delayed, as by a distance; a connection then is opened
//! late by the same time.

use std::collections::VecDeque;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use kache::remote::backend::Remote;
use kache::remote::connect::connect;
use kache::remote::layout;
use kache::remote::object_name::ObjectName;
use kache::settings;
use kache::sys::env::Env;

use crate::Result;
use crate::checkout;
use crate::clock;
use crate::contender::{Contender, Contenders};
use crate::options::{Mode, Project};
use crate::server::{S3Server, variables};
use crate::table::Budget::AtMost;
use crate::table::{Row, Table, Unit};

/// How many objects a plain download gets at a time: as many as kache does.
const N_AT_A_TIME: usize = 16;
/// No object is larger.
const MAX_BYTES: u64 = 1 << 30;

/// Adds the rows of one project.
pub(crate) fn measure(
    contenders: &Contenders,
    project: &Project,
    place: &Path,
    runs: usize,
    table: &mut Table,
) -> Result<()> {
    let home = place.join("machines");
    let server = S3Server::start();
    let first = Machine::new(contenders, home.join("first"), project, server.address)?;
    first.build(&[])?;
    first.kache(&["harvest"])?;
    first.kache(&["sync", "--push"])?;
    let mut locals = Vec::new();
    for _ in 0..runs {
        checkout::remove(&first.project.join("target"))?;
        locals.push(first.build(&[])?);
    }
    let local = clock::median(locals);
    let mebibytes = size_of(&server.objects())? as f64 / f64::from(1 << 20);
    drop(first);
    for (latency_ms, budget) in [(0, 1.3), (40, 1.6)] {
        let address = delayed(server.address, Duration::from_millis(latency_ms))?;
        let (mut downloads, mut prefetched, mut asked) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..runs {
            downloads.push(download(address)?);
            prefetched.push(first_build(contenders, &home, project, address, &[])?);
            asked.push(first_build(contenders, &home, project, address, &[("KACHE_SEED", "0")])?);
        }
        let download = clock::median(downloads);
        let subject = format!("{}: another machine", project.name);
        for (what, walls, budget) in [("prefetched", prefetched, budget), ("unit by unit", asked, 2.5)] {
            let wall = clock::median(walls);
            let ratio = wall.as_secs_f64() / (local + download).as_secs_f64();
            let note = format!(
                "{:.2} s / ({:.2} s + {:.2} s for {mebibytes:.0} MiB)",
                wall.as_secs_f64(),
                local.as_secs_f64(),
                download.as_secs_f64()
            );
            let what = format!("{what} over local build + download, {latency_ms} ms of latency");
            table.add(Row::new(&subject, what, ratio, Unit::Ratio).budget(AtMost(budget)).note(note));
        }
    }
    Ok(checkout::remove(&home)?)
}

/// The first build of a machine that has nothing yet.
fn first_build(
    contenders: &Contenders,
    home: &Path,
    project: &Project,
    address: SocketAddr,
    variables: &[(&str, &str)],
) -> Result<Duration> {
    let second = Machine::new(contenders, home.join("second"), project, address)?;
    let wall = second.build(variables)?;
    drop(second);
    checkout::remove(&home.join("second"))?;
    Ok(wall)
}

/// A home with a copy of the project, a store, and a daemon that uses the bucket.
struct Machine<'a> {
    contenders: &'a Contenders,
    home: PathBuf,
    project: PathBuf,
    address: SocketAddr,
}

impl Machine<'_> {
    fn new<'a>(
        contenders: &'a Contenders,
        home: PathBuf,
        project: &Project,
        address: SocketAddr,
    ) -> Result<Machine<'a>> {
        let machine = Machine { contenders, project: home.join("checkout"), home, address };
        checkout::copy(&project.directory, &machine.project)?;
        let settings = machine.home.join(".config/kache");
        for dir in [settings.clone(), machine.home.join(".cargo"), machine.home.join("run")] {
            fs::create_dir_all(dir)?;
        }
        set_private(&machine.home.join("run"))?;
        let caller = std::env::var_os("CARGO_HOME").map(PathBuf::from);
        let caller = caller.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
        let registry = caller.ok_or("there is no home")?.join("registry");
        std::os::unix::fs::symlink(registry, machine.home.join(".cargo/registry"))?;
        let lines: String = variables(address)
            .iter()
            .filter_map(|(name, value)| {
                let key = name.strip_prefix("KACHE_S3_").filter(|key| !key.ends_with("_KEY"))?;
                Some(format!("{} = \"{value}\"\n", key.to_lowercase()))
            })
            .collect();
        let store = machine.home.join("store");
        let text = format!("[cache]\nlocal_store = \"{}\"\n[cache.remote]\n{lines}", store.display());
        fs::write(settings.join("config.toml"), text)?;
        checkout::fetch(contenders, &machine.project)?;
        machine.kache(&["daemon", "start"])?;
        Ok(machine)
    }

    fn with_home<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("HOME", &self.home).env("CARGO_HOME", self.home.join(".cargo"));
        // The caller's toolchains stay, wherever the home is.
        if std::env::var_os("RUSTUP_HOME").is_none()
            && let Some(home) = std::env::var_os("HOME")
        {
            command.env("RUSTUP_HOME", Path::new(&home).join(".rustup"));
        }
        command.env("XDG_CONFIG_HOME", self.home.join(".config"));
        command.env("XDG_RUNTIME_DIR", self.home.join("run"))
    }

    /// Builds with these variables as well; answers how long it took.
    fn build(&self, variables: &[(&str, &str)]) -> Result<Duration> {
        let store = self.home.join("store");
        let mut cargo = self.contenders.cargo(Contender::Kache, Mode::Build, &self.project, &store);
        self.with_home(&mut cargo).envs(variables.iter().copied());
        Ok(clock::measure(&mut cargo)?.wall)
    }

    fn kache(&self, args: &[&str]) -> Result<()> {
        let mut command = Command::new(&self.contenders.kache);
        self.contenders.clean(&mut command);
        self.with_home(&mut command).args(args).current_dir(&self.project).envs(variables(self.address));
        clock::measure(&mut command).map(drop)
    }
}

impl Drop for Machine<'_> {
    fn drop(&mut self) {
        let _ = self.kache(&["daemon", "stop"]);
    }
}

fn set_private(dir: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?)
}

/// Gets all objects of the bucket, several at a time, and keeps none; answers how long it took.
fn download(address: SocketAddr) -> Result<Duration> {
    let known = variables(address);
    let vars: Vec<(&str, &str)> = known.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let env = Env::with_vars(&vars);
    let (config, _) = settings::for_command(&env);
    let secrets = kache::config::RemoteSecrets::from_env(&|name| env.get(name).map(Into::into));
    let connected = connect(config.remote.as_deref().ok_or("no remote")?, &secrets)?;
    let mut names = VecDeque::new();
    for prefix in [layout::all_packs(), layout::all_manifests(&connected.namespace)] {
        let prefix = prefix.map_err(|_| "no name of an object")?;
        connected.remote.list(&prefix, &mut |listed| names.push_back(listed.name))?;
    }
    let began = Instant::now();
    let names = Mutex::new(names);
    thread::scope(|scope| {
        let workers: Vec<_> =
            (0..N_AT_A_TIME).map(|_| scope.spawn(|| get_all(&names, &connected.remote))).collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or(Err("a download panicked".to_owned())))
    })?;
    Ok(began.elapsed())
}

fn get_all(names: &Mutex<VecDeque<ObjectName>>, remote: &Arc<dyn Remote>) -> std::result::Result<(), String> {
    loop {
        let next = names.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(name) = next else { return Ok(()) };
        remote.get(&name, &mut Vec::new(), MAX_BYTES).map_err(|error| error.to_string())?;
    }
}

fn size_of(dir: &Path) -> Result<u64> {
    let mut n_bytes = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        n_bytes +=
            if entry.file_type()?.is_dir() { size_of(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(n_bytes)
}

/// The address of a server whose answers come later by `delay`.
fn delayed(server: SocketAddr, delay: Duration) -> Result<SocketAddr> {
    if delay.is_zero() {
        return Ok(server);
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || forward(&client, server, delay));
        }
    });
    Ok(address)
}

fn forward(client: &TcpStream, server: SocketAddr, delay: Duration) {
    thread::sleep(delay);
    let Ok(upstream) = TcpStream::connect(server) else { return };
    let (Ok(mut from_client), Ok(mut to_server)) = (client.try_clone(), upstream.try_clone()) else { return };
    let _ = (client.set_nodelay(true), upstream.set_nodelay(true));
    thread::spawn(move || {
        let _ = std::io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let (send, pieces) = mpsc::channel::<(Instant, Vec<u8>)>();
    let Ok(mut to_client) = client.try_clone() else { return };
    thread::spawn(move || {
        for (due, piece) in pieces {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to_client.write_all(&piece).is_err() {
                break;
            }
        }
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let (mut upstream, mut buffer) = (upstream, vec![0; 64 * 1024]);
    while let Ok(n @ 1..) = upstream.read(&mut buffer) {
        if send.send((Instant::now() + delay, buffer[..n].to_vec())).is_err() {
            return;
        }
    }
}
