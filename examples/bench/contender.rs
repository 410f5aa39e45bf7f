//! Who takes part: plain cargo, the floor, kache, kache that does not observe compiles, and, where it is installed, sccache.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};

use crate::Result;
use crate::options::{Mode, Options};

/// How a build is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Contender {
    Plain,
    Floor,
    Kache,
    Unobserved,
    Sccache,
}

impl Contender {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Contender::Plain => "plain",
            Contender::Floor => "floor",
            Contender::Kache => "kache",
            Contender::Unobserved => "unobserved",
            Contender::Sccache => "sccache",
        }
    }
}

/// Where the programs are.
#[derive(Debug)]
pub(crate) struct Contenders {
    pub(crate) kache: PathBuf,
    pub(crate) floor: PathBuf,
    pub(crate) sccache: Option<Sccache>,
    /// Holds no configuration; so nobody's own settings take part.
    empty_config: PathBuf,
}

impl Contenders {
    /// Builds the floor, and kache unless it was given.
    pub(crate) fn find(options: &Options, place: &Path) -> Result<Contenders> {
        let examples = env::current_exe()?.parent().ok_or("this program is in no directory")?.to_owned();
        let mut build = Command::new(cargo());
        build.args(["build", "--release", "--example", "floor"]).current_dir(env!("CARGO_MANIFEST_DIR"));
        if options.kache.is_none() {
            build.args(["--bin", "kache"]);
        }
        if !build.status()?.success() {
            return Err("the floor or kache does not build".into());
        }
        let kache = options.kache.clone().unwrap_or_else(|| examples.with_file_name("kache"));
        if !kache.is_file() {
            return Err(format!("{}: no such program", kache.display()).into());
        }
        let empty_config = place.join("config");
        std::fs::create_dir_all(&empty_config)?;
        Ok(Contenders { kache, floor: examples.join("floor"), sccache: Sccache::find(), empty_config })
    }

    /// Calls cargo in `checkout`, with nothing of this process's environment that could matter.
    pub(crate) fn cargo(&self, contender: Contender, mode: Mode, checkout: &Path, store: &Path) -> Command {
        let wrapper = match contender {
            Contender::Plain => None,
            Contender::Floor => Some(&self.floor),
            Contender::Kache | Contender::Unobserved => Some(&self.kache),
            Contender::Sccache => self.sccache.as_ref().map(|sccache| &sccache.program),
        };
        let mut command = Command::new(cargo());
        command.args(mode.arguments()).args(["--workspace", "--offline"]).current_dir(checkout);
        self.clean(&mut command);
        // An empty wrapper is not the same as none: cargo then asks rustc for its version in every build.
        if let Some(wrapper) = wrapper {
            command.env("RUSTC_WRAPPER", wrapper);
        }
        command.env("CARGO_TARGET_DIR", checkout.join("target"));
        command.env("KACHE_CACHE_DIR", store).env("CARGO_INCREMENTAL", "0").env("CARGO_NET_OFFLINE", "true");
        if contender == Contender::Unobserved {
            command.env("KACHE_OBSERVE", "off");
        }
        if let (Contender::Sccache, Some(sccache)) = (contender, &self.sccache) {
            sccache.address(&mut command, store);
        }
        command
    }

    /// Removes what the outer `cargo run`, or the person who started it, set for compilers and caches.
    pub(crate) fn clean(&self, command: &mut Command) {
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            let of_cargo = text.starts_with("CARGO") && text != "CARGO_HOME";
            let of_caches = text.starts_with("KACHE_") || text.starts_with("SCCACHE_");
            let of_rustc =
                text.starts_with("RUSTC") || text.starts_with("RUSTFLAGS") || text == "LD_LIBRARY_PATH";
            if of_cargo || of_caches || of_rustc {
                command.env_remove(name);
            }
        }
        command.env("XDG_CONFIG_HOME", &self.empty_config);
    }
}

/// The cargo that runs this program, past any proxy.
pub(crate) fn cargo() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// sccache and its server, on a port of our own.
#[derive(Debug)]
pub(crate) struct Sccache {
    program: PathBuf,
    port: u32,
}

impl Sccache {
    fn find() -> Option<Sccache> {
        let path = env::var_os("PATH")?;
        let program =
            env::split_paths(&path).map(|entry| entry.join("sccache")).find(|file| file.is_file())?;
        Some(Sccache { program, port: 20_000 + process::id() % 20_000 })
    }

    fn address(&self, command: &mut Command, store: &Path) {
        command.env("SCCACHE_DIR", store).env("SCCACHE_SERVER_PORT", self.port.to_string());
        // Its server must outlive the longest plain build between two of its own.
        command.env("SCCACHE_IDLE_TIMEOUT", "0");
    }

    /// Starts its server again, on `store`. Its time is no part of any figure.
    pub(crate) fn restart(&self, contenders: &Contenders, store: &Path) -> Result<()> {
        self.stop()?;
        let mut start = Command::new(&self.program);
        contenders.clean(&mut start);
        self.address(&mut start, store);
        start.arg("--start-server").stdout(Stdio::null()).stderr(Stdio::null());
        match start.status()?.success() {
            true => Ok(()),
            false => Err("sccache's server does not start".into()),
        }
    }

    /// Stops it; none running is fine.
    fn stop(&self) -> Result<()> {
        let mut stop = Command::new(&self.program);
        stop.env("SCCACHE_SERVER_PORT", self.port.to_string()).arg("--stop-server");
        stop.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        Ok(())
    }
}

impl Drop for Sccache {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}
