//! The process that started this one, as far as the system tells: Linux does.

use std::path::PathBuf;

use crate::sys::env::Env;

/// A process: the program that it runs, and what it was started with.
pub struct Parent {
    /// The program's own file.
    pub exe: PathBuf,
    /// Its arguments and variables, and the directory that it works in now.
    pub env: Env,
    /// When it was started, in nanoseconds since 1970, or a little before.
    pub started_ns: i64,
}

/// The parent of this process; `None` where it is gone or cannot be asked.
#[cfg(target_os = "linux")]
pub fn parent() -> Option<Parent> {
    let dir = PathBuf::from(format!("/proc/{}", std::os::unix::process::parent_id()));
    let exe = std::fs::read_link(dir.join("exe")).ok()?;
    let args = strings(&std::fs::read(dir.join("cmdline")).ok()?);
    let vars = std::fs::read(dir.join("environ")).ok()?;
    let cwd = std::fs::read_link(dir.join("cwd")).ok();
    let started_ns = started_ns(&dir)?;
    Some(Parent { exe, env: Env::new(args, variables(&vars), cwd), started_ns })
}

/// When the process with this directory was started. The kernel counts from the start of the system, in ticks. What time it
/// is now is asked first: whatever happens until the second answer makes the result earlier.
#[cfg(target_os = "linux")]
fn started_ns(dir: &std::path::Path) -> Option<i64> {
    const TICK_NS: i64 = 10_000_000;
    let stat = std::fs::read(dir.join("stat")).ok()?;
    // The name of the program, in parentheses, may hold anything.
    let behind_name = stat.get(stat.iter().rposition(|byte| *byte == b')')? + 2..)?;
    let ticks = std::str::from_utf8(behind_name).ok()?.split(' ').nth(19)?;
    let now = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).ok()?;
    let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
    let uptime: f64 = uptime.split(' ').next()?.parse().ok()?;
    let since_boot = ticks.parse::<i64>().ok()?.checked_mul(TICK_NS)?;
    Some(now.as_nanos() as i64 - (uptime * 1e9) as i64 + since_boot - TICK_NS)
}

/// The parent of this process; `None` where it is gone or cannot be asked.
#[cfg(not(target_os = "linux"))]
pub fn parent() -> Option<Parent> {
    None
}

#[cfg(target_os = "linux")]
fn strings(bytes: &[u8]) -> Vec<std::ffi::OsString> {
    use std::os::unix::ffi::OsStringExt as _;
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    bytes.split(|byte| *byte == 0).map(|text| std::ffi::OsString::from_vec(text.to_vec())).collect()
}

/// What has no `=` is no variable.
#[cfg(target_os = "linux")]
fn variables(bytes: &[u8]) -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
    use std::os::unix::ffi::OsStringExt as _;
    let texts = bytes.split(|byte| *byte == 0);
    let pairs = texts.filter_map(|text| {
        let at = text.iter().position(|byte| *byte == b'=')?;
        Some((text[..at].to_vec(), text[at + 1..].to_vec()))
    });
    pairs
        .map(|(name, value)| (std::ffi::OsString::from_vec(name), std::ffi::OsString::from_vec(value)))
        .collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn variables_end_with_a_nul_and_may_hold_anything_else() {
        let found = variables(b"A=1\0B=\0C=x=y\nz\0none\0");
        let expected = [("A", "1"), ("B", ""), ("C", "x=y\nz")];
        let expected: Vec<_> =
            expected.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        assert_eq!(found, expected);
        assert_eq!(strings(b"cargo\0\0build\0"), ["cargo", "", "build"]);
    }

    #[test]
    fn the_parent_of_this_process_is_found() {
        let parent = parent().expect("it waits for this process");
        assert!(parent.exe.is_absolute() && !parent.env.args.is_empty());
        let now = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
        let age_ns = now.expect("after 1970").as_nanos() as i64 - parent.started_ns;
        assert!((0..86_400_000_000_000).contains(&age_ns), "{age_ns}");
    }
}
