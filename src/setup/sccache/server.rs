//! The running sccache server, and the settings that it was started with.

use std::path::Path;

use crate::setup::sccache::kept_variables::AskProgram;
use crate::sys::fs;

/// A running server.
#[derive(Debug, PartialEq, Eq)]
pub struct Server {
    pub pid: u32,
    /// Its variables that are settings of sccache.
    pub settings: Vec<(String, String)>,
}

/// The servers of this user on the system called `os`. Where it shows processes as files (`proc`), their settings are
/// told too.
pub fn running(os: &str, proc: &Path, ask: AskProgram<'_>) -> Vec<Server> {
    let pids: Vec<u32> = match os {
        "macos" => {
            let user = crate::sys::ipc::user_name().unwrap_or_default();
            let printed = ask("pgrep", &["-x", "-U", &user, "sccache"]).unwrap_or_default();
            printed.lines().filter_map(|line| line.trim().parse().ok()).collect()
        }
        "windows" => {
            let filter = ["/FI", "IMAGENAME eq sccache.exe", "/FO", "CSV", "/NH"];
            let printed = ask("tasklist", &filter).unwrap_or_default();
            let rows = printed.lines().filter(|line| line.starts_with("\"sccache"));
            rows.filter_map(|row| row.split(',').nth(1)?.trim_matches('"').parse().ok()).collect()
        }
        _ => {
            let processes = fs::list(proc).unwrap_or_default();
            return processes.into_iter().filter_map(|dir| server(&dir)).collect();
        }
    };
    pids.into_iter().map(|pid| Server { pid, settings: Vec::new() }).collect()
}

fn server(dir: &Path) -> Option<Server> {
    let pid = dir.file_name()?.to_str()?.parse().ok()?;
    let is_sccache = fs::read(&dir.join("comm")).ok()?.trim_ascii() == b"sccache";
    // Those of others cannot be read.
    let environment = if is_sccache { fs::read(&dir.join("environ")).ok()? } else { return None };
    let text = String::from_utf8_lossy(&environment).into_owned();
    let settings = text.split('\0').filter_map(|pair| pair.split_once('='));
    let settings = settings.filter(|(name, _)| name.starts_with("SCCACHE_"));
    Some(Server {
        pid,
        settings: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
    })
}
