//! A server of sccache that runs, and the settings that it was really started with.

use std::path::Path;

use crate::sys::fs;

/// A running server.
#[derive(Debug, PartialEq, Eq)]
pub struct Server {
    pub pid: u32,
    /// Its variables that are settings of sccache.
    pub settings: Vec<(String, String)>,
}

/// The servers of this user, where the system shows processes as files (`proc`).
pub fn running(proc: &Path) -> Vec<Server> {
    let processes = fs::list(proc).unwrap_or_default();
    processes.into_iter().filter_map(|dir| server(&dir)).collect()
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
