//! The first stage of a run: all that is known before its unit key is made.

use std::ffi::OsStr;

use crate::action::memo::Memo;
use crate::build_script::places::{LaunchedRun, Places};
use crate::config::Config;
use crate::key::toolchain::Toolchain;
use crate::store::Store;
use crate::sys::env::Env;

/// A run that the cache may serve.
pub struct RequestedRun<'a> {
    pub env: &'a Env,
    pub launched: &'a LaunchedRun<'a>,
    pub places: &'a Places,
    pub config: &'a Config,
    pub store: &'a Store,
    /// The compiler that the script may ask.
    pub rustc: &'a OsStr,
    pub toolchain: Toolchain,
    pub memo: Memo,
}
