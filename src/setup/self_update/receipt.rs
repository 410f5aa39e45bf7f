//! The receipt: what the installer recorded about the program that it installed.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::sys::env::Env;
use crate::sys::{dirs, fs, host};

/// The version of the file that is understood.
const FORMAT: u32 = 1;

/// The content of `receipt.json`. What is not known is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    format: u32,
    /// `installer`.
    pub method: String,
    pub version: String,
    /// The target that the release was built for.
    pub target: String,
    /// The program.
    pub path: PathBuf,
    /// Where releases are.
    pub base_url: String,
    #[serde(flatten)]
    rest: serde_json::Map<String, serde_json::Value>,
}

/// Why a receipt that is there is of no use.
#[derive(Debug, thiserror::Error)]
pub enum BadReceipt {
    #[error("failed to read the installer's receipt {path}: {error}")]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("invalid installer's receipt {path}: {why}")]
    NotUnderstood { path: PathBuf, why: String },
}

/// The path of the receipt; `None` without a home.
pub fn path(env: &Env) -> Option<PathBuf> {
    Some(dirs::data(env)?.join("kache/receipt.json"))
}

/// Where the program is kept that an update of the one at `exe` replaces.
pub fn previous(exe: &Path) -> PathBuf {
    exe.with_file_name(host::program_name("kache.prev"))
}

/// Whether the previous program kept beside `program` (as the installer names it) belongs to another installation. The
/// installer puts that back when it uninstalls.
pub fn has_foreign_previous(env: &Env, program: &Path) -> bool {
    let Some(manifest) = path(env).map(|path| path.with_file_name("installed")) else { return false };
    let bytes = fs::read(&manifest).unwrap_or_default();
    let wanted = format!("foreign {}", program.display());
    String::from_utf8_lossy(&bytes).lines().any(|line| line == wanted)
}

/// The receipt at `path`, if there is one.
pub fn read(path: &Path) -> Result<Option<Receipt>, BadReceipt> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(BadReceipt::Unreadable { path: path.to_owned(), error }),
    };
    let why = match serde_json::from_slice::<Receipt>(&bytes) {
        Ok(receipt) if receipt.format == FORMAT => return Ok(Some(receipt)),
        Ok(receipt) => format!("its format is {}, not {FORMAT}", receipt.format),
        Err(e) => e.to_string(),
    };
    Err(BadReceipt::NotUnderstood { path: path.to_owned(), why })
}

impl Receipt {
    /// Whether it is about the program at `exe`, which is without symbolic links.
    pub fn is_of(&self, exe: &Path) -> bool {
        self.method == "installer" && fs::canonical(&self.path).is_ok_and(|path| path == exe)
    }

    /// The file that says that `version` is there now.
    pub fn with_version(&self, version: &str) -> Result<Vec<u8>, serde_json::Error> {
        let receipt = Receipt { version: version.to_owned(), ..self.clone() };
        let mut bytes = serde_json::to_vec_pretty(&receipt)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}
