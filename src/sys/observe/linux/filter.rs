//! The seccomp filter, and how a child installs it between fork and exec: with what was made before the fork, by calls
//! that take no lock and allocate nothing.

use std::io;
use std::os::fd::RawFd;

use super::super::Scope;
use super::calls;
use super::memory;

/// What the child says about itself, beside its listener.
pub(super) const HELLO_BYTES: usize = 24;

/// This text must be readable in the child, or observing it would be pointless.
pub(super) const PROOF: [u8; 16] = *b"kache reads this";

/// Everything that the child needs, made before the fork.
pub(super) struct Prepared {
    program: Vec<libc::sock_filter>,
    proof: Box<[u8; 16]>,
    /// The child's end of a pair of sockets.
    socket: RawFd,
}

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

/// Calls from here on are those of a third way to call on one of the architectures.
const FOREIGN_CALLS: u32 = 0x4000_0000;

/// Whether a call came by the architecture's own way.
pub(super) fn is_native(architecture: u32, number: i32) -> bool {
    architecture == ARCHITECTURE && (number as u32) < FOREIGN_CALLS
}

impl Prepared {
    /// To be called before the fork.
    pub(super) fn new(socket: RawFd, scope: Scope) -> Prepared {
        Prepared { program: program(scope), proof: Box::new(PROOF), socket }
    }

    /// Puts this process, which is the child, under the filter, gives the listener away, and waits until somebody
    /// answers.
    pub(super) fn enter(&self) -> io::Result<()> {
        let (listener, takes_privileges) = match self.install() {
            Ok(installed) => installed,
            Err(error) => {
                let _ = self.say(error.raw_os_error().unwrap_or(libc::EINVAL), None, false);
                return Err(error);
            }
        };
        self.say(0, Some(listener), takes_privileges)?;
        let mut answer = 0_u8;
        #[expect(unsafe_code, reason = "std's own calls may allocate")]
        // SAFETY: the listener is this process's, and nobody else uses the number; `answer` is one byte.
        let n_read = unsafe {
            libc::close(listener);
            libc::read(self.socket, (&raw mut answer).cast(), 1)
        };
        if n_read == 1 && answer == 1 { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::EPROTO)) }
    }

    /// The listener, and whether `no_new_privs` had to be set for it.
    fn install(&self) -> io::Result<(RawFd, bool)> {
        // Kernels before 5.16 slow down filtered processes unless asked not to: this is no sandbox.
        let listening = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW;
        let killable = libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
        let mut takes_privileges = false;
        let listener = match self.set_permitted_filter(listening | killable, &mut takes_privileges) {
            Err(e) if e.raw_os_error() == Some(libc::EINVAL) => {
                self.set_permitted_filter(listening, &mut takes_privileges)
            }
            result => result,
        };
        Ok((listener?, takes_privileges))
    }

    /// Sets the filter; where that takes `no_new_privs`, with it.
    fn set_permitted_filter(&self, flags: libc::c_ulong, takes_privileges: &mut bool) -> io::Result<RawFd> {
        match self.set_filter(flags) {
            Err(e) if e.raw_os_error() == Some(libc::EACCES) => {
                no_new_privileges()?;
                *takes_privileges = true;
                self.set_filter(flags)
            }
            result => result,
        }
    }

    fn set_filter(&self, flags: libc::c_ulong) -> io::Result<RawFd> {
        let program = libc::sock_fprog {
            len: self.program.len() as libc::c_ushort,
            filter: self.program.as_ptr().cast_mut(),
        };
        #[expect(unsafe_code, reason = "std knows no filters")]
        // SAFETY: `program` names a live array with its true length, which the kernel only reads.
        let listener = unsafe {
            libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program)
        };
        if listener < 0 { Err(io::Error::last_os_error()) } else { Ok(listener as RawFd) }
    }

    /// Sends an error number (none: 0), this process's number, the place of the proof, whether programs lose their
    /// privileges, and the listener.
    fn say(&self, error: i32, listener: Option<RawFd>, takes_privileges: bool) -> io::Result<()> {
        let mut hello = [0_u8; HELLO_BYTES];
        hello[..4].copy_from_slice(&error.to_ne_bytes());
        hello[20] = u8::from(takes_privileges);
        hello[8..16].copy_from_slice(&(self.proof.as_ptr() as u64).to_ne_bytes());
        let mut control = [0_u64; 4];
        #[expect(unsafe_code, reason = "std does not send descriptors")]
        // SAFETY: `getpid` has no conditions. The message names live buffers with their true lengths; `control` is
        // aligned for a header and longer than one with a descriptor, so the header and its data lie in it.
        let n_sent = unsafe {
            hello[16..20].copy_from_slice(&libc::getpid().to_ne_bytes());
            let mut parts = libc::iovec { iov_base: hello.as_mut_ptr().cast(), iov_len: HELLO_BYTES };
            let mut message: libc::msghdr = std::mem::zeroed();
            message.msg_iov = &raw mut parts;
            message.msg_iovlen = 1;
            if let Some(listener) = listener {
                message.msg_control = control.as_mut_ptr().cast();
                message.msg_controllen = libc::CMSG_SPACE(4) as _;
                let header = libc::CMSG_FIRSTHDR(&raw const message);
                (*header).cmsg_level = libc::SOL_SOCKET;
                (*header).cmsg_type = libc::SCM_RIGHTS;
                (*header).cmsg_len = libc::CMSG_LEN(4) as _;
                libc::CMSG_DATA(header).cast::<RawFd>().write_unaligned(listener);
            }
            libc::sendmsg(self.socket, &raw const message, libc::MSG_NOSIGNAL)
        };
        if n_sent == HELLO_BYTES as isize { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

fn no_new_privileges() -> io::Result<()> {
    #[expect(unsafe_code, reason = "std does not know it")]
    // SAFETY: the call takes numbers only.
    let result = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// What a child said.
pub(super) struct Hello {
    pub(super) error: i32,
    pub(super) process: i32,
    pub(super) proof: u64,
    /// `no_new_privs` was set for the observation: without it, programs would have their privileges.
    pub(super) takes_privileges: bool,
    pub(super) listener: Option<RawFd>,
}

impl Hello {
    /// Waits for it. `None`: the child is gone.
    pub(super) fn receive(socket: RawFd) -> io::Result<Option<Hello>> {
        let mut hello = [0_u8; HELLO_BYTES];
        let mut control = [0_u64; 8];
        #[expect(unsafe_code, reason = "std does not receive descriptors")]
        // SAFETY: the message names live buffers with their true lengths; `control` is aligned for a header. The
        // header is only read where the kernel says that it wrote one.
        let (n_read, listener) = unsafe {
            let mut parts = libc::iovec { iov_base: hello.as_mut_ptr().cast(), iov_len: HELLO_BYTES };
            let mut message: libc::msghdr = std::mem::zeroed();
            message.msg_iov = &raw mut parts;
            message.msg_iovlen = 1;
            message.msg_control = control.as_mut_ptr().cast();
            message.msg_controllen = std::mem::size_of_val(&control) as _;
            let n_read = loop {
                let n_read = libc::recvmsg(socket, &raw mut message, libc::MSG_CMSG_CLOEXEC);
                if n_read >= 0 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                    break n_read;
                }
            };
            let header = libc::CMSG_FIRSTHDR(&raw const message);
            let has_one = n_read > 0 && !header.is_null() && (*header).cmsg_type == libc::SCM_RIGHTS;
            (n_read, has_one.then(|| libc::CMSG_DATA(header).cast::<RawFd>().read_unaligned()))
        };
        let proof = hello.get(8..16).and_then(|bytes| bytes.try_into().ok()).map(u64::from_ne_bytes);
        match n_read {
            0 => Ok(None),
            1.. => Ok(Some(Hello {
                error: number(&hello, 0),
                process: number(&hello, 16),
                proof: proof.unwrap_or_default(),
                takes_privileges: hello[20] != 0,
                listener,
            })),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Whether the child's memory can be read.
    pub(super) fn proves(&self) -> io::Result<bool> {
        let mut found = [0; PROOF.len()];
        let n_read = memory::read(self.process, self.proof, &mut found)?;
        Ok(n_read == PROOF.len() && found == PROOF)
    }
}

fn number(hello: &[u8; HELLO_BYTES], at: usize) -> i32 {
    let bytes = hello.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    bytes.map(i32::from_ne_bytes).unwrap_or_default()
}

fn step(code: u16, k: u32, jt: u8, jf: u8) -> libc::sock_filter {
    libc::sock_filter { code, jt, jf, k }
}

/// Hands the observed calls to the listener, and all calls that come by a foreign way; all others go through. Which
/// it is depends on the number of the call alone, so the kernel need not run this for most of them.
fn program(scope: Scope) -> Vec<libc::sock_filter> {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const NOT_LESS: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let (number_at, architecture_at) = (0, 4);
    let mut program = vec![
        step(LOAD, architecture_at, 0, 0),
        step(EQUAL, ARCHITECTURE, 1, 0),
        step(RETURN, libc::SECCOMP_RET_USER_NOTIF, 0, 0),
        step(LOAD, number_at, 0, 0),
        step(NOT_LESS, FOREIGN_CALLS, 0, 1),
        step(RETURN, libc::SECCOMP_RET_USER_NOTIF, 0, 0),
    ];
    for number in calls::observed(scope) {
        program.push(step(EQUAL, number, 0, 1));
        program.push(step(RETURN, libc::SECCOMP_RET_USER_NOTIF, 0, 0));
    }
    program.push(step(RETURN, libc::SECCOMP_RET_ALLOW, 0, 0));
    program
}
