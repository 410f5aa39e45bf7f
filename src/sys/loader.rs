//! Lists the dynamic libraries of a program, as the loader of the system finds them.

#[cfg(target_os = "linux")]
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

#[cfg(target_os = "linux")]
use crate::sys::{elf, fs, os, process};

/// A file that the loader reads to find libraries outside of the places that a program names.
pub const INDEX: &str = "/etc/ld.so.cache";

/// The file that names libraries which the loader puts into every program, before all others. Only glibc's has one.
pub const PRELOADED: Option<&str> = if cfg!(target_os = "linux") { Some("/etc/ld.so.preload") } else { None };

/// The libraries that a text of [`PRELOADED`] names, as they are spelled.
pub fn preloaded(text: &[u8]) -> Vec<String> {
    let mut libraries = Vec::new();
    for line in String::from_utf8_lossy(text).lines() {
        let names = line.split('#').next().unwrap_or_default();
        libraries.extend(names.split([' ', '\t', ':']).filter(|name| !name.is_empty()).map(str::to_owned));
    }
    libraries
}

/// The libraries that are loaded when `program` starts in this environment: those that it names, and those that these
/// need. Empty for a program that needs none. `program` has no symbolic links in its path.
///
/// # Errors
/// The loader does not say, or does not find one of them.
#[cfg(target_os = "linux")]
pub fn libraries(program: &Path, cwd: &Path) -> io::Result<Vec<PathBuf>> {
    let bytes = fs::read(program)?;
    let segments = elf::segments(&bytes).ok_or_else(not_elf)?;
    let segments = segments.collect::<Option<Vec<_>>>().ok_or_else(not_elf)?;
    let Some(named) = segments.iter().find(|segment| segment.kind == elf::INTERPRETER) else {
        return Ok(Vec::new());
    };
    let end = named.at.checked_add(named.n_bytes).ok_or_else(not_elf)?;
    let loader = bytes.get(named.at..end).ok_or_else(not_elf)?;
    let loader = loader.strip_suffix(b"\0").unwrap_or(loader);
    let loader = os::path(loader).ok_or_else(not_elf)?;
    let list = [OsStr::new("--list"), program.as_os_str()];
    let listed = process::output(loader.as_os_str(), &list, cwd)?;
    parse_list(&listed, cwd)
}

#[cfg(target_os = "linux")]
fn not_elf() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not an ELF program")
}

/// Elsewhere this is not known.
#[cfg(not(target_os = "linux"))]
pub fn libraries(_program: &Path, _cwd: &Path) -> io::Result<Vec<PathBuf>> {
    Ok(Vec::new())
}

/// Reads what `ld.so --list` prints: `name => path (address)`, or `path (address)`, one library on each line.
#[cfg(any(target_os = "linux", test))]
fn parse_list(listed: &[u8], cwd: &Path) -> io::Result<Vec<PathBuf>> {
    let listed = std::str::from_utf8(listed).map_err(|_| unexpected("not UTF-8"))?;
    let mut libraries = Vec::new();
    for line in listed.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line == "statically linked" {
            continue;
        }
        let (name, address) = line.rsplit_once(" (0x").ok_or_else(|| unexpected(line))?;
        if !address.ends_with(')') {
            return Err(unexpected(line));
        }
        match name.split_once(" => ") {
            Some((_, path)) => libraries.push(cwd.join(path)),
            None if name.contains('/') => libraries.push(cwd.join(name)),
            // What the kernel provides is no file.
            None => {}
        }
    }
    Ok(libraries)
}

#[cfg(any(target_os = "linux", test))]
fn unexpected(line: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("unexpected output of the loader: {}", line.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_glibc_and_musl_are_read() {
        let glibc = b"\tlinux-vdso.so.1 (0x00007ffd)\n\tlibLLVM.so.19.1 => /usr/lib/my dir/libLLVM.so.19.1 (0x00007f)\n\
            \tliblocal.so => ../lib/liblocal.so (0x1)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n";
        let cwd = std::env::temp_dir();
        let read = parse_list(glibc, &cwd).expect("is understood");
        let expected =
            ["/usr/lib/my dir/libLLVM.so.19.1", "../lib/liblocal.so", "/lib64/ld-linux-x86-64.so.2"];
        assert_eq!(read, expected.map(|path| cwd.join(path)));
        let musl = b"\t/lib/ld-musl-x86_64.so.1 (0x7f)\n\tlibc.musl-x86_64.so.1 => /lib/ld-musl-x86_64.so.1 (0x7f)\n";
        assert_eq!(parse_list(musl, &cwd).expect("is understood").len(), 2);
        assert!(parse_list(b"\tstatically linked\n", &cwd).expect("is understood").is_empty());
    }

    #[test]
    fn every_name_of_a_list_of_preloaded_libraries_is_read() {
        let text = b"# all programs\n/lib/one.so /lib/two.so:three.so # four.so\n\n\t/lib/$LIB/five.so";
        assert_eq!(preloaded(text), ["/lib/one.so", "/lib/two.so", "three.so", "/lib/$LIB/five.so"]);
        assert!(preloaded(b"\n# nothing\n").is_empty());
    }

    #[test]
    fn library_that_is_not_found_is_an_error() {
        let cwd = std::env::temp_dir();
        assert!(parse_list(b"\tlibLLVM.so.19.1 => not found\n", &cwd).is_err());
        assert!(parse_list(b"usage: ld.so [OPTION]\n", &cwd).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn libraries_of_libraries_are_found() {
        let shell = os::find_program(OsStr::new("sh"), std::env::var_os("PATH").as_deref(), Path::new("/"));
        let program = fs::canonical(&shell.expect("there is a shell")).expect("exists");
        let found = libraries(&program, Path::new("/")).expect("the loader answers");
        assert!(found.iter().all(|path| fs::metadata(path).is_ok()), "{found:?}");
        assert!(libraries(Path::new("/etc/passwd"), Path::new("/")).is_err());
    }
}
