//! A task of the Windows Task Scheduler at the user's logon; where the system refuses that, a value of the user's `Run`
//! key, which needs no right at all.
//!
//! The trigger names the user: without that it would be for everyone, which only an administrator may set. The user is
//! named by identifier, because names differ between domains and languages. Whether a command succeeded is told by its
//! exit code: what it says is in the user's language. All limits that tasks have by default (three days, batteries, low
//! priority) are set otherwise.

use std::path::{Path, PathBuf};

use crate::setup::plan::{Action, CannotPlan, CommandError, CommandLine, Plan, UndoEdit};
use crate::setup::service::launchd::escaped;
use crate::setup::service::runner::{self, CommandRunner};
use crate::setup::service::supervisor::{INSTALL, ServiceSpec, ServiceStatus, Supervisor, UNINSTALL};
use crate::sys::fs;

const RUN_KEY: &str = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run";
/// What a task's last result says while it runs, and before it ever ran.
const IS_RUNNING: u32 = 0x0004_1301;
const HAS_NOT_RUN: u32 = 0x0004_1303;

/// The task, as text.
pub fn xml(service: &ServiceSpec) -> String {
    let (user, exe) = (escaped(&service.user), escaped(&program(service).to_string_lossy()));
    let args = escaped(&arguments(service));
    let uri = escaped(&task_name(service));
    format!(
        r#"<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>kache build cache daemon</Description>
    <URI>\{uri}</URI>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger>
      <Enabled>true</Enabled>
      <UserId>{user}</UserId>
      <Delay>PT10S</Delay>
    </LogonTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>{user}</UserId>
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <AllowHardTerminate>true</AllowHardTerminate>
    <StartWhenAvailable>true</StartWhenAvailable>
    <RestartOnFailure>
      <Interval>PT1M</Interval>
      <Count>255</Count>
    </RestartOnFailure>
    <Hidden>true</Hidden>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>5</Priority>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{exe}</Command>
      <Arguments>{args}</Arguments>
    </Exec>
  </Actions>
</Task>
"#
    )
}

/// What is run: a file that no installer wants to replace.
fn program(service: &ServiceSpec) -> &Path {
    service.copy.as_deref().unwrap_or(&service.exe)
}

fn arguments(service: &ServiceSpec) -> String {
    // No path here has a quote in it, and none that is a file ends with a backslash.
    let exe = service.copy.as_ref().map(|_| format!(" --exe=\"{}\"", service.exe.display()));
    format!("daemon run --supervised=task{}", exe.unwrap_or_default())
}

/// The task as `schtasks` wants it: UTF-16 with a mark of its byte order.
pub fn file(service: &ServiceSpec) -> Vec<u8> {
    let text = xml(service).replace('\n', "\r\n");
    [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

fn task_name(service: &ServiceSpec) -> String {
    format!(r"{}\daemon", service.name)
}

/// The Task Scheduler of Windows.
pub struct Task(pub ServiceSpec);

impl Task {
    fn file(&self) -> PathBuf {
        self.0.config_dir.join("kache").join(format!("{}-task.xml", self.0.name))
    }

    fn schtasks(&self, verb: &str, more: &[&str]) -> CommandLine {
        CommandLine::new("schtasks", &[&[verb, "/tn", &task_name(&self.0)], more].concat())
    }

    fn reg(&self, verb: &str, more: &[&str]) -> CommandLine {
        CommandLine::new("reg", &[&[verb, RUN_KEY, "/v", &self.0.name], more].concat())
    }

    fn create(&self) -> CommandLine {
        self.schtasks("/create", &["/xml", &self.file().to_string_lossy(), "/f"])
    }

    /// Creates the task; an empty plan if it `is_there` with the same definition.
    fn task_plan(&self, is_there: bool) -> Result<Plan, CannotPlan> {
        let mut plan = Plan::new(INSTALL);
        let path = self.file();
        if let Some(dir) = path.parent() {
            plan.make_dirs(dir)?;
        }
        if let Some(copy) = &self.0.copy {
            if let Some(dir) = copy.parent() {
                plan.make_dirs(dir)?;
            }
            plan.add(Action::copy("Copy the program to the path it runs from", copy, &self.0.exe)?);
        }
        plan.add(Action::file("Write the task definition", &path, file(&self.0), 0o644, UndoEdit::None)?);
        if is_there && plan.is_empty() {
            return Ok(plan);
        }
        let again = is_there && fs::metadata(&path).is_ok();
        let undo = if again { None } else { Some(self.schtasks("/delete", &["/f"])) };
        if again {
            // A plan is undone from its end: the old task is created once its definition is restored.
            let look = self.schtasks("/query", &["/xml"]);
            plan.actions.insert(0, Action::run("Check that the task exists", look, Some(self.create())));
        }
        plan.add(Action::run("Start it at every logon", self.create(), undo));
        plan.add(Action::run("Start it now", self.schtasks("/run", &[]), Some(self.schtasks("/end", &[]))));
        Ok(plan)
    }

    /// What the `Run` key has.
    fn value(&self) -> String {
        format!("\"{}\" daemon start", self.0.exe.display())
    }

    fn run_key_plan(&self) -> Plan {
        let exe = self.0.exe.to_string_lossy();
        let mut plan = Plan::new(INSTALL);
        plan.add(Action::run(
            "Start it at every logon",
            self.reg("add", &["/t", "REG_SZ", "/d", &self.value(), "/f"]),
            Some(self.reg("delete", &["/f"])),
        ));
        plan.add(Action::run("Start it now", CommandLine::new(&exe, &["daemon", "start"]), None));
        plan
    }

    fn is_there(&self, command: &CommandLine, runner: &dyn CommandRunner) -> bool {
        runner.run(command).is_ok_and(|captured| captured.code == Some(0) && !captured.stdout.is_empty())
    }

    fn has_task(&self, runner: &dyn CommandRunner) -> bool {
        self.is_there(&self.schtasks("/query", &["/xml"]), runner)
    }

    fn has_run_key(&self, runner: &dyn CommandRunner) -> bool {
        self.is_there(&self.reg("query", &[]), runner)
    }

    /// Whether the `Run` key has what it should. What is not ASCII is printed in the console's code page: such a value
    /// counts as right.
    fn has_right_run_key(&self, runner: &dyn CommandRunner) -> bool {
        let value = self.value();
        let said = runner.run(&self.reg("query", &[])).map(|captured| captured.stdout).unwrap_or_default();
        !value.is_ascii() || String::from_utf8_lossy(&said).contains(&value)
    }
}

impl Supervisor for Task {
    fn name(&self) -> &'static str {
        "task"
    }

    fn install(&self, runner: &dyn CommandRunner) -> Result<Vec<Plan>, CannotPlan> {
        let has_task = self.has_task(runner);
        if has_task || !self.has_run_key(runner) {
            return Ok(vec![self.task_plan(has_task)?, self.run_key_plan()]);
        }
        // The system refused a task once.
        let is_right = self.has_right_run_key(runner);
        Ok(vec![if is_right { Plan::new(INSTALL) } else { self.run_key_plan() }])
    }

    fn uninstall(&self, runner: &dyn CommandRunner) -> Result<Plan, CannotPlan> {
        let mut plan = Plan::new(UNINSTALL);
        if self.has_task(runner) {
            plan.add(Action::run("Remove the task", self.schtasks("/delete", &["/f"]), Some(self.create())));
        }
        if self.has_run_key(runner) {
            plan.add(Action::run("Do not start it at logon", self.reg("delete", &["/f"]), None));
        }
        plan.add(Action::remove("Remove the task definition", &self.file())?);
        if let Some(copy) = &self.0.copy {
            plan.add(Action::remove("Remove the copy of the program", copy)?);
        }
        Ok(plan)
    }

    fn files(&self) -> Vec<PathBuf> {
        vec![self.file()]
    }

    /// No package for Windows brings a task.
    fn foreign(&self, _runner: &dyn CommandRunner) -> Option<PathBuf> {
        None
    }

    fn start_again(&self, _runner: &dyn CommandRunner) -> Vec<Action> {
        vec![Action::run("Start it now", self.schtasks("/run", &[]), None)]
    }

    fn start(&self, runner: &dyn CommandRunner) -> Result<(), CommandError> {
        runner::must(runner, &self.schtasks("/run", &[])).map(drop)
    }

    fn stop(&self, runner: &dyn CommandRunner) -> Result<(), CommandError> {
        runner::must(runner, &self.schtasks("/end", &[])).map(drop)
    }

    fn status(&self, runner: &dyn CommandRunner) -> Result<ServiceStatus, CommandError> {
        if !self.has_task(runner) {
            let by_key = self.has_run_key(runner);
            return Ok(ServiceStatus {
                is_installed: by_key,
                is_enabled: by_key,
                ..ServiceStatus::default()
            });
        }
        let listed = runner::must(runner, &self.schtasks("/query", &["/fo", "csv", "/v", "/nh"]))?;
        Ok(parse_query(&String::from_utf8_lossy(&listed.stdout)))
    }

    fn last_words(&self, _runner: &dyn CommandRunner) -> String {
        String::new()
    }
}

/// What `schtasks /query` lists of a task. Only the number of its last result is the same in every language.
pub fn parse_query(csv: &str) -> ServiceStatus {
    const LAST_RESULT: usize = 6;
    let line = csv.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let result = fields(line).get(LAST_RESULT).and_then(|field| field.trim().parse::<i64>().ok());
    // It is written with a sign or without.
    let result = result.map(|result| result as u32);
    let trouble = result.filter(|result| !matches!(*result, 0 | IS_RUNNING | HAS_NOT_RUN));
    ServiceStatus {
        is_installed: true,
        is_enabled: true,
        is_running: result == Some(IS_RUNNING),
        trouble: trouble.map(|result| format!("its last result is {result:#x}")),
        ..ServiceStatus::default()
    }
}

/// The fields of a line in which every one is in quotes, and quotes in them are doubled.
fn fields(line: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut rest = line;
    while let Some(start) = rest.strip_prefix('"') {
        let mut field = String::new();
        let mut letters = start.char_indices().peekable();
        let mut end = start.len();
        while let Some((at, letter)) = letters.next() {
            if letter != '"' {
                field.push(letter);
            } else if letters.peek().is_some_and(|(_, next)| *next == '"') {
                letters.next();
                field.push('"');
            } else {
                end = at + 1;
                break;
            }
        }
        fields.push(field);
        rest = start[end..].strip_prefix(',').unwrap_or_default();
    }
    fields
}
