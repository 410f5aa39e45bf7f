//! `kache doctor`: checks the installation and fixes problems. Changes nothing without `--fix`, `--verify` or
//! `--rebuild-index`.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::cli::changes;
use crate::cli::completions::{self, Shell};
use crate::cli::exit::{ErrorCode, Exit, Failure};
use crate::cli::progress::Progress;
use crate::cli::prompt;
use crate::cli::session::{Report, Session};
use crate::cli::terminal;
use crate::config::units::format_bytes;
use crate::index::open;
use crate::report::format::Format;
use crate::report::text::Text;
use crate::report::words::counted;
use crate::setup::doctor::check::Check;
use crate::setup::doctor::examine::{ALL, Examined, ONLINE, ONLINE_LIMIT, examine};
use crate::setup::doctor::machine::{LIMIT, Machine, Page};
use crate::setup::doctor::repair::Repair;
use crate::setup::doctor::show;
use crate::setup::doctor::upkeep::keep_up;
use crate::setup::doctor::verify::{self, Verified};
use crate::setup::plan::Journal;
use crate::setup::proof;
use crate::setup::sccache::purge;
use crate::sys::env::Env;
use crate::sys::fs;

/// The arguments.
#[derive(clap::Args)]
#[command(
    after_help = "Exit codes:\n  0  no problems\n  1  problems found\n  2  the checks could not run, or --fix --dry-run \
                  found something to fix\n  4  busy: another kache process is running; nothing was done"
)]
pub struct Args {
    /// Fix problems, after showing the changes
    #[arg(long)]
    fix: bool,
    /// Also change files of the current repository that configure sccache
    #[arg(long, requires = "fix")]
    project: bool,
    /// Also remove the local cache of sccache
    #[arg(long, requires = "fix")]
    purge_sccache: bool,
    /// Apply the changes without asking
    #[arg(short, long, requires = "fix")]
    yes: bool,
    /// Show the fixes without making them; exit with 2 if there are any
    #[arg(long, visible_alias = "check", requires = "fix")]
    dry_run: bool,
    /// Verify the content of the whole store, and quarantine what was altered
    #[arg(long, conflicts_with = "fix")]
    verify: bool,
    /// Rebuild the index from the store
    #[arg(long, conflicts_with_all = ["fix", "verify"])]
    rebuild_index: bool,
    /// Also check for a newer release, and whether the remote can be used; only this uses the network
    #[arg(long)]
    online: bool,
    /// Print a report for bug reports, without the names of the user, home directory and project
    #[arg(long, conflicts_with_all = ["fix", "verify", "rebuild_index", "json"])]
    report: bool,
    /// Show all checks, not only notes and problems
    #[arg(short, long, conflicts_with_all = ["verify", "rebuild_index", "json"])]
    verbose: bool,
    /// Print one JSON object instead of text; with --fix, requires -y or --dry-run
    #[arg(long)]
    json: bool,
}

/// At most this many rounds of fixes: a fix may be needed before the next can be planned.
const MOST_ROUNDS: usize = 3;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DoctorReport {
    format: Format<1>,
    is_well: bool,
    /// What `--fix` did, for people.
    fixed: Vec<String>,
    findings: Vec<show::Row>,
}

impl Report for DoctorReport {}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RebuildReport {
    format: Format<1>,
    n_entries: usize,
    /// What could not be read.
    notes: Vec<String>,
}

impl Report for RebuildReport {}

/// Runs the checks, and fixes problems if asked to.
pub fn run(args: &Args, definition: &clap::Command, session: &Session<'_>) -> Result<Exit, Failure> {
    if (args.fix && !args.dry_run) || args.verify || args.rebuild_index {
        session.refuse_root_for_another()?;
    }
    if args.verify {
        return verify_store(args, session);
    }
    if args.rebuild_index {
        return rebuild_index(args, session);
    }
    if args.fix && args.json && !args.yes && !args.dry_run {
        let failure = Failure::usage("--fix --json cannot ask for confirmation");
        return Err(failure.code(ErrorCode::ConfirmationRequired).hint("add -y or --dry-run"));
    }
    let mut fixed = Vec::new();
    let pages = pages(definition);
    let (mut machine, mut examined) = look(args, &pages, session.env)?;
    if args.dry_run && would_fix(args, session, &machine, &mut examined)? {
        return Ok(Exit::CHANGES_NEEDED);
    }
    if args.fix && !args.dry_run {
        for _ in 0..MOST_ROUNDS {
            if !fix(args, session, &machine, &mut examined, &mut fixed)? {
                break;
            }
            (machine, examined) = look(args, &pages, session.env)?;
        }
        if args.purge_sccache {
            purge_sccache(args, session, &machine, &mut fixed)?;
        }
        (machine, examined) = look(args, &pages, session.env)?;
    }
    let is_well = !show::has_problem(&examined);
    if args.report {
        session.print(show::report(&examined, &machine))?;
    } else if args.json {
        session.print_json(&DoctorReport {
            format: Format,
            is_well,
            fixed,
            findings: show::rows(&examined),
        })?;
    } else {
        session.print(findings(&examined, args.verbose))?;
    }
    Ok(if is_well { Exit::Ok } else { Exit::Failed })
}

fn look(args: &Args, pages: &[Page], env: &Env) -> Result<(Arc<Machine>, Vec<Examined>), Failure> {
    let mut machine = Machine::this(env).map_err(|e| Failure {
        exit: Exit::Usage,
        ..Failure::new(format_args!("failed to locate this program: {e}"))
    })?;
    machine.pages = pages.to_vec();
    machine.with_project = args.project;
    let machine = Arc::new(machine);
    let progress = Progress::short("Checking the installation");
    let mut examined = examine_each(&machine, ALL, LIMIT, &progress);
    if args.online {
        examined.extend(examine_each(&machine, ONLINE, ONLINE_LIMIT, &progress));
    }
    Ok((machine, examined))
}

/// Runs the checks, and shows which one is running.
fn examine_each(
    machine: &Arc<Machine>,
    checks: &[&'static dyn Check],
    limit: Duration,
    progress: &Progress,
) -> Vec<Examined> {
    let mut examined = Vec::new();
    for check in checks {
        progress.detail(&format!("Checking: {}", check.looks_at()));
        examined.extend(examine(machine, &[*check], limit));
    }
    examined
}

/// The findings for people.
fn findings(examined: &[Examined], is_verbose: bool) -> Text {
    let mut text = if is_verbose { show::verbose(examined) } else { show::brief(examined) };
    text.push("\n");
    text.append(show::summary_text(examined));
    if !is_verbose {
        text.push("`kache doctor -v` shows all checks.\n");
    }
    text
}

fn rebuild_index(args: &Args, session: &Session<'_>) -> Result<Exit, Failure> {
    let cache_dir = session.config()?.cache_dir.value;
    if fs::metadata(&cache_dir).is_err() {
        if args.json {
            session.print_json(&RebuildReport { format: Format, n_entries: 0, notes: Vec::new() })?;
        } else {
            session.print("there is no store, so there is no index\n")?;
        }
        return Ok(Exit::Ok);
    }
    let progress = Progress::short("Rebuilding the index");
    let rebuilt = open::rebuild(&cache_dir);
    drop(progress);
    let (n_entries, notes) =
        rebuilt.map_err(|e| Failure::new(format_args!("failed to rebuild the index: {e}")))?;
    if args.json {
        session.print_json(&RebuildReport { format: Format, n_entries, notes })?;
        return Ok(Exit::Ok);
    }
    session.print(format!("index rebuilt with {}\n", counted(n_entries, "entry")))?;
    notes.iter().for_each(|note| session.note(note));
    Ok(Exit::Ok)
}

/// The completions for each shell, and where installers put them.
fn pages(definition: &clap::Command) -> Vec<Page> {
    [
        ("bash-completion/completions/kache", Shell::Bash),
        ("zsh/site-functions/_kache", Shell::Zsh),
        ("fish/vendor_completions.d/kache.fish", Shell::Fish),
        ("config/fish/completions/kache.fish", Shell::Fish),
        ("config/nushell/autoload/kache-completions.nu", Shell::Nushell),
        ("kache/completions/kache.ps1", Shell::PowerShell),
    ]
    .map(|(place, shell)| Page { place, text: completions::script(shell, definition.clone()) })
    .into()
}

/// Shows what would be fixed, and returns whether anything would. With `--json`, each finding says it of itself.
fn would_fix(
    args: &Args,
    session: &Session<'_>,
    machine: &Machine,
    examined: &mut [Examined],
) -> Result<bool, Failure> {
    let (rows, is_well) = (show::rows(examined), !show::has_problem(examined));
    let repair = Repair::gather(examined, &mut |_, _| Ok::<_, Failure>(true))?;
    let caches = if args.purge_sccache { machine.sccache().caches } else { Vec::new() };
    let (kept, removed): (Vec<_>, Vec<_>) =
        caches.into_iter().partition(|dir| purge::refusal(dir, session.env).is_some());
    if repair.is_empty() && removed.is_empty() {
        return Ok(false);
    }
    if args.json {
        session.print_json(&DoctorReport { format: Format, is_well, fixed: Vec::new(), findings: rows })?;
        return Ok(true);
    }
    let mut text = repair.styled(true);
    for dir in &removed {
        let size = format_bytes(purge::disk_bytes(dir));
        text.push(format!("Remove {} ({size}) permanently\n", dir.display()));
    }
    session.print(text)?;
    for refusal in kept.iter().filter_map(|dir| purge::refusal(dir, session.env)) {
        session.note(&refusal);
    }
    for left in &repair.by_hand {
        session.note(left);
    }
    Ok(true)
}

/// One round of fixes. Returns whether anything was fixed.
fn fix(
    args: &Args,
    session: &Session<'_>,
    machine: &Machine,
    examined: &mut [Examined],
    fixed: &mut Vec<String>,
) -> Result<bool, Failure> {
    let repair = Repair::gather(examined, &mut |fix, question| {
        if !args.yes {
            session.print(Repair::alone(fix).styled(args.verbose))?;
        }
        agreed(args, question)
    })?;
    if repair.is_empty() {
        return Ok(false);
    }
    let Some(journal) = Journal::for_user(session.env) else {
        let error = "no home directory for the journal of changes".to_owned();
        return Err(Failure::usage(error).code(ErrorCode::WrongUser).hint("set HOME"));
    };
    if !args.json {
        let mut text = repair.styled(args.verbose);
        text.push("\n");
        session.print(text)?;
    }
    if !agreed(args, "Continue?")? {
        session.note("nothing was done");
        return Ok(false);
    }
    for note in journal.recover().map_err(changes::not_applied)? {
        session.note(&note);
    }
    let progress = Progress::short("Applying and verifying the fixes");
    if !repair.plan.is_empty() {
        let worked = proof::cargo_works(session.env);
        journal
            .apply(&repair.plan, &mut || Ok(proof::prove_works(session.env, worked)?))
            .map_err(changes::not_applied)?;
        fixed.extend(repair.plan.actions.iter().map(|action| action.title.clone()));
    }
    let mut is_done = !repair.plan.is_empty();
    for upkeep in &repair.upkeep {
        match keep_up(upkeep, machine) {
            Ok(said) => {
                fixed.push(said);
                is_done = true;
            }
            // The others do not depend on it, and remaining problems are shown at the end.
            Err(why) => progress.suspend(|| session.note(&why.to_string())),
        }
    }
    drop(progress);
    for left in &repair.by_hand {
        session.note(left);
    }
    Ok(is_done)
}

fn agreed(args: &Args, question: &str) -> Result<bool, Failure> {
    if args.yes {
        return Ok(true);
    }
    if !terminal::can_ask() {
        return Err(changes::no_confirmation());
    }
    prompt::confirm(question)
}

fn purge_sccache(
    args: &Args,
    session: &Session<'_>,
    machine: &Machine,
    fixed: &mut Vec<String>,
) -> Result<(), Failure> {
    let caches = machine.sccache().caches;
    if caches.is_empty() {
        session.note("no local cache of sccache found");
    }
    for dir in caches {
        if let Some(why) = purge::refusal(&dir, session.env) {
            session.note(&why);
            continue;
        }
        let size = format_bytes(purge::disk_bytes(&dir));
        if agreed(args, &format!("Remove {} ({size})? This cannot be undone.", dir.display()))? {
            fs::remove_dir_all(&dir)
                .map_err(|e| Failure::new(format_args!("failed to remove {}: {e}", dir.display())))?;
            fixed.push(format!("{} ({size}) was removed", dir.display()));
        }
    }
    Ok(())
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct VerifyReport<'a> {
    format: Format<1>,
    is_sound: bool,
    #[serde(flatten)]
    verified: &'a Verified,
}

impl Report for VerifyReport<'_> {}

fn verify_store(args: &Args, session: &Session<'_>) -> Result<Exit, Failure> {
    let cache_dir = session.config()?.cache_dir.value;
    let progress = Progress::long_bytes("Reading the store");
    let verified = verify::verify(&cache_dir, &|n_read, n_bytes| progress.set_bytes(n_read, n_bytes));
    drop(progress);
    let is_sound = verified.is_sound();
    if args.json {
        session.print_json(&VerifyReport { format: Format, is_sound, verified: &verified })?;
    } else {
        session.print(said(&verified))?;
    }
    Ok(if is_sound { Exit::Ok } else { Exit::Failed })
}

fn said(verified: &Verified) -> String {
    let Verified { n_blobs, n_entries, n_orphans, bytes, .. } = verified;
    let entries = counted(*n_entries, "entry");
    let mut text = format!("Read {} ({}) and {entries}.\n", counted(*n_blobs, "blob"), format_bytes(*bytes));
    for (what, names) in [
        ("blobs were altered, and are quarantined", &verified.altered),
        ("entries are damaged; `kache gc` removes them", &verified.damaged_entries),
        ("entries lack a blob, and are compiled again when needed", &verified.incomplete_entries),
        ("files could not be read", &verified.problems),
    ] {
        if !names.is_empty() {
            text += &format!("{}: {what}\n", names.len());
        }
        for name in names.iter().take(5) {
            text += &format!("    {name}\n");
        }
    }
    if *n_orphans > 0 {
        text +=
            &format!("{n_orphans} blobs belong to no entry; `kache gc` removes them when they are old.\n");
    }
    text + if verified.is_sound() { "The store is intact.\n" } else { "" }
}
