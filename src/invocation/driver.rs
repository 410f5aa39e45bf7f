//! Recognizes compilers by their names.

use std::ffi::OsStr;

/// A compiler whose command line is rustc's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    Rustc,
    Clippy,
}

impl Driver {
    /// The driver that a path or a bare name stands for: `rustc`, `RUSTC.EXE`, `/opt/bin/rustc-1.80`, `clippy-driver`.
    pub fn from_name(name: &OsStr) -> Option<Driver> {
        let bytes = name.as_encoded_bytes();
        let file_name = bytes.rsplit(|byte| matches!(byte, b'/' | b'\\')).next()?;
        let file_name = std::str::from_utf8(file_name).ok()?.to_ascii_lowercase();
        match file_name.strip_suffix(".exe").unwrap_or(&file_name) {
            "rustc" => Some(Driver::Rustc),
            "clippy-driver" => Some(Driver::Clippy),
            stem => stem.strip_prefix("rustc-").filter(|rest| is_version(rest)).map(|_| Driver::Rustc),
        }
    }
}

fn is_version(text: &str) -> bool {
    text.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_is_known_by_its_file_name_in_any_case() {
        let table = [
            ("rustc", Some(Driver::Rustc)),
            ("/usr/bin/rustc", Some(Driver::Rustc)),
            (r"C:\Rust\bin\RUSTC.EXE", Some(Driver::Rustc)),
            ("rustc-1.80", Some(Driver::Rustc)),
            ("rustc-1.80.exe", Some(Driver::Rustc)),
            ("bin/clippy-driver", Some(Driver::Clippy)),
            ("Clippy-Driver.exe", Some(Driver::Clippy)),
            ("rustc-clif", None),
            ("rustc-", None),
            ("rustc-1..8", None),
            ("rustc/", None),
            ("rustdoc", None),
            ("rustc.sh", None),
            ("miri", None),
            ("", None),
        ];
        for (name, expected) in table {
            assert_eq!(Driver::from_name(OsStr::new(name)), expected, "{name}");
        }
    }
}
