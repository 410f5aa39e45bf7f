//! Named pipes.
#![expect(unsafe_code, reason = "the system's calls; std has none for pipes")]

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::windows::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::path::{Path, PathBuf};
use std::ptr::null_mut;

use windows_sys::Win32::Foundation::{HANDLE, LocalFree};
use windows_sys::Win32::Security::Authorization::ConvertSidToStringSidW;
use windows_sys::Win32::Security::{GetTokenInformation, TOKEN_QUERY, TOKEN_USER, TokenUser};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

use crate::sys::env::Env;

mod stream;

#[cfg(feature = "cli")]
mod listener;

#[cfg(feature = "cli")]
mod handover;

#[cfg(feature = "cli")]
pub(super) use handover::{activated, take_over};
#[cfg(feature = "cli")]
pub use handover::{keep, pass_on};
#[cfg(feature = "cli")]
pub use listener::{Connection, Listener};
pub use stream::{Stream, connect};

/// All users' pipes share one directory, so the name has the user in it.
pub(super) fn endpoint_path(_dir: &Path, name: &str) -> PathBuf {
    PathBuf::from(format!(r"\\.\pipe\kache-{}-{name}", user_name().unwrap_or_default()))
}

/// The current user, as the system names users.
pub fn user_name() -> io::Result<String> {
    // SAFETY: this needs no handle to be closed.
    user_of(unsafe { GetCurrentProcess() })
}

/// There is no such directory here.
pub fn runtime_dir(_env: &Env) -> Option<PathBuf> {
    None
}

/// There is no need for one: a user's directories are private.
pub fn shared_dir() -> PathBuf {
    PathBuf::new()
}

/// Creates `dir`. What is in a user's profile belongs to that user.
pub fn private_dir(dir: &Path) -> io::Result<()> {
    std::fs::create_dir_all(dir)
}

/// The security identifier of the user that a process belongs to, as text.
fn user_of(process: HANDLE) -> io::Result<String> {
    let mut token = null_mut();
    // SAFETY: the pointer is to a handle that the call writes.
    check(unsafe { OpenProcessToken(process, TOKEN_QUERY, &mut token) })?;
    // SAFETY: the call succeeded: this is a handle that nobody else closes.
    let token = unsafe { OwnedHandle::from_raw_handle(token) };
    // 68 bytes are the longest identifier; the structure before it holds a pointer, so it is aligned for one.
    let mut buffer = [0u64; 32];
    let mut length = 0;
    let size = size_of_val(&buffer) as u32;
    let at = buffer.as_mut_ptr();
    // SAFETY: the buffer has the given size.
    check(unsafe { GetTokenInformation(token.as_raw_handle(), TokenUser, at.cast(), size, &mut length) })?;
    let mut text = null_mut();
    // SAFETY: the call before filled the buffer with a TOKEN_USER, whose identifier stands in the same buffer.
    check(unsafe { ConvertSidToStringSidW((*at.cast::<TOKEN_USER>()).User.Sid, &mut text) })?;
    // SAFETY: the call succeeded: the text ends with a zero, and is to be given back.
    let name = unsafe {
        let length = (0..).take_while(|index| *text.add(*index) != 0).count();
        let name = OsString::from_wide(std::slice::from_raw_parts(text, length));
        LocalFree(text.cast());
        name
    };
    name.into_string().map_err(|_| io::Error::other("the identifier of the user is no text"))
}

fn check(result: i32) -> io::Result<()> {
    if result == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn wide(text: &OsStr) -> Vec<u16> {
    text.encode_wide().chain([0]).collect()
}

fn is_error(e: &io::Error, code: u32) -> bool {
    e.raw_os_error() == Some(code as i32)
}

#[cfg(test)]
#[cfg(feature = "cli")]
mod tests;
