//! Surroundings in which a build may run: under another observer, and in a sandbox that forbids filters.
#![expect(unsafe_code, reason = "a filter is set between fork and exec")]

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitStatus};

use kache::sys::observe::{self, Abandoned, Observation, Scope};
use kache::sys::process::Start;

/// Runs a command with all its descendants under observation.
pub(crate) fn observe(command: Command) -> (ExitStatus, Observation) {
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
    let start = Start { program: "env".as_ref(), name: None, args: &env };
    let (child, watching) = observe::spawn_piped(start, Scope::All, &Abandoned::default())
        .expect("programs can be observed here");
    let output = child.wait_with_output().expect("it ends");
    let seen = watching.finish();
    assert!(seen.n_calls > 0);
    eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    (output.status, seen)
}

/// The calls by which a process makes others, or threads.
pub(crate) const MAKING_PROCESSES: &[libc::c_long] = &[
    libc::SYS_clone,
    libc::SYS_clone3,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
];

/// Lets these calls fail in a command and its descendants, as some sandboxes do.
pub(crate) fn forbid(command: &mut Command, calls: &[libc::c_long]) {
    let step = |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut program = vec![step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0)];
    for call in calls {
        program.push(step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, *call as u32, 0, 1));
        program.push(step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32, 0, 0));
    }
    program.push(step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0));
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
