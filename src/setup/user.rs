//! Checks whose home directory would be changed. Every command that writes into one asks here first.

use std::path::PathBuf;

use crate::setup::plan::Journal;
use crate::sys::dirs;
use crate::sys::env::{self, Env};

/// Why nothing is changed for the user in this environment.
#[derive(Debug, thiserror::Error)]
pub enum WrongUser {
    #[error("there is no home directory: HOME is not set")]
    NoHome,
    #[error("{0} is not an absolute path, as HOME and the XDG variables must be")]
    RelativeHome(PathBuf),
    #[error(
        "this is root in another user's home (SUDO_UID is set); files written there would belong to root"
    )]
    RootForAnother,
}

/// The journal of the user in `env`, whose files may be changed. With `allow_root`, root in the place of another user
/// may change them too.
pub fn journal(env: &Env, allow_root: bool) -> Result<Journal, WrongUser> {
    let state = dirs::state(env).ok_or(WrongUser::NoHome)?;
    if is_root_for_another(env) && !allow_root {
        return Err(WrongUser::RootForAnother);
    }
    if state.is_relative() {
        return Err(WrongUser::RelativeHome(state));
    }
    Journal::for_user(env).ok_or(WrongUser::NoHome)
}

/// Whether this is root in the place of another user.
pub fn is_root_for_another(env: &Env) -> bool {
    env::is_root() && env.get("SUDO_UID").is_some_and(|uid| !uid.is_empty() && uid != "0")
}
