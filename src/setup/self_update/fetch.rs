//! Downloads the files of a release with curl or wget.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::setup::plan::command::exit_text;
use crate::setup::programs;
use crate::sys::env::Env;
use crate::sys::process::{self, Surroundings};
use crate::sys::{fs, os};

/// A server with releases.
pub struct ReleaseServer<'a> {
    base_url: String,
    env: &'a Env,
}

/// Why a file was not downloaded.
#[derive(Debug, thiserror::Error)]
pub enum CannotFetch {
    #[error("releases cannot be taken from {url}: not an https: or file: URL")]
    Address { url: String },
    #[error("failed to download {url}: neither curl nor wget is in PATH")]
    NoClient { url: String },
    #[error("failed to download {url}: {why}")]
    Failed { url: String, why: String },
    #[error("{url} is too large: more than {most_bytes} bytes")]
    TooLarge { url: String, most_bytes: u64 },
}

impl<'a> ReleaseServer<'a> {
    /// The releases at `base_url`: an `https:` or `file:` address, or `http:` on this machine.
    pub fn new(base_url: &str, env: &'a Env) -> Result<ReleaseServer<'a>, CannotFetch> {
        let is_plain = base_url.bytes().all(|byte| byte.is_ascii_graphic());
        let is_known = match base_url.split_once("://") {
            Some(("https", rest)) => !rest.is_empty(),
            Some(("http", rest)) => is_on_this_machine(rest),
            Some(("file", rest)) => os::path_of_url(rest).is_absolute(),
            _ => false,
        };
        // The name of a directory may have anything in it.
        if is_known && (is_plain || base_url.starts_with("file:")) {
            return Ok(ReleaseServer { base_url: base_url.trim_end_matches('/').to_owned(), env });
        }
        Err(CannotFetch::Address { url: base_url.to_owned() })
    }

    /// The content of the file at `path` below the address. Waits no longer than `patience`.
    pub fn get(&self, path: &str, most_bytes: u64, patience: Duration) -> Result<Vec<u8>, CannotFetch> {
        let url = format!("{}/{path}", self.base_url);
        let bytes = match url.strip_prefix("file://") {
            Some(path) => read(&os::path_of_url(path), most_bytes),
            None => self.download(&url, most_bytes, patience)?,
        };
        match bytes {
            Ok(bytes) if bytes.len() as u64 <= most_bytes => Ok(bytes),
            Ok(_) => Err(CannotFetch::TooLarge { url, most_bytes }),
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                Err(CannotFetch::TooLarge { url, most_bytes })
            }
            Err(error) => Err(CannotFetch::Failed { url, why: error.to_string() }),
        }
    }

    /// What a client prints. It may be one byte more than `most_bytes`.
    fn download(
        &self,
        url: &str,
        most_bytes: u64,
        patience: Duration,
    ) -> Result<io::Result<Vec<u8>>, CannotFetch> {
        let Some((client, args)) = self.client(url) else {
            return Err(CannotFetch::NoClient { url: url.to_owned() });
        };
        let surroundings = Surroundings { patience, most_bytes: most_bytes + 1, ..Surroundings::default() };
        let captured = match process::capture(client.as_os_str(), &args, &surroundings) {
            Ok(captured) => captured,
            Err(error) => return Ok(Err(error)),
        };
        // The client is stopped by that, and says so.
        let is_too_large = captured.stdout.len() as u64 > most_bytes;
        if captured.code == Some(0) || is_too_large {
            return Ok(Ok(captured.stdout));
        }
        let said = String::from_utf8_lossy(&captured.stderr);
        let last = said.lines().rfind(|line| !line.trim().is_empty()).map(str::trim);
        let name = client.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let why = match last {
            Some(last) => last.to_owned(),
            None => format!("{name} exited with {}", exit_text(captured.code)),
        };
        Err(CannotFetch::Failed { url: url.to_owned(), why })
    }

    /// The client that is there, and what it is called with.
    fn client(&self, url: &str) -> Option<(PathBuf, Vec<OsString>)> {
        // Redirections stay encrypted; on this machine there is nothing to encrypt.
        let protocols = if url.starts_with("https:") { "=https" } else { "=http" };
        let (client, args): (PathBuf, Vec<&str>) = match programs::find("curl", self.env) {
            Some(curl) => {
                let how = ["--fail", "--location", "--silent", "--show-error", "--retry", "2"];
                let limits = ["--connect-timeout", "20", "--speed-limit", "100", "--speed-time", "30"];
                let only =
                    ["--max-redirs", "5", "--proto", protocols, "--proto-redir", protocols, "--url", url];
                (curl, [&how[..], &limits, &only].concat())
            }
            None => (programs::find("wget", self.env)?, vec!["-q", "-T", "30", "-O", "-", url]),
        };
        Some((client, args.into_iter().map(OsString::from).collect()))
    }
}

/// Whether what follows `http://` names this machine.
fn is_on_this_machine(rest: &str) -> bool {
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    ["127.0.0.1", "[::1]", "localhost"].contains(&host)
}

fn read(path: &Path, most_bytes: u64) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.len() > most_bytes {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    fs::read(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::dirs::rooted;

    #[test]
    fn releases_come_encrypted_or_from_this_machine() {
        let env = Env::with_vars(&[]);
        for url in [
            "https://host/releases",
            "http://127.0.0.1:8080/r",
            "http://localhost/r",
            "http://[::1]:80",
            &format!("file://{}", rooted("/a dir").replacen("C:", "/C:", 1)),
        ] {
            assert!(ReleaseServer::new(url, &env).is_ok(), "{url}");
        }
        for url in [
            "",
            "host",
            "https://",
            "http://host/r",
            "http://127.0.0.1.host/r",
            "http://localhost:80@host/r",
            "ftp://host",
            "file://dir",
            "https://host/\n--output",
            "--output=/etc/passwd",
        ] {
            assert!(ReleaseServer::new(url, &env).is_err(), "{url}");
        }
    }

    #[test]
    fn without_a_client_it_is_said_what_is_missing() {
        let env = Env::with_vars(&[("PATH", "/nowhere")]);
        let source = ReleaseServer::new("https://host/r", &env).unwrap();
        let said = source.get("a", 1, Duration::from_secs(1)).unwrap_err().to_string();
        assert_eq!(said, "failed to download https://host/r/a: neither curl nor wget is in PATH");
    }
}
