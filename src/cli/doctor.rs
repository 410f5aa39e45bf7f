//! `kache doctor`: looks at everything, and puts right what it can.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::cli::changes;
use crate::cli::completions::{self, Shell};
use crate::cli::exit::{Exit, Failure};
use crate::cli::session::Session;
use crate::cli::terminal;
use crate::config::units::format_bytes;
use crate::setup::doctor::examine::{ALL, Examined, ONLINE, ONLINE_LIMIT, examine};
use crate::setup::doctor::finding::Fix;
use crate::setup::doctor::machine::{LIMIT, Machine, Page};
use crate::setup::doctor::repair::Repair;
use crate::setup::doctor::show;
use crate::setup::doctor::upkeep::{keep_up, rebuild_index};
use crate::setup::doctor::verify::{self, Verified};
use crate::setup::plan::Journal;
use crate::setup::proof;
use crate::setup::sccache::purge;
use crate::sys::env::Env;
use crate::sys::fs;

/// The arguments.
#[derive(clap::Args)]
#[command(
    after_help = "Exit codes:\n  0  all is well\n  1  there are problems\n  2  it could not be looked at, or --fix --check \
                  found something to put right\n  4  another process is at it; nothing was done"
)]
pub struct Args {
    /// Put right what can be, after showing what would be done
    #[arg(long)]
    fix: bool,
    /// Change files of the repository here as well, where they set sccache
    #[arg(long, requires = "fix")]
    project: bool,
    /// Remove sccache's own cache from this disk as well
    #[arg(long, requires = "fix")]
    purge_sccache: bool,
    /// Do it without asking
    #[arg(short, long, requires = "fix")]
    yes: bool,
    /// Show what would be put right, and do nothing; ends with 2 if there is something
    #[arg(long, visible_alias = "dry-run", requires = "fix", conflicts_with = "yes")]
    check: bool,
    /// Read the whole store again, and take out of service what is not as it was stored
    #[arg(long, conflicts_with = "fix")]
    verify: bool,
    /// Make the index anew from the store
    #[arg(long, conflicts_with_all = ["fix", "verify"])]
    rebuild_index: bool,
    /// Ask for the newest release as well; nothing else leaves this machine
    #[arg(long)]
    online: bool,
    /// Print what to send along with a report of a defect: without the names of the user, the home and the project
    #[arg(long, conflicts_with_all = ["fix", "verify", "rebuild_index", "json"])]
    report: bool,
    /// Print one JSON object instead of text; asks nothing, so --fix then goes with -y or --check
    #[arg(long)]
    json: bool,
}

/// Rounds of fixes: one may be needed before the next can be planned.
const MOST_ROUNDS: usize = 3;

#[derive(Serialize)]
struct DoctorReport {
    format: u32,
    is_well: bool,
    /// What `--fix` did, for people.
    fixed: Vec<String>,
    findings: Vec<show::Row>,
}

/// Looks, and does what was asked for.
pub fn run(args: &Args, definition: &clap::Command, session: &Session<'_>) -> Result<Exit, Failure> {
    if (args.fix && !args.check) || args.verify || args.rebuild_index {
        session.refuse_root_for_another()?;
    }
    if args.verify {
        return verify_store(args, session);
    }
    if args.rebuild_index {
        let cache_dir = session.config()?.cache_dir.value;
        let said = rebuild_index(&cache_dir).map_err(Failure::new)?;
        session.print(&format!("{said}\n"))?;
        return Ok(Exit::Ok);
    }
    if args.fix && args.json && !args.yes && !args.check {
        let failure = Failure::usage(vec!["--json asks nothing".to_owned()]);
        return Err(failure.hint("--fix --json goes with -y or --check"));
    }
    let mut fixed = Vec::new();
    let pages = pages(definition);
    let (mut machine, mut examined) = look(args, &pages, session.env)?;
    if args.check && would_fix(args, session, &machine, &mut examined)? {
        return Ok(Exit::CHANGES_NEEDED);
    }
    if args.fix && !args.check {
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
        session.print(&show::report(&examined, &machine))?;
    } else if args.json {
        session.print_json(&DoctorReport { format: 1, is_well, fixed, findings: show::rows(&examined) })?;
    } else {
        session.print(&format!("{}\n{}", show::text(&examined), show::summary(&examined)))?;
    }
    Ok(if is_well { Exit::Ok } else { Exit::Failed })
}

fn look(args: &Args, pages: &[Page], env: &Env) -> Result<(Arc<Machine>, Vec<Examined>), Failure> {
    let mut machine = Machine::this(env).map_err(|e| {
        let error = format!("where this program is cannot be told: {e}");
        Failure::usage(vec![error])
    })?;
    machine.pages = pages.to_vec();
    machine.with_project = args.project;
    let machine = Arc::new(machine);
    let mut examined = examine(&machine, ALL, LIMIT);
    if args.online {
        examined.extend(examine(&machine, ONLINE, ONLINE_LIMIT));
    }
    Ok((machine, examined))
}

/// What shells complete by, and where installers put that.
fn pages(definition: &clap::Command) -> Vec<Page> {
    let page = |place, shell| Page { place, text: completions::script(shell, definition.clone()) };
    vec![
        page("bash-completion/completions/kache", Shell::Bash),
        page("zsh/site-functions/_kache", Shell::Zsh),
        page("fish/vendor_completions.d/kache.fish", Shell::Fish),
        page("config/fish/completions/kache.fish", Shell::Fish),
        page("config/nushell/autoload/kache-completions.nu", Shell::Nushell),
        page("kache/completions/kache.ps1", Shell::PowerShell),
    ]
}

/// Shows what would be put right. Answers whether there is something. Programs get the findings, which say it of each.
fn would_fix(
    args: &Args,
    session: &Session<'_>,
    machine: &Machine,
    examined: &mut [Examined],
) -> Result<bool, Failure> {
    let (rows, is_well) = (show::rows(examined), !show::has_problem(examined));
    let repair = Repair::of(examined, &mut |_, _| Ok::<_, Failure>(true))?;
    let caches = if args.purge_sccache { machine.sccache().caches } else { Vec::new() };
    let (kept, removed): (Vec<_>, Vec<_>) =
        caches.into_iter().partition(|dir| purge::refusal(dir, session.env).is_some());
    if repair.is_empty() && removed.is_empty() {
        return Ok(false);
    }
    if args.json {
        session.print_json(&DoctorReport { format: 1, is_well, fixed: Vec::new(), findings: rows })?;
        return Ok(true);
    }
    let shown = removed
        .iter()
        .map(|dir| format!("Remove {} ({}) for good\n", dir.display(), format_bytes(purge::disk_bytes(dir))));
    session.print(&format!("{}{}", repair.text(), shown.collect::<String>()))?;
    let refusals = kept.iter().filter_map(|dir| purge::refusal(dir, session.env));
    refusals.chain(repair.by_hand).for_each(|note| session.note(&note));
    Ok(true)
}

/// One round. Answers whether something was done.
fn fix(
    args: &Args,
    session: &Session<'_>,
    machine: &Machine,
    examined: &mut [Examined],
    fixed: &mut Vec<String>,
) -> Result<bool, Failure> {
    let mut is_wanted = |fix: &Fix, question: &str| {
        if !args.yes {
            session.print(&Repair::alone(fix).text())?;
        }
        agreed(args, question)
    };
    let repair = Repair::of(examined, &mut is_wanted)?;
    if repair.is_empty() {
        return Ok(false);
    }
    let Some(journal) = Journal::of(session.env) else {
        let error = "there is no home directory to note changes in".to_owned();
        return Err(Failure::usage(vec![error]).hint("set HOME"));
    };
    if !args.json {
        session.print(&format!("{}\n", repair.text()))?;
    }
    if !agreed(args, "Go on?")? {
        session.note("nothing was done");
        return Ok(false);
    }
    journal.recover().map_err(changes::not_applied)?.iter().for_each(|said| session.note(said));
    if !repair.plan.is_empty() {
        let worked = proof::cargo_works(session.env);
        let mut proof = || proof::prove_works(session.env, worked);
        journal.apply(&repair.plan, &mut proof).map_err(changes::not_applied)?;
        fixed.extend(repair.plan.actions.iter().map(|action| action.title.clone()));
    }
    let mut is_done = !repair.plan.is_empty();
    for upkeep in &repair.upkeep {
        match keep_up(upkeep, machine) {
            Ok(said) => {
                fixed.push(said);
                is_done = true;
            }
            // The others do not depend on it, and what is still wrong is shown at the end.
            Err(why) => session.note(&why),
        }
    }
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
        let error = "there is nobody to ask, so nothing was done".to_owned();
        return Err(
            Failure::usage(vec![error]).hint("-y does it without asking; without --fix it is only shown")
        );
    }
    changes::ask(question)
}

fn purge_sccache(
    args: &Args,
    session: &Session<'_>,
    machine: &Machine,
    fixed: &mut Vec<String>,
) -> Result<(), Failure> {
    let caches = machine.sccache().caches;
    if caches.is_empty() {
        session.note("there is no cache of sccache on this disk");
    }
    for dir in caches {
        if let Some(why) = purge::refusal(&dir, session.env) {
            session.note(&why);
            continue;
        }
        let size = format_bytes(purge::disk_bytes(&dir));
        if agreed(args, &format!("Remove {} ({size})? It cannot be taken back.", dir.display()))? {
            fs::remove_dir_all(&dir).map_err(|e| Failure::new(format_args!("{}: {e}", dir.display())))?;
            fixed.push(format!("{} ({size}) was removed", dir.display()));
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct VerifyReport<'a> {
    format: u32,
    is_sound: bool,
    #[serde(flatten)]
    verified: &'a Verified,
}

fn verify_store(args: &Args, session: &Session<'_>) -> Result<Exit, Failure> {
    let cache_dir = session.config()?.cache_dir.value;
    let shows = terminal::shows_progress();
    let shown = AtomicU64::new(u64::MAX);
    let progress = |read: u64, total: u64| {
        let percent = (read * 100).checked_div(total).unwrap_or(100);
        if shows && shown.swap(percent, Ordering::Relaxed) != percent {
            let (read, total) = (format_bytes(read), format_bytes(total));
            terminal::replace_line(&format!("{percent:>3} % of {total} read ({read})"));
        }
    };
    let verified = verify::verify(&cache_dir, &progress);
    if shows {
        terminal::say("\n");
    }
    let is_sound = verified.is_sound();
    if args.json {
        session.print_json(&VerifyReport { format: 1, is_sound, verified: &verified })?;
    } else {
        session.print(&said(&verified))?;
    }
    Ok(if is_sound { Exit::Ok } else { Exit::Failed })
}

fn said(verified: &Verified) -> String {
    let Verified { n_blobs, n_entries, n_orphans, bytes, .. } = verified;
    let mut text = format!("{n_blobs} blobs ({}) and {n_entries} entries were read.\n", format_bytes(*bytes));
    let mut list = |what: &str, names: &[String]| {
        if !names.is_empty() {
            text += &format!("{}: {what}\n", names.len());
            text += &names.iter().take(5).map(|name| format!("    {name}\n")).collect::<String>();
        }
    };
    list("blobs were not what was stored, and are out of service", &verified.altered);
    list("entries cannot be read; `kache gc` removes them", &verified.damaged_entries);
    list("entries lack a blob, and are compiled again when they are needed", &verified.incomplete_entries);
    list("could not be read", &verified.problems);
    if *n_orphans > 0 {
        text += &format!(
            "{n_orphans} blobs are needed by no entry; `kache gc` removes them when they are old.\n"
        );
    }
    text + if verified.is_sound() { "The store is sound.\n" } else { "" }
}
