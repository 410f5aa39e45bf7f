//! Reading the memory of a program that waits for an answer.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use super::resolve;

/// No path that the kernel takes is longer, its end included.
pub(super) const PATH_MAX: usize = libc::PATH_MAX as usize;

/// The text at `address` in the memory of the thread `thread`, without its end. `Ok(None)`: it is longer than a path
/// can be.
pub(super) fn text(thread: i32, address: u64, buffer: &mut [u8; PATH_MAX]) -> io::Result<Option<usize>> {
    let mut n_read = 0;
    while n_read < buffer.len() {
        let from = address.wrapping_add(n_read as u64);
        // To the end of a page at most: the next one may not be there.
        let n_in_page = (PAGE_BYTES - from % PAGE_BYTES) as usize;
        let end = (n_read + n_in_page.min(PIECE_BYTES)).min(buffer.len());
        let n_bytes = read(thread, from, &mut buffer[n_read..end])?;
        if let Some(at) = buffer[n_read..n_read + n_bytes].iter().position(|byte| *byte == 0) {
            return Ok(Some(n_read + at));
        }
        n_read += n_bytes;
    }
    Ok(None)
}

/// Most paths are shorter.
const PIECE_BYTES: usize = 256;

/// The smallest page that a supported system has.
const PAGE_BYTES: u64 = 4096;

/// Reads some bytes at `address`; at least one.
pub(super) fn read(thread: i32, address: u64, to: &mut [u8]) -> io::Result<usize> {
    let local = libc::iovec { iov_base: to.as_mut_ptr().cast(), iov_len: to.len() };
    let remote = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: to.len() };
    #[expect(unsafe_code, reason = "std does not read the memory of others")]
    // SAFETY: `local` is a buffer that this function borrows mutably, with its true length; `remote` is an address
    // in another process, which the kernel checks.
    let n_read = unsafe { libc::process_vm_readv(thread, &raw const local, 1, &raw const remote, 1, 0) };
    match n_read {
        1.. => Ok(n_read as usize),
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => {
            let error = io::Error::last_os_error();
            // Some kernels and sandboxes do not have this call.
            match error.raw_os_error() {
                Some(libc::ENOSYS | libc::EPERM) => read_file(thread, address, to).map_err(|_| error),
                _ => Err(error),
            }
        }
    }
}

fn read_file(thread: i32, address: u64, to: &mut [u8]) -> io::Result<usize> {
    match File::open(format!("/proc/{}/mem", resolve::proc_number(thread)?))?.read_at(to, address)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        n_read => Ok(n_read),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_across_pages_and_by_both_ways() {
        let mut own = vec![b'x'; 9000];
        own[8500] = 0;
        let thread = std::process::id() as i32;
        let start = own.as_ptr() as u64;
        let mut buffer = [0; PATH_MAX];
        assert_eq!(text(thread, start, &mut buffer).unwrap(), None);
        assert_eq!(text(thread, start + 4600, &mut buffer).unwrap(), Some(3900));
        assert_eq!(&buffer[..3900], &own[4600..8500]);
        let mut some = [0; 16];
        assert_eq!(read_file(thread, start, &mut some).unwrap(), 16);
        assert_eq!(some, [b'x'; 16]);
        assert!(text(thread, 8, &mut buffer).is_err());
    }
}
