//! Runs the builds to compare, one after the other, and collects their figures.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use crate::cli::exit::{ErrorCode, Failure};
use crate::cli::progress::Progress;
use crate::cli::terminal;
use crate::cli::trial::cargo::{BuildCall, Cargo, Wrapper};
use crate::cli::trial::figures::{Figures, Records, Unserved, unserved};
use crate::cli::trial::report::{COLD, PLAIN, SECOND, WARM};
use crate::cli::trial::workspace::{self, Workspace};
use crate::run::record::Record;
use crate::sys::fs;
use crate::sys::program::Aftermath;

/// The builds of one workspace.
pub(super) struct Builds<'a> {
    pub(super) cargo: &'a Cargo,
    pub(super) workspace: &'a Workspace,
    pub(super) temporary: &'a Path,
    pub(super) args: &'a [OsString],
    pub(super) aftermath: Option<&'a Aftermath>,
}

impl Builds<'_> {
    /// Runs all builds, in the order of the report.
    pub(super) fn run(&self, progress: &Progress) -> Result<(Vec<Figures>, Vec<Unserved>), Failure> {
        let (first, second) = (self.temporary.join(workspace::FIRST), self.temporary.join(workspace::SECOND));
        let mut records = Records::open(&self.temporary.join("store"));

        let elapsed = self.build("cold build", &first, Wrapper::Kache, progress)?;
        let cold = records.read_new()?;
        if cold.is_empty() {
            let failure = Failure::new("cargo compiled nothing").code(ErrorCode::BuildFailed);
            return Err(failure.hint("choose a workspace and options that compile something"));
        }
        let mut figures = vec![Figures::new(COLD, elapsed, Some(&cold))];
        self.cargo.harvest(&self.workspace.dir(&first), &self.workspace.target(&first));

        remove(&self.workspace.target(&first))?;
        let (warm, mut missed) = self.warm(WARM, &first, &cold, &mut records, progress)?;
        figures.push(warm);

        remove(&first)?;
        let (warm, missed_elsewhere) = self.warm(SECOND, &second, &cold, &mut records, progress)?;
        figures.push(warm);
        missed.extend(missed_elsewhere);

        remove(&self.workspace.target(&second))?;
        let elapsed = self.build("build by cargo alone", &second, Wrapper::None, progress)?;
        figures.push(Figures::new(PLAIN, elapsed, None));
        Ok((figures, missed))
    }

    /// A build from the store, and another one after it, which should have nothing to do.
    fn warm(
        &self,
        name: &'static str,
        place: &Path,
        cold: &[Record],
        records: &mut Records,
        progress: &Progress,
    ) -> Result<(Figures, Vec<Unserved>), Failure> {
        let what = if name == WARM { "warm build" } else { "warm build in a second checkout" };
        let elapsed = self.build(what, place, Wrapper::Kache, progress)?;
        let built = records.read_new()?;
        let mut figures = Figures::new(name, elapsed, Some(&built));
        self.build("rebuild without changes", place, Wrapper::Kache, progress)?;
        if let Some(units) = &mut figures.units {
            units.n_units_again = records.read_new()?.len();
        }
        Ok((figures, unserved(name, &built, cold)))
    }

    fn build(
        &self,
        what: &str,
        place: &Path,
        wrapper: Wrapper,
        progress: &Progress,
    ) -> Result<Duration, Failure> {
        progress.step(&format!("Running the {what}"));
        let mut n_packages = 0;
        let (cwd, target) = (self.workspace.dir(place), self.workspace.target(place));
        let call = BuildCall { args: self.args, cwd: &cwd, target: &target, wrapper };
        let built = self.cargo.build(&call, self.aftermath, &mut |line| {
            if ["Compiling ", "Checking "].iter().any(|verb| line.trim_start().starts_with(verb)) {
                n_packages += 1;
                progress.detail(&format!("Running the {what}: {n_packages} packages"));
            }
        })?;
        if built.success {
            return Ok(built.elapsed);
        }
        progress.suspend(|| terminal::say(built.said));
        let failure = Failure::new(format_args!("the {what} failed; see the output of cargo above"))
            .code(ErrorCode::BuildFailed);
        Err(failure.hint(match &self.workspace.not_fetched {
            Some(why) => {
                format!("run `cargo fetch` with network access to download the dependencies; it failed here: {why}")
            }
            None => {
                "`kache try` builds a copy, without version control data and without files outside the workspace \
                     and its dependencies"
                    .to_owned()
            }
        }))
    }
}

fn remove(dir: &Path) -> Result<(), Failure> {
    fs::remove_dir_all(dir).map_err(|e| crate::cli::trial::copy::about(dir, "cannot be removed", &e))
}
