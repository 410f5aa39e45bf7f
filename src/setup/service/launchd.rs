//! An agent of launchd.
//!
//! Only `bootstrap`, `bootout`, `kickstart`, `print` and `enable` are called, with their domain: a session with a
//! screen has `gui/<uid>`, one without (a remote login) only `user/<uid>`. What they answer is judged by their exit
//! codes, never by their words.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::setup::plan::{Action, CannotPlan, CommandError, CommandLine, Plan, UndoEdit};
use crate::setup::service::runner::{self, CommandRunner};
use crate::setup::service::supervisor::{INSTALL, ServiceSpec, ServiceStatus, Supervisor, UNINSTALL};
use crate::sys::fs;

/// There is no such session, or no such domain for this user.
const NO_DOMAIN: [i32; 2] = [112, 125];
/// No such service in that domain.
const NO_SERVICE: i32 = 113;
/// How often, and for how long, to ask whether an agent is unloaded: `bootout` only begins it.
const ASK_EVERY: Duration = Duration::from_millis(100);
const UNLOAD_LIMIT: Duration = Duration::from_secs(45);

/// The property list of the agent.
pub fn plist(service: &ServiceSpec) -> String {
    let exe = escaped(&service.exe.to_string_lossy());
    let label = escaped(&label(service));
    // With the separators of the system that reads it.
    let log = escaped(&format!("{}/Library/Logs/kache/launchd.log", service.home.display()));
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>{label}</string>
	<key>ProgramArguments</key>
	<array>
		<string>{exe}</string>
		<string>daemon</string>
		<string>run</string>
		<string>--supervised=launchd</string>
	</array>
	<key>RunAtLoad</key>
	<true/>
	<key>KeepAlive</key>
	<dict>
		<key>SuccessfulExit</key>
		<false/>
	</dict>
	<key>ThrottleInterval</key>
	<integer>10</integer>
	<key>ExitTimeOut</key>
	<integer>45</integer>
	<key>ProcessType</key>
	<string>Interactive</string>
	<key>LimitLoadToSessionType</key>
	<array>
		<string>Aqua</string>
		<string>Background</string>
	</array>
	<key>Umask</key>
	<integer>63</integer>
	<key>SoftResourceLimits</key>
	<dict>
		<key>NumberOfFiles</key>
		<integer>65536</integer>
	</dict>
	<key>StandardOutPath</key>
	<string>{log}</string>
	<key>StandardErrorPath</key>
	<string>{log}</string>
</dict>
</plist>
"#
    )
}

/// `text` as the content of an element. What no XML can hold is left out.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '\t' | '\n' | '\r' => escaped += &format!("&#{};", letter as u32),
            letter if (letter as u32) < 0x20 || matches!(letter, '\u{fffe}' | '\u{ffff}') => {}
            _ => escaped.push(letter),
        }
    }
    escaped
}

/// What the labels of all builds begin with.
pub const PREFIX: &str = "dev.kache.";

fn label(service: &ServiceSpec) -> String {
    format!("{PREFIX}{}", service.name)
}

/// The domain that agents of `user` go to now.
pub fn domain(user: &str, runner: &dyn CommandRunner) -> Result<String, CommandError> {
    let gui = format!("gui/{user}");
    let command = launchctl(&["print", &gui]);
    let captured = runner::ask(runner, &command)?;
    match captured.code {
        Some(0) => Ok(gui),
        Some(code) if NO_DOMAIN.contains(&code) => Ok(format!("user/{user}")),
        _ => Err(command.failed(&captured)),
    }
}

/// The launchd of this user.
pub struct Launchd(pub ServiceSpec);

impl Launchd {
    fn path(&self) -> PathBuf {
        self.0.home.join("Library/LaunchAgents").join(format!("{}.plist", label(&self.0)))
    }

    /// The domain. If it cannot be determined, that of a graphical session: the plan then fails with the reason.
    fn planned_domain(&self, runner: &dyn CommandRunner) -> String {
        domain(&self.0.user, runner).unwrap_or_else(|_| format!("gui/{}", self.0.user))
    }

    fn target(&self, domain: &str) -> String {
        format!("{domain}/{}", label(&self.0))
    }

    /// The domains that it is loaded in. It may have been installed in the other type of session.
    fn loaded_in(&self, runner: &dyn CommandRunner) -> Vec<String> {
        let domains = ["gui", "user"].map(|kind| format!("{kind}/{}", self.0.user));
        domains.into_iter().filter(|domain| self.is_loaded(domain, runner).unwrap_or(false)).collect()
    }

    fn bootstrap(&self, domain: &str) -> CommandLine {
        launchctl(&["bootstrap", domain, &self.path().to_string_lossy()])
    }

    /// Unloads the agent from the domain of this session. It waits until the agent is gone, which `bootout` does not.
    fn stop_here(&self) -> CommandLine {
        CommandLine::new(&self.0.exe.to_string_lossy(), &["daemon", "stop"])
    }

    /// Loads the agent into `domain`, with the command that undoes it.
    fn load(&self, domain: &str, undo: CommandLine) -> Vec<Action> {
        let target = self.target(domain);
        vec![
            // An agent that its user disabled stays disabled until it is enabled.
            Action::run("Allow the agent to start", launchctl(&["enable", &target]), None),
            Action::run("Start it now and at every login", self.bootstrap(domain), Some(undo)),
        ]
    }

    fn is_loaded(&self, domain: &str, runner: &dyn CommandRunner) -> Result<bool, CommandError> {
        let command = launchctl(&["print", &self.target(domain)]);
        let captured = runner::ask(runner, &command)?;
        match captured.code {
            Some(0) => Ok(true),
            Some(code) if code == NO_SERVICE || NO_DOMAIN.contains(&code) => Ok(false),
            _ => Err(command.failed(&captured)),
        }
    }

    /// Unloads the agent from `domain` and waits until it is gone: loading it again fails before that.
    pub fn unload(&self, domain: &str, runner: &dyn CommandRunner) -> Result<(), CommandError> {
        if !self.is_loaded(domain, runner)? {
            return Ok(());
        }
        let command = launchctl(&["bootout", &self.target(domain)]);
        let captured = runner::ask(runner, &command)?;
        let mut waited = Duration::ZERO;
        while self.is_loaded(domain, runner)? {
            if waited >= UNLOAD_LIMIT {
                return Err(command.failed(&captured));
            }
            runner.wait(ASK_EVERY);
            waited += ASK_EVERY;
        }
        Ok(())
    }
}

fn launchctl(args: &[&str]) -> CommandLine {
    CommandLine::new("launchctl", args)
}

impl Supervisor for Launchd {
    fn name(&self) -> &'static str {
        "launchd"
    }

    fn install(&self, runner: &dyn CommandRunner) -> Result<Vec<Plan>, CannotPlan> {
        let mut plan = Plan::new(INSTALL);
        if self.foreign(runner).is_some() {
            return Ok(vec![plan]);
        }
        let path = self.path();
        let domain = self.planned_domain(runner);
        for dir in [&self.0.home.join("Library/LaunchAgents"), &self.0.home.join("Library/Logs/kache")] {
            plan.make_dirs(dir)?;
        }
        let bytes = plist(&self.0).into_bytes();
        plan.add(Action::file("Install the agent", &path, bytes, 0o644, UndoEdit::None)?);
        let is_changed = !plan.is_empty();
        let loaded_in = self.loaded_in(runner);
        let is_loaded = loaded_in.contains(&domain);
        let mut before = Vec::new();
        for old in loaded_in {
            let is_other = old != domain;
            if !is_other && !is_changed {
                continue;
            }
            // A plan is undone from its end: the old agent can be loaded once its file is restored.
            let look = launchctl(&["print", &self.target(&old)]);
            before.push(Action::run("Check that the agent is loaded", look, Some(self.bootstrap(&old))));
            plan.add(if is_other {
                let bootout = launchctl(&["bootout", &self.target(&old)]);
                Action::run("Unload the agent from the other session type", bootout, None)
            } else {
                Action::run("Unload the old agent", self.stop_here(), None)
            });
        }
        plan.actions.splice(0..0, before);
        if !is_loaded || is_changed {
            let bootout = launchctl(&["bootout", &self.target(&domain)]);
            plan.actions.extend(self.load(&domain, if is_loaded { self.stop_here() } else { bootout }));
        }
        Ok(vec![plan])
    }

    fn uninstall(&self, runner: &dyn CommandRunner) -> Result<Plan, CannotPlan> {
        let mut plan = Plan::new(UNINSTALL);
        for domain in self.loaded_in(runner) {
            let bootout = launchctl(&["bootout", &self.target(&domain)]);
            plan.add(Action::run("Stop the agent", bootout, Some(self.bootstrap(&domain))));
        }
        plan.add(Action::remove("Remove the agent", &self.path())?);
        Ok(plan)
    }

    fn files(&self) -> Vec<PathBuf> {
        vec![self.path()]
    }

    /// An agent that Homebrew or a configuration of the machine installed under another label.
    fn foreign(&self, _runner: &dyn CommandRunner) -> Option<PathBuf> {
        if fs::symlink_metadata(&self.path()).is_ok() {
            return None;
        }
        let dirs = [self.0.home.join("Library/LaunchAgents"), PathBuf::from("/Library/LaunchAgents")];
        let agents = dirs.iter().flat_map(|dir| fs::list(dir).unwrap_or_default());
        agents
            .filter(|path| is_other_agent(path))
            .find(|path| runs_daemon(&fs::read(path).unwrap_or_default()))
    }

    fn start_again(&self, runner: &dyn CommandRunner) -> Vec<Action> {
        let domain = self.planned_domain(runner);
        let target = self.target(&domain);
        if self.is_loaded(&domain, runner).unwrap_or(false) {
            return vec![Action::run("Start the agent", launchctl(&["kickstart", "-k", &target]), None)];
        }
        self.load(&domain, launchctl(&["bootout", &target]))
    }

    fn start(&self, runner: &dyn CommandRunner) -> Result<(), CommandError> {
        let domain = domain(&self.0.user, runner)?;
        if self.is_loaded(&domain, runner)? {
            return runner::must(runner, &launchctl(&["kickstart", &self.target(&domain)])).map(drop);
        }
        runner::must(runner, &self.bootstrap(&domain)).map(drop)
    }

    fn stop(&self, runner: &dyn CommandRunner) -> Result<(), CommandError> {
        let domain = domain(&self.0.user, runner)?;
        self.unload(&domain, runner)
    }

    fn status(&self, runner: &dyn CommandRunner) -> Result<ServiceStatus, CommandError> {
        let is_installed = fs::metadata(&self.path()).is_ok();
        let domain = domain(&self.0.user, runner)?;
        let command = launchctl(&["print", &self.target(&domain)]);
        let captured = runner::ask(runner, &command)?;
        let disabled = runner.run(&launchctl(&["print-disabled", &domain]));
        let is_disabled =
            disabled.is_ok_and(|said| is_disabled(&String::from_utf8_lossy(&said.stdout), &label(&self.0)));
        let mut status = match captured.code {
            Some(0) => parse_print(&String::from_utf8_lossy(&captured.stdout)),
            Some(code) if code == NO_SERVICE || NO_DOMAIN.contains(&code) => ServiceStatus::default(),
            _ => return Err(command.failed(&captured)),
        };
        status.is_installed = is_installed;
        status.is_enabled = is_installed && !is_disabled;
        if is_disabled {
            status.trouble = Some("switched off in the system's login items".to_owned());
        }
        Ok(status)
    }

    fn last_words(&self, _runner: &dyn CommandRunner) -> String {
        let path = self.0.home.join("Library/Logs/kache/launchd.log");
        let text = fs::read(&path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }
}

/// Whether an agent has a label of its own: a development build has one beside that of a release.
fn is_other_agent(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".plist") && !name.starts_with(PREFIX)
}

/// Whether an agent runs `kache daemon run`, through a shell perhaps.
fn runs_daemon(plist: &[u8]) -> bool {
    let text = String::from_utf8_lossy(plist);
    let Some((_, arguments)) = text.split_once("<key>ProgramArguments</key>") else { return false };
    let arguments = arguments.split("</array>").next().unwrap_or_default();
    let strings = arguments.split("<string>").skip(1).filter_map(|rest| rest.split("</string>").next());
    strings.collect::<Vec<_>>().join(" ").contains("/kache daemon run")
}

/// What `launchctl print` says of a service: its first level of `name = value` lines.
pub fn parse_print(text: &str) -> ServiceStatus {
    let is_running = first_level(text, "state") == Some("running");
    let exit = first_level(text, "last exit code").filter(|exit| !matches!(*exit, "0" | "(never exited)"));
    ServiceStatus {
        is_running,
        pid: first_level(text, "pid").and_then(|pid| pid.parse().ok()),
        n_restarts: first_level(text, "runs")
            .and_then(|runs| runs.parse::<u32>().ok())
            .map(|runs| runs.saturating_sub(1)),
        trouble: exit.filter(|_| !is_running).map(|exit| format!("it ended with {exit}")),
        ..ServiceStatus::default()
    }
}

/// The value of a name on the first level of what `launchctl print` printed.
fn first_level<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    for line in text.lines() {
        let Some(line) = line.strip_prefix('\t').filter(|line| !line.starts_with('\t')) else { continue };
        if let Some(value) = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(" = ")) {
            return Some(value.trim());
        }
    }
    None
}

/// Whether `launchctl print-disabled` lists `label` as switched off; older systems say `true` for it.
pub fn is_disabled(text: &str, label: &str) -> bool {
    text.lines().any(|line| {
        let (name, value) = line.split_once("=>").unwrap_or_default();
        name.trim().trim_matches('"') == label && matches!(value.trim(), "disabled" | "true")
    })
}
