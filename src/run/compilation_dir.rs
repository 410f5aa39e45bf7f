//! The directory in which a program was compiled, as its debug information names it: debuggers, `addr2line` and backtraces
//! count the names of sources from there.
//!
//! Members of a workspace are compiled in its root, which is another one in each tree. What is stored names
//! [`PLACEHOLDER`] instead, and has the same bytes everywhere. An executable or a C library that is put into a tree, or was
//! linked there just now, gets the tree's own directory written over it ([`write()`]).
//!
//! Not so what other units read, whose bytes decide what is made with them, and have to be the same in every tree:
//! procedural macros and build scripts; dynamic libraries of Rust; and a C library of a crate that is a library of Rust too,
//! because the compiler looks into it when it searches for that crate. Before these are stored, `.` is written over it.
//!
//! The placeholder is a long way to say `.`. So whatever has it still means what it would mean with the workspace mapped to
//! `.`: archives, what is linked by a compile that kache leaves alone, and programs in which it was not recognized.
//!
//! It is looked for in the sections that hold nothing but strings of debug information, and only as a string of its own,
//! between two NULs ([`places`]). A linker may have other strings share its end: `.`, or `./.`. The directory is shorter
//! than the placeholder, and what is behind it stays, so these are not touched.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;

use memchr::memmem::Finder;

use crate::invocation::{CrateType, Invocation, Role};
use crate::sys::fs;
use crate::sys::{defence, elf, os};

/// How many bytes the placeholder has, without the NUL behind it.
const LENGTH: usize = 255;

/// So many bytes at its end may be shared with other strings.
const MOST_SHARED: usize = 8;

/// How much of a section is looked at at once, in bytes.
const PIECE: usize = 256 << 10;

const BYTES: [u8; LENGTH] = {
    let mut bytes = [b'.'; LENGTH];
    let mut at = 1;
    while at < LENGTH {
        bytes[at] = b'/';
        at += 2;
    }
    bytes
};

/// What the compiler is told to call the workspace.
pub const PLACEHOLDER: &str = match str::from_utf8(&BYTES) {
    Ok(text) => text,
    Err(_) => unreachable!(),
};

/// The placeholder as a string in debug information.
const STRING: [u8; LENGTH + 1] = {
    let mut string = [0; LENGTH + 1];
    let mut at = 0;
    while at < LENGTH {
        string[at] = BYTES[at];
        at += 1;
    }
    string
};

/// Whether the directory of the tree is written into the output of `invocation` that has this role: no unit reads it.
pub fn is_written_into(role: Role, invocation: &Invocation) -> bool {
    match role {
        Role::Executable => !is_build_script(invocation),
        Role::Cdylib => {
            let mut crate_types = invocation.crate_types.iter();
            let is_read = crate_types.any(|kind| matches!(kind, CrateType::Rlib | CrateType::Dylib));
            !is_read || !defence::stands("libraries-that-compilers-read")
        }
        _ => false,
    }
}

/// Whether `invocation` makes nothing but what other units read when they are made or run.
pub fn is_of_the_build(invocation: &Invocation) -> bool {
    let mut crate_types = invocation.crate_types.iter();
    let is_library = crate_types.any(|kind| matches!(kind, CrateType::ProcMacro | CrateType::Dylib));
    !invocation.test && is_library || is_build_script(invocation)
}

fn is_build_script(invocation: &Invocation) -> bool {
    invocation.crate_name.starts_with("build_script_")
        && invocation.crate_types == [CrateType::Bin]
        && !invocation.test
}

/// Whether the debug information is compressed, or in a file of its own: no placeholder would be found.
pub fn is_hidden(invocation: &Invocation) -> bool {
    let split = invocation.codegen("split-debuginfo").next_back().flatten();
    compresses(invocation) || split.is_some_and(|split| split != "off")
}

/// Whether sections are compressed: by the linker (`-Wl,--compress-debug-sections=zlib`, which may be cut short), by its
/// driver (`-gz`), or by rustc (`-Z debuginfo-compression=zlib`).
pub fn compresses(invocation: &Invocation) -> bool {
    invocation.flags.iter().any(|flag| is_compression(os::bytes(&flag.value)))
}

fn is_compression(value: &[u8]) -> bool {
    const NAMES: [&[u8]; 2] = [b"-compress-d", b"debuginfo-compression"];
    let mut words = value.split(|byte| b" =,".contains(byte));
    words.any(|word| word == b"-gz") || NAMES.iter().any(|name| Finder::new(name).find(value).is_some())
}

/// Where in a linked file the placeholder stands, in bytes, each time it does.
///
/// # Errors
/// The file cannot be read, or is damaged.
pub fn places(file: &File) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    let finder = Finder::new(&STRING);
    for section in elf::debug_strings(file)? {
        find(file, section, &finder, &mut found)?;
    }
    Ok(found)
}

/// Adds where the placeholder stands in one section.
fn find(file: &File, section: Range<u64>, finder: &Finder<'_>, found: &mut Vec<u64>) -> io::Result<()> {
    // What is kept of the last piece, or the NUL that is thought of before the first one.
    let mut n_kept = 1;
    let mut buffer = vec![0; STRING.len() + PIECE];
    let mut at = section.start;
    while at < section.end {
        let n_wanted = (section.end - at).min(PIECE as u64) as usize;
        let n_read = fs::read_at(file, &mut buffer[n_kept..n_kept + n_wanted], at)?;
        if n_read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let piece = &buffer[..n_kept + n_read];
        let matches = finder.find_iter(piece).filter(|start| *start > 0 && piece[start - 1] == 0);
        found.extend(matches.map(|start| at + start as u64 - n_kept as u64));
        at += n_read as u64;
        let n_piece = piece.len();
        let keep = n_piece.saturating_sub(STRING.len())..n_piece;
        n_kept = keep.len();
        buffer.copy_within(keep, 0);
    }
    Ok(())
}

/// Writes the path of `directory` over the placeholder at these places of the file at `path`. A place that does not
/// hold it is left alone, and so is everything where the path is too long.
///
/// # Errors
/// The file cannot be read or written. It may have been written in part.
pub fn write(path: &Path, places: &[u64], directory: &Path) -> io::Result<()> {
    let Some(string) = string(directory).filter(|_| !places.is_empty()) else { return Ok(()) };
    if defence::stands("programs-know-their-directory") {
        write_to(&fs::open_to_change(path)?, places, &string)?;
    }
    Ok(())
}

/// The same for a file that was linked at `path` just now, wherever it has the placeholder. A file with another name is not
/// touched.
///
/// # Errors
/// As [`write()`].
pub fn write_into_linked(path: &Path, directory: &Path) -> io::Result<()> {
    string(directory).map_or(Ok(()), |string| write_string_into_linked(path, &string))
}

/// Writes `.` there instead.
///
/// # Errors
/// As [`write()`].
pub fn write_dot_into_linked(path: &Path) -> io::Result<()> {
    write_string_into_linked(path, b".\0")
}

fn write_string_into_linked(path: &Path, string: &[u8]) -> io::Result<()> {
    let file = fs::open_to_change(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || fs::n_names(&metadata) != 1 {
        return Ok(());
    }
    write_to(&file, &places(&file)?, string)
}

fn write_to(file: &File, places: &[u64], string: &[u8]) -> io::Result<()> {
    for place in places {
        let mut there = [0; STRING.len()];
        if fs::read_at(file, &mut there, *place)? == there.len() && there == STRING {
            write_all_at(file, string, *place)?;
        }
    }
    Ok(())
}

fn write_all_at(file: &File, bytes: &[u8], position: u64) -> io::Result<()> {
    let mut n_written = 0;
    while n_written < bytes.len() {
        match fs::write_at(file, &bytes[n_written..], position + n_written as u64)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            n => n_written += n,
        }
    }
    Ok(())
}

/// The path of a directory as a string in debug information, if there is room for it.
fn string(directory: &Path) -> Option<Vec<u8>> {
    let path = os::bytes(directory);
    let fits = path.len() + 1 + MOST_SHARED <= LENGTH && !path.contains(&0);
    (fits && directory.is_absolute()).then(|| [path, b"\0"].concat())
}

#[cfg(test)]
mod tests;
