//! Randomness of the operating system.

use std::io;

/// Bytes that nobody can guess.
///
/// # Errors
/// The system has no source of randomness, or a sandbox forbids it.
pub fn secret_bytes() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}
