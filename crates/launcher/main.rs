//! Stands where cargo expects a build script: runs it through kache, which knows whether it has to run at all.
//!
//! Beside it lie `kache`, a link to the program, and `kache-build-script`, the real build script. Where kache is gone,
//! the real build script runs as it would without it. This program is so small because each build script gets its own
//! copy; it has no other library than the C library.

#![no_std]
#![no_main]

use core::ffi::{c_char, c_int};
use core::ptr::null;

#[link(name = "c")]
unsafe extern "C" {
    fn execv(path: *const c_char, args: *const *const c_char) -> c_int;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

const LONGEST_PATH: usize = 4096;
const MOST_ARGUMENTS: usize = 64;
const KACHE: &[u8] = b"kache\0";
const SCRIPT: &[u8] = b"kache-build-script\0";

/// Where this program lies is in the first argument: cargo starts build scripts by their paths.
#[unsafe(no_mangle)]
pub extern "C" fn main(n_args: c_int, args: *const *const c_char) -> c_int {
    let n_args = usize::try_from(n_args).unwrap_or(0);
    let mut kache = [0u8; LONGEST_PATH];
    let mut script = [0u8; LONGEST_PATH];
    let mut passed = [null::<c_char>(); MOST_ARGUMENTS + 4];
    if n_args == 0 {
        return 127;
    }
    // SAFETY: the system passes this many arguments, each of which ends with a NUL; what is built of them stays in the
    // arrays, whose ends are checked, until another program takes over.
    unsafe {
        if !beside(*args, KACHE, &mut kache) || !beside(*args, SCRIPT, &mut script) {
            return 127;
        }
        // Cargo passes none but the name. With more than fit, the real build script is started.
        if n_args <= MOST_ARGUMENTS {
            passed[0] = KACHE.as_ptr().cast();
            passed[1] = c"run-build-script".as_ptr();
            passed[2] = script.as_ptr().cast();
            let mut index = 0;
            while index < n_args {
                passed[3 + index] = *args.add(index);
                index += 1;
            }
            execv(kache.as_ptr().cast(), passed.as_ptr());
        }
        execv(script.as_ptr().cast(), args);
    }
    127
}

/// The path of `name`, which ends with a NUL, in the directory of `path`. False: it is too long, or `path` names no
/// directory, so that it would be looked for in the working directory.
unsafe fn beside(path: *const c_char, name: &[u8], to: &mut [u8; LONGEST_PATH]) -> bool {
    let mut length = 0;
    let mut end = 0;
    loop {
        // SAFETY: `path` ends with a NUL, behind which nothing is read.
        let byte = unsafe { *path.add(length) } as u8;
        if byte == 0 {
            break;
        }
        let Some(place) = to.get_mut(length) else { return false };
        *place = byte;
        length += 1;
        if byte == b'/' {
            end = length;
        }
    }
    if end == 0 {
        return false;
    }
    let Some(place) = to.get_mut(end..end + name.len()) else { return false };
    place.copy_from_slice(name);
    true
}
