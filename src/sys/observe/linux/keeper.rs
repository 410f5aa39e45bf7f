//! The process that answers when there is nobody else any more: it notes nothing, holds nothing of this process but
//! the listener, and ends with the last of those that it answers.

use super::listener::{Listener, Woken};

/// Answers all calls from now on in a process of its own. If none can be made, the listener is closed: there is no
/// room for any process then.
pub(super) fn leave(listener: Listener) {
    #[expect(unsafe_code, reason = "std only starts other programs")]
    // SAFETY: between here and its end the child only makes calls to the kernel, on memory that was made before: it
    // takes no lock, whatever other threads held one when it was made.
    let process = unsafe { libc::fork() };
    if process == 0 {
        keep(listener);
    }
}

fn keep(mut listener: Listener) -> ! {
    let descriptor = listener.descriptor() as libc::c_uint;
    #[expect(unsafe_code, reason = "std cannot close what it does not know")]
    // SAFETY: nobody else in this process uses any descriptor but the listener, which stays open. A pipe of a
    // jobserver, a stream or a lock that stayed open would hold up the build.
    unsafe {
        libc::setsid();
        libc::chdir(c"/".as_ptr());
        libc::prctl(libc::PR_SET_NAME, c"kache-observer".as_ptr(), 0, 0, 0);
        if descriptor > 0 {
            close_range(0, descriptor - 1);
        }
        close_range(descriptor + 1, libc::c_uint::MAX);
    }
    loop {
        match listener.wait(None, -1) {
            Woken::Call => {
                if let Some(call) = listener.receive() {
                    listener.go_on(call.id);
                }
            }
            Woken::Nothing => {}
            Woken::Over | Woken::Other | Woken::Timeout => break,
        }
    }
    #[expect(unsafe_code, reason = "what std does at the end is not for a copy of a process")]
    // SAFETY: ends this process, in which nothing else runs.
    unsafe {
        libc::_exit(0)
    }
}

#[expect(unsafe_code, reason = "descriptors by number")]
/// # Safety
/// Nothing uses these descriptors.
unsafe fn close_range(first: libc::c_uint, last: libc::c_uint) {
    // SAFETY: the caller promises that nothing uses them; a number that is not open is no harm.
    unsafe {
        if libc::syscall(libc::SYS_close_range, first, last, 0) != 0 {
            let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
            let end = u64::from(last).min(limit.rlim_cur);
            for number in u64::from(first)..=end {
                libc::close(number as libc::c_int);
            }
        }
    }
}
