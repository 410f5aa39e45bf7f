//! Surroundings in which a build may run: under another observer, and in a sandbox that forbids filters.
#![expect(unsafe_code, reason = "a filter is set between fork and exec")]

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitStatus};

use kache::sys::observe;

/// Runs a command with all its descendants under observation.
pub(crate) fn observe(command: Command) -> ExitStatus {
    let dir = command.get_current_dir().expect("is set");
    let mut env: Vec<std::ffi::OsString> = vec!["-i".into(), "--chdir".into(), dir.into()];
    for (name, value) in command.get_envs() {
        let mut setting = name.to_owned();
        setting.push("=");
        setting.push(value.expect("nothing is removed"));
        env.push(setting);
    }
    env.push(command.get_program().to_owned());
    env.extend(command.get_args().map(ToOwned::to_owned));
    let (child, watching) =
        observe::spawn_piped("env".as_ref(), &env).expect("programs can be observed here");
    let output = child.wait_with_output().expect("it ends");
    let seen = watching.finish();
    assert!(seen.n_calls > 0);
    eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    output.status
}

/// Lets `seccomp` fail in a command and its descendants, as some sandboxes do.
pub(crate) fn forbid_filters(command: &mut Command) {
    let step = |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter { code: code as u16, jt, jf, k };
    let program = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, libc::SYS_seccomp as u32, 0, 1),
        step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32, 0, 0),
        step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    let set = move || {
        let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() };
        // SAFETY: `program` names a live array with its true length.
        let result = unsafe {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program)
        };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    };
    // SAFETY: only calls to the kernel are made.
    unsafe {
        command.pre_exec(set);
    }
}
