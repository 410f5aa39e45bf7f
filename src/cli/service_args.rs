//! The arguments of `kache daemon install` and `uninstall`, and what these commands say.

use crate::cli::changes::{self, ChangeOutcome, Changes};
use crate::cli::exit::{Exit, Failure};
use crate::cli::session::Session;
use crate::report::text::Text;
use crate::setup::plan::Plan;

/// The arguments of both commands.
#[derive(clap::Args)]
pub struct ServiceArgs {
    /// Show the changes without making them; exit with 2 if there are any
    #[arg(long, visible_alias = "check")]
    pub dry_run: bool,
    /// Show the content of new files, too
    #[arg(short, long)]
    pub verbose: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `kache daemon install`.
#[derive(clap::Args)]
pub struct InstallArgs {
    #[command(flatten)]
    pub service: ServiceArgs,
    /// Install a system service for a build server, which starts with the machine; requires root
    #[arg(long, requires = "user")]
    pub system: bool,
    /// The service account that runs the builds and the daemon
    #[arg(long, value_name = "NAME", requires = "system")]
    pub user: Option<String>,
}

/// The arguments of `kache daemon uninstall`.
#[derive(clap::Args)]
pub struct UninstallArgs {
    #[command(flatten)]
    pub service: ServiceArgs,
    /// Remove the system service; requires root
    #[arg(long)]
    pub system: bool,
}

impl ServiceArgs {
    /// Prints the changes and the outcome as JSON, or else `text`.
    pub fn say(
        &self,
        outcome: ChangeOutcome,
        plan: &Plan,
        text: impl Into<Text>,
        session: &Session<'_>,
    ) -> Result<Exit, Failure> {
        let text = text.into();
        if self.json {
            let notes = if plan.is_empty() { &[text.plain().trim_end().to_owned()][..] } else { &[] };
            let changes = Changes { plan, removals: &[], notes, unfinished: &[], first_question: None };
            changes::print_report(outcome, &changes, session)?;
        } else {
            session.print(text)?;
        }
        Ok(changes::exit(outcome))
    }
}
