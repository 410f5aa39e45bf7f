//! Facts about the machine.

/// What decides the code that `target-cpu=native` makes: vendor, family, model and feature flags of the processor.
/// `None` where it is unknown.
#[cfg(target_os = "linux")]
pub fn cpu_description() -> Option<Vec<u8>> {
    const DECIDING: [&str; 8] =
        ["vendor_id", "cpu family", "model", "stepping", "flags", "Features", "CPU implementer", "CPU part"];
    let info = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let first = info.split("\n\n").next()?;
    let lines: Vec<&str> = first
        .lines()
        .filter(|line| line.split_once(':').is_some_and(|(name, _)| DECIDING.contains(&name.trim())))
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n").into_bytes())
}

/// What decides the code that `target-cpu=native` makes; `None` where it is unknown.
#[cfg(not(target_os = "linux"))]
pub fn cpu_description() -> Option<Vec<u8>> {
    None
}

/// Whether there is a way to observe programs on this system.
pub const CAN_OBSERVE: bool = cfg!(target_os = "linux");

/// The triple of this system, as far as the names of a compiler's outputs depend on it.
pub fn triple() -> String {
    let system = match std::env::consts::OS {
        "linux" => "unknown-linux-gnu",
        "macos" => "apple-darwin",
        "windows" => "pc-windows-msvc",
        other => return format!("{}-unknown-{other}", std::env::consts::ARCH),
    };
    format!("{}-{system}", std::env::consts::ARCH)
}

/// The file name of a program called `name`.
pub fn program_name(name: &str) -> String {
    format!("{name}{}", std::env::consts::EXE_SUFFIX)
}

/// How many threads can run at once.
pub fn n_processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// How many files a process may have open; `None` where there is no such limit.
pub fn most_open_files() -> Option<u64> {
    #[cfg(unix)]
    return rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    #[cfg(not(unix))]
    return None;
}
