//! The arguments that name a crate: `[CRATE]`, with `--crate-name` as another spelling.

/// A crate or package, if one was named.
#[derive(clap::Args)]
#[group(id = "crate", multiple = false)]
pub struct CrateArgs {
    /// The crate or package
    #[arg(value_name = "CRATE")]
    positional: Option<String>,
    /// The crate or package: another spelling of CRATE
    #[arg(long, value_name = "CRATE")]
    crate_name: Option<String>,
}

impl CrateArgs {
    /// The name, in either spelling.
    pub fn name(&self) -> Option<&str> {
        self.positional.as_deref().or(self.crate_name.as_deref())
    }
}
