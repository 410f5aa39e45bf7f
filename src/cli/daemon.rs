//! `kache daemon`: shows the status of the daemon, starts and stops it, and installs it as a login service.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::cli::changes::ChangeOutcome;
use crate::cli::exit::{ErrorCode, Exit, Failure};
use crate::cli::progress::Progress;
use crate::cli::service_args::{InstallArgs, ServiceArgs, UninstallArgs};
use crate::cli::session::{Report, Session};
use crate::cli::system_service;
use crate::cli::table::Table;
use crate::client::{self, DaemonAddress, NoDaemon};
use crate::config::units::format_duration;
use crate::daemon::last_run::LastRun;
use crate::daemon::{binary, log, run, start};
use crate::protocol::VERSION;
use crate::protocol::build::Build;
use crate::protocol::message::{HANDOVER, ON_DEMAND, Preflight, Request, Response, Status};
use crate::report::format::Format;
use crate::report::text::{Style, Text};
use crate::report::words::counted;
use crate::setup::plan::{Journal, Plan};
use crate::setup::service::detect::{self, Choice, Platform};
use crate::setup::service::install;
use crate::setup::service::runner::SystemRunner;
use crate::setup::service::supervisor::Supervisor;
use crate::setup::wrapper_path;
use crate::sys::fs;

/// The arguments.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Run the daemon in the foreground
    Run(RunArgs),
    /// Show the status of the daemon (the default)
    Status {
        /// Print one JSON object instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Start the daemon, unless it is running
    Start {
        /// Start it only where a build may: not where a service does, or somebody stopped it
        #[arg(long, hide = true)]
        for_build: bool,
    },
    /// Stop the daemon, after it has sent what is queued for the remote
    Stop,
    /// Restart the daemon without dropping requests
    Restart,
    /// Install the daemon as a login service, and start it
    Install(InstallArgs),
    /// Stop the daemon, and remove the login service
    Uninstall(UninstallArgs),
    /// Print the end of the log
    Log {
        /// Number of lines
        #[arg(short = 'n', long = "lines", default_value_t = 50)]
        n_lines: usize,
    },
    /// Check that this binary can run here, and print its version
    #[command(hide = true)]
    Preflight,
}

#[derive(clap::Args)]
struct RunArgs {
    /// The supervisor that restarts the daemon
    #[arg(long, value_name = "WHO", value_parser = ["systemd", "launchd", "task", "openrc", "rc.d"], hide = true)]
    supervised: Option<String>,
    /// The path to watch for another version
    #[arg(long, value_name = "PATH", hide = true)]
    exe: Option<PathBuf>,
    /// The state handed over by the previous version
    #[arg(long, value_name = "JSON", hide = true)]
    handover: Option<String>,
}

/// How long to wait for an answer of the daemon.
const ASK_LIMIT: Duration = Duration::from_secs(5);
/// How long to wait until what is queued is sent. What is left stays queued.
const DRAIN_LIMIT: Duration = Duration::from_secs(120);
/// How long to wait for the daemon to exit.
const END_LIMIT: Duration = Duration::from_secs(15);

/// Runs the subcommand.
pub fn run(args: Args, session: &Session<'_>) -> Result<Exit, Failure> {
    let build = Build::current();
    match &args.action {
        // Root installs these for a service account.
        Some(Action::Install(InstallArgs { service, system: true, user: Some(user) })) => {
            return system_service::install(user, service, session);
        }
        Some(Action::Uninstall(UninstallArgs { service, system: true })) => {
            return system_service::uninstall(service, session);
        }
        None | Some(Action::Status { .. } | Action::Stop | Action::Log { .. } | Action::Preflight) => {}
        Some(_) => session.refuse_root_for_another()?,
    }
    if let Some(Action::Run(args)) = args.action {
        let RunArgs { supervised: supervisor, exe, handover } = args;
        run::run(session.env, run::Options { supervisor, exe, handover }).map_err(Failure::new)?;
        return Ok(Exit::Ok);
    }
    if let Some(Action::Preflight) = args.action {
        DaemonAddress::for_build(session.env, &build).map_err(Failure::new)?;
        // Read by a daemon that is about to hand over.
        let preflight = Preflight { build, protocol: VERSION, handover: HANDOVER };
        session.print_verbatim(&(serde_json::to_string_pretty(&preflight)? + "\n"))?;
        return Ok(Exit::Ok);
    }
    let place = DaemonAddress::for_build(session.env, &build).map_err(Failure::new)?;
    let command = DaemonCommand { session, place, build };
    match args.action {
        Some(Action::Start { for_build: true }) => command.start_for_build(),
        Some(Action::Start { for_build: false }) => command.start(),
        Some(Action::Stop) => command.stop(),
        Some(Action::Restart) => command.restart(),
        Some(Action::Install(args)) => command.install(&args.service),
        Some(Action::Uninstall(args)) => command.uninstall(&args.service),
        Some(Action::Log { n_lines }) => command.log(n_lines),
        Some(Action::Status { json }) => command.status(json),
        _ => command.status(args.json),
    }
}

const NO_DAEMON: &str = "\
The daemon is not running. Builds do not need it. `kache daemon start` starts it now, `kache daemon install` at every login.
";

/// The status of the daemon, for programs.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DaemonReport {
    format: Format<1>,
    is_running: bool,
    /// Absent if it is not running.
    #[serde(flatten)]
    status: Option<Status>,
}

impl Report for DaemonReport {}

impl DaemonReport {
    fn new(status: Option<Status>) -> DaemonReport {
        DaemonReport { format: Format, is_running: status.is_some(), status }
    }
}

struct DaemonCommand<'a> {
    session: &'a Session<'a>,
    place: DaemonAddress,
    build: Build,
}

impl DaemonCommand<'_> {
    fn ask(&self, request: &Request) -> Result<Response, NoDaemon> {
        let exe = binary::called(self.session.env).ok();
        let reply = client::ask(&self.place.endpoint, &self.build, request, exe.as_deref(), ASK_LIMIT)?;
        Ok(reply.answer)
    }

    fn status(&self, json: bool) -> Result<Exit, Failure> {
        match start::status(&self.place, &self.build) {
            Ok(status) if json => self.session.print_json(&DaemonReport::new(Some(status)))?,
            Ok(status) => self.session.print(status_text(&status))?,
            Err(NoDaemon::NotRunning) if !run::is_running(&self.place) => {
                if json {
                    self.session.print_json(&DaemonReport::new(None))?;
                } else {
                    self.session.print(NO_DAEMON)?;
                }
                return Ok(Exit::Failed);
            }
            Err(no) => return Err(self.unreachable(&no)),
        }
        Ok(Exit::Ok)
    }

    /// The failure for a daemon that is running but does not answer.
    fn unreachable(&self, why: &NoDaemon) -> Failure {
        let at = self.place.endpoint.path.display();
        let next = match why {
            NoDaemon::NoAnswer(_) | NoDaemon::NotKache => {
                "end the process that has it open, then run `kache daemon start`; "
            }
            _ => "",
        };
        let log = self.place.log.display();
        Failure::new(format_args!("{at}: {why}"))
            .code(ErrorCode::DaemonUnreachable)
            .hint(format!("{next}its log is {log}"))
    }

    fn start(&self) -> Result<Exit, Failure> {
        if let Ok(status) = start::status(&self.place, &self.build) {
            self.session.print(format!("The daemon is already running, as process {}.\n", status.pid))?;
            return Ok(Exit::Ok);
        }
        let _progress = Progress::short("Waiting for the daemon to start");
        if let Some(service) = self.installed_service()? {
            service.start(&SystemRunner).map_err(Failure::new)?;
            let status =
                start::wait_for_answer(&self.place, &self.build).map_err(|no| self.unreachable(&no))?;
            self.session.print(format!("Started by {}, as process {}.\n", service.name(), status.pid))?;
            return Ok(Exit::Ok);
        }
        let exe = binary::called(self.session.env)?;
        match start::on_demand(&self.place, &self.build, &exe, self.session.env) {
            Ok(status) => self.session.print(format!("Started, as process {}.\n", status.pid))?,
            Err(e) => {
                let path = &self.place.log;
                // Without the lines of earlier daemons, which would look like those of this one.
                let last = e.pid().map_or_else(|| log::tail(path, 5), |pid| log::tail_of(path, pid, 5));
                let last = last.unwrap_or_default().join("\n      ");
                let failure = Failure::new(e).code(ErrorCode::DaemonUnreachable);
                return Err(failure.hint(format!("the last of {}:\n      {last}", path.display())));
            }
        }
        Ok(Exit::Ok)
    }

    /// Starts the daemon because a build needs it. Nobody sees what this prints.
    fn start_for_build(&self) -> Result<Exit, Failure> {
        // A service starts it when it is to run.
        let is_of_service = Platform::detect(self.session.env, &SystemRunner).system_service.is_some()
            || self.installed_service()?.is_some();
        if is_of_service || !LastRun::read(&self.place.last_run).is_for_builds() {
            return Ok(Exit::Ok);
        }
        let exe = binary::called(self.session.env)?;
        start::on_demand(&self.place, &self.build, &exe, self.session.env).map_err(Failure::new)?;
        Ok(Exit::Ok)
    }

    /// The login service, if it is installed.
    fn installed_service(&self) -> Result<Option<Box<dyn Supervisor>>, Failure> {
        // A service that cannot be described is not installed.
        let Ok((Some(service), _)) = self.service() else { return Ok(None) };
        let status = service.status(&SystemRunner).unwrap_or_default();
        // A service that a package installed is unused until it is enabled.
        let is_ours = status.is_in_use() || service.foreign(&SystemRunner).is_none();
        Ok(if status.is_installed && is_ours { Some(service) } else { None })
    }

    /// The login service for this machine, installed or not, and how it was chosen.
    fn service(&self) -> Result<(Option<Box<dyn Supervisor>>, Choice), Failure> {
        let env = self.session.env;
        let choice = detect::choose(&Platform::detect(env, &SystemRunner));
        Ok((self.service_of(&choice)?, choice))
    }

    fn service_of(&self, choice: &Choice) -> Result<Option<Box<dyn Supervisor>>, Failure> {
        let called = binary::called(self.session.env)?;
        let exe = wrapper_path::lasting(&fs::canonical(&called)?, &called, self.session.env);
        detect::supervisor(choice, &exe, &self.build, self.session.env).map_err(Failure::new)
    }

    fn journal(&self) -> Result<Journal, Failure> {
        Journal::for_user(self.session.env)
            .ok_or_else(|| Failure::new("no home directory for the journal of changes").hint("set HOME"))
    }

    fn install(&self, args: &ServiceArgs) -> Result<Exit, Failure> {
        let (service, choice) = self.service()?;
        let Some(service) = service else { return self.no_service(choice, args) };
        let plans = service.install(&SystemRunner).map_err(Failure::new)?;
        let Some(plan) = plans.first().filter(|plan| !plan.is_empty()) else {
            let text = match service.foreign(&SystemRunner) {
                Some(path) => {
                    format!(
                        "Nothing to do: {} starts the daemon, as configured in {}.\n",
                        service.name(),
                        path.display()
                    )
                }
                None => format!("Nothing to do: {} starts the daemon, and it is running.\n", service.name()),
            };
            return args.say(ChangeOutcome::NothingToDo, &Plan::new(""), text, self.session);
        };
        if args.dry_run {
            return args.say(ChangeOutcome::ChangesNeeded, plan, plan.styled(true), self.session);
        }
        if !args.json {
            self.session.print(plan.styled(args.verbose))?;
        }
        let progress = Progress::short("Installing the service, and waiting for the daemon to start");
        install::install(&plans, &*service, &SystemRunner, &self.place, &self.build, &self.journal()?)
            .map_err(Failure::new)?;
        let status = start::status(&self.place, &self.build).map_err(|no| self.unreachable(&no))?;
        drop(progress);
        let by = service.name();
        let text =
            format!("\nThe daemon is running as process {}; {by} starts it at every login.\n", status.pid);
        args.say(ChangeOutcome::Done, plan, text, self.session)
    }

    fn no_service(&self, choice: Choice, args: &ServiceArgs) -> Result<Exit, Failure> {
        match choice {
            Choice::OnDemand(why) => {
                let text = format!(
                    "No login service can be installed: {why}.\n`kache daemon start` starts the daemon, which exits when it is idle.\n"
                );
                args.say(ChangeOutcome::NothingToDo, &Plan::new(""), text, self.session)
            }
            Choice::Refused(why) => Err(Failure::new(why)),
            Choice::Systemd | Choice::Launchd | Choice::Task => Ok(Exit::Ok),
        }
    }

    fn uninstall(&self, args: &ServiceArgs) -> Result<Exit, Failure> {
        // It may have been installed in another session, where a supervisor was running.
        let choice = detect::default_choice();
        let Some(service) = self.service_of(&choice)? else { return self.no_service(choice, args) };
        let journal = self.journal()?;
        let plan = install::uninstall_plan(&*service, &SystemRunner, &journal).map_err(Failure::new)?;
        if plan.is_empty() {
            let text = match service.foreign(&SystemRunner) {
                Some(path) => {
                    format!(
                        "Nothing to do: {} was not installed by kache, and is left alone.\n",
                        path.display()
                    )
                }
                None => "Nothing to do: the login service is not installed.\n".to_owned(),
            };
            return args.say(ChangeOutcome::NothingToDo, &plan, text, self.session);
        }
        if args.dry_run {
            return args.say(ChangeOutcome::ChangesNeeded, &plan, plan.styled(true), self.session);
        }
        if !args.json {
            self.session.print(plan.styled(args.verbose))?;
        }
        let progress = Progress::short("Removing the service, and waiting for the daemon to exit");
        install::uninstall(&plan, &self.place, &self.build, &journal).map_err(Failure::new)?;
        drop(progress);
        let text = "\nRemoved the login service and stopped the daemon.\n";
        args.say(ChangeOutcome::Done, &plan, text, self.session)
    }

    fn stop(&self) -> Result<Exit, Failure> {
        let left = self.drain();
        let exit = self.end()?;
        if let Some(left) = left {
            self.session.note(&left);
        }
        Ok(exit)
    }

    /// Has the daemon send what is queued for the remote. Returns what to say if something is left.
    fn drain(&self) -> Option<String> {
        match self.ask(&Request::Flush) {
            Ok(Response::Done) => {}
            // It has no remote, or is not running.
            _ => return None,
        }
        let _progress = Progress::short("Waiting for uploads to the remote");
        let until = Instant::now() + DRAIN_LIMIT;
        loop {
            let remote = start::status(&self.place, &self.build).ok()?.remote?;
            if !remote.is_sending || Instant::now() >= until {
                let n = usize::try_from(remote.n_queued).unwrap_or(usize::MAX);
                let why = remote.sending_problem.map(|why| format!(" ({why})")).unwrap_or_default();
                let is_left = n > 0 || remote.is_sending;
                return is_left.then(|| {
                    let (are, them) = if n == 1 { ("is", "it") } else { ("are", "them") };
                    format!("{} {are} still queued; the next daemon sends {them}{why}", counted(n, "object"))
                });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends the daemon.
    fn end(&self) -> Result<Exit, Failure> {
        let _progress = Progress::short("Waiting for the daemon to exit");
        if let Some(service) = self.installed_service()? {
            service.stop(&SystemRunner).map_err(Failure::new)?;
            // The running daemon may have been started before the service was installed.
            let _ = self.ask(&Request::Stop);
            if !start::wait_for_end(&self.place, END_LIMIT) {
                return Err(self.did_not_exit());
            }
            self.session.print("Stopped until the next login, or `kache daemon start`.\n")?;
            return Ok(Exit::Ok);
        }
        match self.ask(&Request::Stop) {
            Ok(Response::Refused { why }) => return Err(Failure::new(why)),
            Ok(_) => {}
            Err(NoDaemon::NotRunning) if !run::is_running(&self.place) => {
                self.session.print("The daemon is not running.\n")?;
                return Ok(Exit::Ok);
            }
            // A daemon that is shutting down no longer answers.
            Err(NoDaemon::NotRunning) => {}
            Err(no) => return Err(self.unreachable(&no)),
        }
        if !start::wait_for_end(&self.place, END_LIMIT) {
            return Err(self.did_not_exit());
        }
        self.session.print("Stopped.\n")?;
        Ok(Exit::Ok)
    }

    fn did_not_exit(&self) -> Failure {
        let why = format_args!("the daemon did not exit within {} s", END_LIMIT.as_secs());
        Failure::new(why)
            .code(ErrorCode::DaemonUnreachable)
            .hint(format!("its log is {}", self.place.log.display()))
    }

    fn restart(&self) -> Result<Exit, Failure> {
        let before = match start::status(&self.place, &self.build) {
            Ok(status) => status,
            Err(NoDaemon::NotRunning) if !run::is_running(&self.place) => return self.start(),
            Err(NoDaemon::TooOld { .. }) => return self.replace(),
            Err(no) => return Err(self.unreachable(&no)),
        };
        let _progress = Progress::short("Waiting for the daemon to restart");
        match self.ask(&Request::Restart) {
            Ok(Response::Refused { why }) => return Err(Failure::new(why)),
            Ok(_) => {}
            Err(no) => return Err(self.unreachable(&no)),
        }
        let after = start::changed_over(&before, &mut || start::status(&self.place, &self.build))
            .map_err(|no| Failure::new(no).hint(format!("its log is {}", self.place.log.display())))?;
        self.session.print(format!("Restarted: {}, process {}.\n", after.build, after.pid))?;
        Ok(Exit::Ok)
    }

    /// Restarts a daemon that is too old to understand any other request.
    fn replace(&self) -> Result<Exit, Failure> {
        // Every request carries the path of this program, which such a daemon restarts as.
        let offered = self.ask(&Request::Status);
        let Ok(after) = start::wait_for_answer(&self.place, &self.build) else {
            return Err(match offered {
                Err(no) => self.unreachable(&no),
                Ok(_) => Failure::new("the daemon has exited"),
            });
        };
        self.session.print(format!("Restarted: {}, process {}.\n", after.build, after.pid))?;
        Ok(Exit::Ok)
    }

    fn log(&self, n_lines: usize) -> Result<Exit, Failure> {
        let path = &self.place.log;
        let lines = log::tail(path, n_lines).map_err(|e| {
            Failure::new(format_args!("{}: {e}", path.display()))
                .hint("the daemon writes its log once it has started; run `kache daemon start`")
        })?;
        self.session.print(lines.iter().map(|line| format!("{line}\n")).collect::<String>())?;
        Ok(Exit::Ok)
    }
}

/// Milliseconds as whole seconds, for people.
fn seconds(ms: u64) -> String {
    format_duration(Duration::from_secs(ms / 1000))
}

/// Renders a status for people.
fn status_text(status: &Status) -> Text {
    let mut table = Table::new("<<");
    table.row(["process", &status.pid.to_string()]);
    table.row(["build", &status.build.to_string()]);
    table.row(["program", &status.exe.display().to_string()]);
    let by = match status.supervisor.as_str() {
        ON_DEMAND => "on demand".to_owned(),
        other => other.to_owned(),
    };
    table.row(["started by", &by]);
    table.row(["up for", &seconds(status.uptime_ms)]);
    if let Some(limit_ms) = status.idle_timeout_ms {
        table.row(["ends after", &format!("{} without a request", seconds(limit_ms))]);
    }
    table.row(["requests", &status.n_requests.to_string()]);
    table.row(["hand-overs", &status.n_handovers.to_string()]);
    if status.n_subscribers > 0 {
        table.row(["subscribers", &status.n_subscribers.to_string()]);
    }
    if status.n_bad_peers > 0 {
        table.row(["bad connections", &status.n_bad_peers.to_string()]);
    }
    table.row(["store", &status.cache_dir.display().to_string()]);
    let upkeep = status.upkeep.error.as_ref().or(status.upkeep.last.as_ref());
    table.row(["last upkeep", upkeep.map_or("none yet", String::as_str)]);
    if let Some(remote) = &status.remote {
        table.row(["remote", &remote.place]);
        let sent =
            format!("{} fetched, {} sent, {} queued", remote.n_fetched, remote.n_sent, remote.n_queued);
        table.row(["  objects", &sent]);
    }
    table.row(["log", &status.log.display().to_string()]);
    let mut text = table.render("");
    let problems = status.remote.iter().flat_map(|remote| [&remote.outage, &remote.sending_problem]);
    for problem in problems.flatten() {
        text.push_styled(Style::Warning, "\nThe remote does not work:");
        text.push(format!(" {problem}\n"));
    }
    if let Some(why) = &status.upgrade_pending {
        text.push_styled(Style::Warning, "\nAn upgrade is pending:");
        text.push(format!(" {why}\n"));
    }
    for problem in &status.config_problems {
        text.push_styled(Style::Error, "\nIts configuration is invalid:");
        text.push(format!(" {problem}\n"));
    }
    text
}
