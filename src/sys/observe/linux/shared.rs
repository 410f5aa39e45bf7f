//! Memory that this process shares with the processes that it forks.

use std::io;

/// Words that are zero at first, and that a fork sees change.
pub(super) struct SharedWords {
    start: *mut u64,
    n_words: usize,
}

impl SharedWords {
    pub(super) fn new(n_words: usize) -> io::Result<SharedWords> {
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        #[expect(unsafe_code, reason = "std shares no memory")]
        // SAFETY: a new mapping at a place that the kernel chooses, which nobody else knows.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), n_words * 8, access, kind, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(SharedWords { start: start.cast(), n_words })
    }

    /// For calls to the kernel. Aligned for words.
    pub(super) fn as_mut_ptr(&mut self) -> *mut u64 {
        self.start
    }

    pub(super) fn clear(&mut self) {
        #[expect(unsafe_code, reason = "the memory has no owner but this")]
        // SAFETY: so many words are mapped for as long as `self` lives, and are borrowed mutably.
        unsafe {
            self.start.write_bytes(0, self.n_words);
        }
    }
}

impl Drop for SharedWords {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "the counterpart of `new`")]
        // SAFETY: it was mapped with this length, and nobody uses it any more.
        unsafe {
            libc::munmap(self.start.cast(), self.n_words * 8);
        }
    }
}
