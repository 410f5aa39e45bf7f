//! `kache completions`: generates shell completions from the definition of the commands.

use clap::{Command, ValueEnum};
use clap_complete::{Shell as Common, generate};
use clap_complete_nushell::Nushell;

use crate::cli::exit::{Exit, Failure};
use crate::cli::session::Session;

/// The arguments.
#[derive(clap::Args)]
pub struct Args {
    /// The shell to generate completions for
    #[arg(value_enum)]
    shell: Shell,
}

/// Supported shells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    Bash,
    Elvish,
    Fish,
    Nushell,
    #[value(name = "powershell")]
    PowerShell,
    Zsh,
}

/// Prints the completions of `definition`.
pub fn run(args: &Args, definition: Command, session: &Session<'_>) -> Result<Exit, Failure> {
    session.print_verbatim(&script(args.shell, definition))?;
    Ok(Exit::Ok)
}

/// The completions of `definition` for `shell`: a script that the shell sources.
pub fn script(shell: Shell, mut definition: Command) -> String {
    let mut script = Vec::new();
    let (name, command) = ("kache", &mut definition);
    match shell {
        Shell::Bash => generate(Common::Bash, command, name, &mut script),
        Shell::Elvish => generate(Common::Elvish, command, name, &mut script),
        Shell::Fish => generate(Common::Fish, command, name, &mut script),
        Shell::Nushell => generate(Nushell, command, name, &mut script),
        Shell::PowerShell => generate(Common::PowerShell, command, name, &mut script),
        Shell::Zsh => generate(Common::Zsh, command, name, &mut script),
    }
    String::from_utf8_lossy(&script).into_owned()
}

impl Shell {
    /// The usual name of the completion file.
    pub fn file_name(self) -> &'static str {
        match self {
            Shell::Bash => "kache.bash",
            Shell::Elvish => "kache.elv",
            Shell::Fish => "kache.fish",
            Shell::Nushell => "kache.nu",
            Shell::PowerShell => "_kache.ps1",
            Shell::Zsh => "_kache",
        }
    }
}
