//! The binary: the arguments decide whether this is a wrapper or the command line. Nothing else happens here.

use std::process::ExitCode;

use kache::config::remote::CREDENTIALS;
use kache::sys::defence;
use kache::sys::env::Env;

fn main() -> ExitCode {
    let mut env = Env::from_process();
    let is_launched = kache::build_script::wrapper::is_launched(&env);
    #[cfg(feature = "cli")]
    if !is_launched && kache::cli::is_command_line(&env) {
        // The directory may choose the compiler that a command asks.
        if defence::stands("commands-withhold-credentials") {
            env.withhold(CREDENTIALS);
        }
        return kache::cli::main(&env);
    }
    // Compilers and build scripts have no use for what opens the remote.
    if defence::stands("wrappers-forget-credentials") {
        env.forget(CREDENTIALS);
    }
    if is_launched {
        return kache::build_script::wrapper::main(&env);
    }
    #[cfg(feature = "cli")]
    kache::seed::probe::seed(&env);
    kache::run::wrapper::main(&env)
}
