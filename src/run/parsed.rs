//! What cargo asks for, as far as the arguments tell: a compile that may be cached, a bypass, or no compile at all.

use std::path::Path;

use crate::action::roots::BuildDirs;
use crate::invocation::driver::Driver;
use crate::invocation::{Invocation, parse};
use crate::outcome::{Bypass, BypassReason};
use crate::run::call::{Call, read_argument_file};
use crate::sys::env::Env;

/// How a call is classified.
#[expect(clippy::large_enum_variant, reason = "there is one per process, and it is consumed at once")]
pub enum Parsed {
    /// A compile that the cache may serve.
    Compile(ParsedInvocation),
    /// A compile that is left to the compiler.
    Bypass(BypassReason),
    /// A question to the compiler, or a source from standard input: nothing that is recorded.
    NotCompilation,
}

/// A compile, all of whose arguments are understood.
pub struct ParsedInvocation {
    pub invocation: Invocation,
    pub driver: Driver,
    pub build_dirs: BuildDirs,
}

impl Parsed {
    /// Understands a call.
    pub fn from_call(call: &Call<'_>, env: &Env) -> Parsed {
        let Some(driver) = call.driver else {
            let program = call.program.to_string_lossy();
            return Parsed::Bypass(BypassReason::new(Bypass::UnknownDriver, program));
        };
        let invocation = match parse::parse(call.args, &read_argument_file) {
            Ok(invocation) => invocation,
            Err(reason) if matches!(reason.why, Bypass::Query | Bypass::Stdin) => {
                return Parsed::NotCompilation;
            }
            Err(reason) => return Parsed::Bypass(reason),
        };
        let Some(cwd) = &env.cwd else {
            return Parsed::Bypass(BypassReason::new(Bypass::NotCargo, "no working directory"));
        };
        let build_dirs = BuildDirs::of(&invocation, env, cwd);
        Parsed::Compile(ParsedInvocation { invocation, driver, build_dirs })
    }
}

impl ParsedInvocation {
    /// A build script tries the compiler: outputs below its own `OUT_DIR` belong to no unit.
    ///
    /// # Errors
    /// It is such a trial.
    pub fn refuse_trials_of_build_scripts(&self, env: &Env) -> Result<(), BypassReason> {
        let Some(own) = env.get("OUT_DIR").map(Path::new) else { return Ok(()) };
        if self.build_dirs.cwd.join(&self.invocation.out_dir).starts_with(own) {
            return Err(BypassReason::new(Bypass::Probe, own.to_string_lossy()));
        }
        Ok(())
    }
}
