//! `kache sync`: transfers entries between the store and the remote, without a daemon.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::cli::exit::{ErrorCode, Exit, Failure};
use crate::cli::harvest;
use crate::cli::progress::Progress;
use crate::cli::session::{Report, Session};
use crate::config::units::format_bytes;
use crate::config::{Config, RemoteSecrets};
use crate::remote::backend::RemoteError;
use crate::remote::builds::{self, BuildPlan};
use crate::remote::connect::{self, Connected, NotConnected, connect};
use crate::remote::failures::{Cause, CauseReport};
use crate::remote::layers::meter::Requests;
use crate::remote::layout::PackName;
use crate::remote::queue::{self, Queue};
use crate::remote::sync::{self, Plan, Selection, Transferred};
use crate::remote::workspace::{NoWorkspace, Workspace};
use crate::report::format::Format;
use crate::report::words::counted;
use crate::store::Store;
use crate::sys::lock::FileLock;

/// The arguments.
#[derive(clap::Args)]
#[command(after_help = "\
Without --pull and --push, it does both, as far as `cache.remote.access` allows. It transfers what the workspace in the \
current directory can use: the packages in its Cargo.lock, compiled by its toolchain, and what its builds consisted of.")]
pub struct Args {
    /// Fetch entries from the remote
    #[arg(long)]
    pull: bool,
    /// Send entries to the remote
    #[arg(long)]
    push: bool,
    /// Transfer everything, not only what this workspace can use
    #[arg(long)]
    all: bool,
    /// Show what would be transferred, without transferring anything
    #[arg(long, visible_alias = "check")]
    dry_run: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// How long to wait for a daemon that is sending what is queued.
const QUEUE_LIMIT: Duration = Duration::from_secs(60);

/// Plans a sync, and carries it out.
pub fn run(args: &Args, session: &Session<'_>) -> Result<Exit, Failure> {
    if !args.dry_run {
        session.refuse_root_for_another()?;
    }
    let config = session.config()?;
    let connected = connected(&config, session)?;
    let cache_dir = &config.cache_dir.value;
    session.note_obstacles(cache_dir);
    let store = Store::configured(&config);
    let (pulls, pushes) = directions(args, &config)?;
    let selection = selection(args.all, &store, session)?;
    if pushes && !args.dry_run && config.seed.value {
        // A process in the background may not have come to it yet. Without a build here there is nothing to keep.
        let _ = harvest::harvest_last(&harvest::target_dir(None, session.env), &store);
    }
    let (plan, builds) = plan(&connected, &store, &selection, (pulls, pushes))?;
    plan.problems.iter().for_each(|problem| session.note(problem));
    if args.dry_run {
        return report(args, &connected, (&plan, &builds), None, session);
    }
    let pulled = pulls.then(|| {
        with_progress("Fetching entries", plan.pull.iter().map(|(_, n)| *n), |on_progress| {
            let mut transferred = sync::pull(&store, &connected, &plan, on_progress);
            // Behind the entries that they name.
            builds::pull(&store, &connected, &builds.pull, &mut transferred);
            transferred
        })
    });
    let queue = Queue::at(cache_dir);
    let held = if pushes && queue.has_begun() { hold(&queue, session) } else { None };
    let pushed = pushes.then(|| {
        with_progress("Sending entries", plan.push.iter().map(|(_, n)| *n), |on_progress| {
            let mut transferred = sync::push(&store, &connected, &selection, &plan, on_progress);
            builds::push(&store, &connected, &builds.push, &mut transferred);
            if held.is_some() {
                flush(&queue, &store, &connected, &mut transferred, session);
            }
            transferred
        })
    });
    drop(held);
    report(args, &connected, (&plan, &builds), Some((pulled, pushed)), session)
}

/// The remote of the configuration.
pub fn connected(config: &Config, session: &Session<'_>) -> Result<Connected, Failure> {
    let secrets = RemoteSecrets::from_env(&|name| session.env.get(name).map(Into::into));
    let remote = config.remote.as_deref().ok_or_else(|| not_connected(&NotConnected::NotConfigured))?;
    connect(remote, &secrets).map_err(|e| not_connected(&e))
}

fn not_connected(error: &NotConnected) -> Failure {
    let failure = match error {
        NotConnected::Remote(_) => Failure::new(error),
        _ => Failure::usage(error),
    };
    failure.code(ErrorCode::RemoteUnusable).hint(error.hint())
}

/// The failure of a command because of the remote.
pub fn failed(error: &RemoteError) -> Failure {
    Failure::new(error).code(ErrorCode::RemoteUnusable).hint(connect::hint(error.kind))
}

/// Whether to pull and to push.
fn directions(args: &Args, config: &Config) -> Result<(bool, bool), Failure> {
    let access = config.remote.as_ref().map(|remote| remote.access.clone());
    let access = access.ok_or_else(|| not_connected(&NotConnected::NotConfigured))?;
    if !args.pull && !args.push {
        return Ok((access.value.can_read(), access.value.can_write()));
    }
    let is_forbidden = args.pull && !access.value.can_read() || args.push && !access.value.can_write();
    if is_forbidden {
        let error = format!("the remote is {}, as {} says", access.value.name(), access.source);
        return Err(Failure::usage(error).code(ErrorCode::RemoteUnusable));
    }
    Ok((args.pull, args.push))
}

fn selection(all: bool, store: &Store, session: &Session<'_>) -> Result<Selection, Failure> {
    if all {
        return Ok(Selection::All);
    }
    let dir = session.env.cwd.as_deref().ok_or_else(|| Failure::usage("the current directory is gone"))?;
    match Workspace::find(dir, session.env, &store.machine_dir()) {
        Ok(workspace) => Ok(Selection::Of(workspace)),
        Err(e @ NoWorkspace::NoLockFile(_)) => Err(Failure::usage(e)
            .hint("run it in a workspace, after `cargo generate-lockfile` if need be, or use --all")),
        Err(e) => Err(Failure::new(e)),
    }
}

/// Locks the queue of uploads. A daemon that is sending comes to an end soon; if it does not, or the queue cannot be locked,
/// that is said.
fn hold(queue: &Queue, session: &Session<'_>) -> Option<FileLock> {
    let until = Instant::now() + QUEUE_LIMIT;
    loop {
        match queue.lock() {
            Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(50)),
            Ok(Some(lock)) => return Some(lock),
            Ok(None) => {
                session.note(&format!(
                    "{} still queued: another process has been sending for more than {} s, and goes on",
                    objects_are(queue.pending().len()),
                    QUEUE_LIMIT.as_secs()
                ));
                return None;
            }
            Err(e) => {
                session.note(&format!("what is queued for the remote is not sent: {e}"));
                return None;
            }
        }
    }
}

/// Sends what the daemon would have sent, of this workspace or of others, and says what is left.
fn flush(
    queue: &Queue,
    store: &Store,
    connected: &Connected,
    transferred: &mut Transferred,
    session: &Session<'_>,
) {
    if transferred.failures.ends() {
        let n_left = queue.pending().len();
        if n_left > 0 {
            session
                .note(&format!("{} still queued, because the transfers before failed", objects_are(n_left)));
        }
        return;
    }
    match queue::flush(queue, store, connected, connected.n_at_a_time, true) {
        Ok(flushed) => {
            flushed.said_of_dropped().iter().for_each(|said| session.note(said));
            if flushed.n_left > 0 {
                let n_left = usize::try_from(flushed.n_left).unwrap_or(usize::MAX);
                session.note(&format!("{} still queued", objects_are(n_left)));
            }
            flushed.failure.iter().for_each(|failure| transferred.failures.add(failure));
        }
        Err(e) => session.note(&format!("the queue of uploads cannot be written: {e}")),
    }
}

fn objects_are(n: usize) -> String {
    format!("{} {}", counted(n, "object"), if n == 1 { "is" } else { "are" })
}

/// Looks at both sides.
fn plan(
    connected: &Connected,
    store: &Store,
    selection: &Selection,
    (pulls, pushes): (bool, bool),
) -> Result<(Plan, BuildPlan), Failure> {
    let progress = Progress::short("Listing the remote");
    let there = sync::list(&*connected.remote, selection, connected.n_at_a_time).map_err(|e| failed(&e))?;
    let compiler = match selection {
        Selection::All => None,
        Selection::Of(workspace) => Some(&workspace.rustc),
    };
    let builds = builds::list(&*connected.remote, &connected.namespace, compiler).map_err(|e| failed(&e))?;
    progress.step("Reading the store");
    let mut plan = Plan::default();
    if pulls {
        plan.add_pull(store, selection, &there);
    }
    if pushes {
        plan.add_push(store, selection, &there);
    }
    Ok((plan, BuildPlan::new(store, selection, &builds, (pulls, pushes))))
}

/// Does something with a bar that shows how much of `sizes` is done.
fn with_progress<T>(
    what: &str,
    sizes: impl Iterator<Item = u64>,
    act: impl FnOnce(sync::OnProgress<'_>) -> T,
) -> T {
    let total: u64 = sizes.sum();
    if total == 0 {
        return act(&|_| {});
    }
    let progress = Progress::long_bytes(what);
    let done = AtomicU64::new(0);
    act(&|n_bytes| {
        let done = done.fetch_add(n_bytes, Ordering::Relaxed) + n_bytes;
        progress.set_bytes(done, total);
    })
}

/// What was transferred, or would be.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SyncReport {
    format: Format<1>,
    dry_run: bool,
    /// The bucket or folder.
    remote: String,
    /// Whose entries are believed.
    believes: String,
    pull: Planned,
    push: Planned,
    /// After a dry run, absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pulled: Option<Direction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pushed: Option<Direction>,
    requests: Requests,
}

impl Report for SyncReport {}

/// What one direction has to do.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Planned {
    /// Entries to transfer.
    n_entries: usize,
    /// When pulling, the size of packs; when pushing, that of blobs.
    bytes: u64,
    /// Entries that the other side has already.
    n_present: usize,
    /// Manifests of builds to transfer.
    n_builds: usize,
}

/// What one direction did.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Direction {
    n_entries: usize,
    /// Bytes that were transferred.
    bytes: u64,
    /// Manifests of builds that were transferred.
    n_builds: usize,
    /// Entries that another machine sent meanwhile.
    n_existed: usize,
    /// Entries of compilers that this workspace does not use.
    n_others: usize,
    /// Entries that cannot be transferred, by reason.
    skipped: BTreeMap<String, usize>,
    /// Packs that were not accepted.
    refused: Vec<RefusedPack>,
    /// Manifests that were not accepted.
    refused_builds: Vec<RefusedBuild>,
    /// Why transfers failed, each cause once.
    failures: Vec<CauseReport>,
    /// Transfers that were not tried after a failure that would have occurred again.
    n_not_tried: usize,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RefusedPack {
    key: String,
    package: String,
    version: String,
    why: String,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RefusedBuild {
    id: String,
    why: String,
}

impl Direction {
    fn new(transferred: &Transferred) -> Direction {
        let refused = |(pack, why): &(PackName, String)| RefusedPack {
            key: pack.key.to_hex(),
            package: pack.package.clone(),
            version: pack.version.clone(),
            why: why.clone(),
        };
        let causes = transferred.failures.causes().iter();
        Direction {
            n_entries: transferred.n_done,
            bytes: transferred.packed_bytes,
            n_builds: transferred.n_builds,
            n_existed: transferred.n_existed,
            n_others: transferred.n_others,
            skipped: transferred.skipped.clone(),
            refused: transferred.refused.iter().map(refused).collect(),
            refused_builds: transferred
                .refused_builds
                .iter()
                .map(|(name, why)| RefusedBuild { id: name.id.to_hex(), why: why.clone() })
                .collect(),
            failures: causes.map(|cause| cause.report(connect::hint(cause.kind))).collect(),
            n_not_tried: transferred.n_not_tried,
        }
    }
}

fn report(
    args: &Args,
    connected: &Connected,
    (plan, builds): (&Plan, &BuildPlan),
    done: Option<(Option<Transferred>, Option<Transferred>)>,
    session: &Session<'_>,
) -> Result<Exit, Failure> {
    let pull_bytes = plan.pull.iter().map(|(_, n_bytes)| *n_bytes).sum();
    let push_bytes = plan.push.iter().map(|(_, n_bytes)| *n_bytes).sum();
    if args.json {
        let (pulled, pushed) =
            done.as_ref().map_or((None, None), |(pulled, pushed)| (pulled.as_ref(), pushed.as_ref()));
        session.print_json(&SyncReport {
            format: Format,
            dry_run: args.dry_run,
            remote: connected.remote.place(),
            believes: connect::believed(&connected.trust),
            pull: Planned {
                n_entries: plan.pull.len(),
                bytes: pull_bytes,
                n_present: plan.n_here,
                n_builds: builds.pull.len(),
            },
            push: Planned {
                n_entries: plan.push.len(),
                bytes: push_bytes,
                n_present: plan.n_there,
                n_builds: builds.push.len(),
            },
            pulled: pulled.map(Direction::new),
            pushed: pushed.map(Direction::new),
            requests: connected.meter.read(),
        })?;
    }
    let Some((pulled, pushed)) = done else {
        if !args.json {
            session.print(format!(
                "Would fetch {} ({}) and {} of builds from {}, and send up to {} ({} before compression) and {}.\n",
                counted(plan.pull.len(), "entry"),
                format_bytes(pull_bytes),
                counted(builds.pull.len(), "manifest"),
                connected.remote.place(),
                counted(plan.push.len(), "entry"),
                format_bytes(push_bytes),
                counted(builds.push.len(), "manifest"),
            ))?;
        }
        return Ok(Exit::Ok);
    };
    if !args.json {
        let mut text = String::new();
        if let Some(pulled) = &pulled {
            text +=
                &said("Fetched", "from", &connected.remote.place(), pulled, plan.n_here, "were here already");
        }
        if let Some(pushed) = &pushed {
            text +=
                &said("Sent", "to", &connected.remote.place(), pushed, plan.n_there, "were there already");
        }
        session.print(text)?;
    }
    let transfers: Vec<&Transferred> = pulled.iter().chain(&pushed).collect();
    for transferred in &transfers {
        note_refused(transferred, session);
    }
    match failure(&transfers) {
        Some(failure) => Err(failure),
        None => Ok(Exit::Ok),
    }
}

/// A line on one direction.
fn said(
    verb: &str,
    preposition: &str,
    place: &str,
    transferred: &Transferred,
    n_present: usize,
    present: &str,
) -> String {
    let mut text = format!(
        "{verb} {} ({}) {preposition} {place}",
        counted(transferred.n_done, "entry"),
        format_bytes(transferred.packed_bytes)
    );
    let n_present = n_present + transferred.n_existed;
    if n_present > 0 {
        text += &format!("; {n_present} {present}");
    }
    if transferred.n_others > 0 {
        text += &format!("; {} of other compilers not sent", counted(transferred.n_others, "entry"));
    }
    if transferred.n_builds > 0 {
        text += &format!("; {} of builds", counted(transferred.n_builds, "manifest"));
    }
    for (why, n) in &transferred.skipped {
        text += &format!("; {n} skipped, because {why}");
    }
    text + ".\n"
}

/// The first few packs that were not accepted.
fn note_refused(transferred: &Transferred, session: &Session<'_>) {
    const MOST_SAID: usize = 3;
    for (pack, why) in transferred.refused.iter().take(MOST_SAID) {
        session.note(&format!("ignored the pack of {} {} in the remote: {why}", pack.package, pack.version));
    }
    for (_, why) in transferred.refused_builds.iter().take(MOST_SAID) {
        session.note(&format!("ignored the manifest of a build in the remote: {why}"));
    }
    let n_more = transferred.refused.len().saturating_sub(MOST_SAID);
    if n_more > 0 {
        session.note(&format!("ignored {n_more} more packs"));
    }
}

/// The failure of the command, if a transfer failed: each cause with what to do about it.
fn failure(transfers: &[&Transferred]) -> Option<Failure> {
    const MOST_SAID: usize = 5;
    let causes: Vec<&Cause> = transfers.iter().flat_map(|it| it.failures.causes()).collect();
    let first = causes.first()?;
    let said = |cause: &&Cause| {
        let hint = if causes.len() > 1 { format!("; {}", connect::hint(cause.kind)) } else { String::new() };
        // Of one object, which it is may say more than why.
        let why = if cause.n_failures == 1 { &cause.first } else { &cause.why };
        format!("{} failed: {why}{hint}", counted(cause.n_failures, "transfer"))
    };
    let mut errors: Vec<String> = causes.iter().take(MOST_SAID).map(said).collect();
    if causes.len() > MOST_SAID {
        errors.push(format!("{} more with --json", counted(causes.len() - MOST_SAID, "cause")));
    }
    let n_not_tried: usize = transfers.iter().map(|it| it.n_not_tried).sum();
    if n_not_tried > 0 {
        let n = counted(n_not_tried, "transfer");
        errors.push(format!("{n} not tried: they would have failed too"));
    }
    let failure = Failure::several(ErrorCode::RemoteUnusable, errors);
    Some(if causes.len() > 1 { failure } else { failure.hint(connect::hint(first.kind)) })
}
