//! The listener of a filter: receives calls that wait, and answers them.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, RawFd};

use super::shared::SharedWords;

/// A listener with its two buffers, which are as large as this kernel wants them.
pub(super) struct Listener {
    file: File,
    /// Eight bytes each, for alignment. The call was written by the kernel when it was taken up, so that a process that
    /// shares this knows it even if the one that took it up is dead.
    call: SharedWords,
    answer: Vec<u64>,
}

// _IOWR('!', 0, struct seccomp_notif), and so on.
const RECEIVE: u64 = 0xc050_2100;
const SEND: u64 = 0xc018_2101;
const IS_VALID: u64 = 0x4008_2102;
const SET_FLAGS: u64 = 0x4008_2104;
/// Wakes the other side on this processor (Linux 6.6): both never run at once.
const SYNC_WAKE_UP: u64 = 1;

/// What woke the waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Woken {
    /// A call waits.
    Call,
    /// Nobody is left who could make one.
    Over,
    /// The other descriptor has something to say.
    Other,
    /// The time is up.
    Timeout,
    /// A signal.
    Nothing,
}

impl Listener {
    /// Takes a listener.
    pub(super) fn new(file: File) -> io::Result<Listener> {
        // Larger than any kernel so far wants them; asked nonetheless.
        let mut sizes =
            libc::seccomp_notif_sizes { seccomp_notif: 0, seccomp_notif_resp: 0, seccomp_data: 0 };
        #[expect(unsafe_code, reason = "std knows no filters")]
        // SAFETY: the kernel writes to `sizes`, which has the form it expects.
        let result =
            unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_NOTIF_SIZES, 0, &raw mut sizes) };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        let n_in_answer = n_words(sizes.seccomp_notif_resp, size_of::<libc::seccomp_notif_resp>());
        let listener = Listener {
            call: SharedWords::new(n_words(sizes.seccomp_notif, size_of::<libc::seccomp_notif>()))?,
            answer: vec![0; n_in_answer],
            file,
        };
        let _ = ioctl(listener.file.as_raw_fd(), SET_FLAGS, SYNC_WAKE_UP as *mut u64);
        Ok(listener)
    }

    /// The number of its descriptor.
    pub(super) fn descriptor(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    /// Waits for a call, or for `other` to become readable or closed; at most `timeout_ms` (-1: for ever).
    pub(super) fn wait(&self, other: Option<RawFd>, timeout_ms: i32) -> Woken {
        // A negative number is left out.
        let mut rows = [readable(self.file.as_raw_fd()), readable(other.unwrap_or(-1))];
        #[expect(unsafe_code, reason = "std does not poll")]
        // SAFETY: `rows` is a live array with its true length.
        let n_ready = unsafe { libc::poll(rows.as_mut_ptr(), 2, timeout_ms) };
        if rows[0].revents & libc::POLLIN != 0 {
            Woken::Call
        } else if rows[0].revents != 0 {
            Woken::Over
        } else if rows[1].revents != 0 {
            Woken::Other
        } else if n_ready == 0 {
            Woken::Timeout
        } else {
            Woken::Nothing
        }
    }

    /// Takes up a call; `None` where the caller is gone again.
    pub(super) fn receive(&mut self) -> Option<libc::seccomp_notif> {
        // The kernel refuses a buffer that is not zero.
        self.call.clear();
        ioctl(self.file.as_raw_fd(), RECEIVE, self.call.as_mut_ptr()).ok()?;
        Some(self.last())
    }

    /// The call that was taken up last; of zeros if there was none.
    fn last(&mut self) -> libc::seccomp_notif {
        #[expect(unsafe_code, reason = "the kernel wrote a structure")]
        // SAFETY: the buffer is aligned, at least as large as the structure, and is zero or has been filled by the
        // kernel. Each field is a number, so any bytes are a value.
        unsafe {
            self.call.as_mut_ptr().cast::<libc::seccomp_notif>().read()
        }
    }

    /// Lets the caller of the last received call go on. This process may have received it, or a dead one that shared the
    /// listener.
    pub(super) fn go_on_with_last(&mut self) {
        let id = self.last().id;
        self.go_on(id);
    }

    /// Whether the caller of `id` still waits, so that what was read from its memory was its argument.
    pub(super) fn is_waiting(&self, id: u64) -> bool {
        let mut id = id;
        ioctl(self.file.as_raw_fd(), IS_VALID, &raw mut id).is_ok()
    }

    /// Lets the caller of `id` go on with its call.
    pub(super) fn go_on(&mut self, id: u64) {
        self.answer.fill(0);
        let answer = libc::seccomp_notif_resp {
            id,
            val: 0,
            error: 0,
            flags: libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32,
        };
        #[expect(unsafe_code, reason = "the kernel reads a structure")]
        // SAFETY: the buffer is aligned and at least as large as the structure.
        unsafe {
            self.answer.as_mut_ptr().cast::<libc::seccomp_notif_resp>().write(answer);
        }
        // A caller that is gone, or has an answer already, needs none.
        let _ = ioctl(self.file.as_raw_fd(), SEND, self.answer.as_mut_ptr());
    }
}

/// How many words a structure takes of which the kernel wants `n_bytes`, and this program knows `least`.
fn n_words(n_bytes: u16, least: usize) -> usize {
    usize::from(n_bytes).max(least).div_ceil(8)
}

fn readable(fd: RawFd) -> libc::pollfd {
    libc::pollfd { fd, events: libc::POLLIN, revents: 0 }
}

fn ioctl(fd: RawFd, request: u64, argument: *mut u64) -> io::Result<()> {
    #[expect(unsafe_code, reason = "std has no such call")]
    // SAFETY: the callers give a pointer to what the request reads or writes, or a number for one that takes it so.
    let result = unsafe { libc::ioctl(fd, request as _, argument) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
