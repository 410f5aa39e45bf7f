//! The binary: the arguments decide whether this is a wrapper or the command line. Nothing else happens here.

use std::process::ExitCode;

use kache::sys::env::Env;

fn main() -> ExitCode {
    let env = Env::from_process();
    if kache::build_script::wrapper::is_launched(&env) {
        return kache::build_script::wrapper::main(&env);
    }
    #[cfg(feature = "cli")]
    if kache::cli::is_command_line(&env) {
        return kache::cli::main(&env);
    }
    #[cfg(feature = "cli")]
    kache::seed::probe::seed(&env);
    kache::run::wrapper::main(&env)
}
