//! `kache config` on a terminal: all settings with their values and sources, which can be changed. A value is checked
//! while it is typed. What is changed is written at once, and can be taken back.

use std::path::PathBuf;
use std::time::Duration;

use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Wrap};

use crate::cli::config::change;
use crate::cli::exit::{Exit, Failure};
use crate::cli::session::Session;
use crate::cli::terminal;
use crate::config::file::{KEYS, Key, Projects};
use crate::report::escape;
use crate::settings;
use crate::setup::settings_file;
use crate::sys::signal::{self, StopFlag};

/// How long to wait for a key before looking whether the process is asked to end.
const TICK: Duration = Duration::from_millis(500);
const KEY_LINE: &str = "Enter change  x remove  u undo  p user/project  q quit";
const TYPING_KEY_LINE: &str = "Enter set  Esc leave it as it is";

/// One setting.
#[derive(Debug)]
struct Row {
    key: &'static Key,
    value: String,
    source: String,
}

/// The state of the editor.
#[derive(Debug, Default)]
pub struct Editor {
    rows: Vec<Row>,
    at: usize,
    /// Whether the project's file is changed.
    is_project: bool,
    /// The file that is changed, or why there is none.
    file: PathBuf,
    /// The value as it is typed.
    input: Option<String>,
    /// What happened last, or what is wrong with the value.
    message: String,
}

/// Shows the editor until the user leaves it.
pub fn run(session: &Session<'_>) -> Result<Exit, Failure> {
    session.refuse_root_for_another()?;
    let mut editor = Editor::new(session)?;
    let stop = StopFlag::begin()?;
    signal::end_with_terminal()?;
    let mut screen = terminal::start_screen()?;
    let ended = show(&mut editor, &stop, &mut screen, session);
    terminal::end_screen();
    ended?;
    Ok(Exit::Ok)
}

fn show(
    editor: &mut Editor,
    stop: &StopFlag,
    screen: &mut ratatui::DefaultTerminal,
    session: &Session<'_>,
) -> std::io::Result<()> {
    let colors = terminal::shows_colors();
    while !stop.is_raised() {
        screen.draw(|frame| draw(editor, colors, frame))?;
        if event::poll(TICK)?
            && let Event::Key(key) = event::read()?
            && key.kind != KeyEventKind::Release
            && !editor.handle(&key, session)
        {
            break;
        }
    }
    Ok(())
}

impl Editor {
    /// An editor of the user's file.
    pub fn new(session: &Session<'_>) -> Result<Editor, Failure> {
        let mut editor = Editor { file: change::file(false, session)?, ..Editor::default() };
        editor.load(session);
        Ok(editor)
    }

    /// Reads the settings again.
    fn load(&mut self, session: &Session<'_>) {
        let (config, problems) = settings::for_command(session.env);
        let rows = config.rows();
        self.rows = KEYS
            .iter()
            .filter_map(|key| {
                let row = rows.iter().find(|row| row.name == key.name)?;
                Some(Row { key, value: row.value.clone(), source: row.source.to_string() })
            })
            .collect();
        if let Some(problem) = problems.first() {
            self.message = problem.to_string();
        }
    }

    /// Handles a key. False to leave.
    pub fn handle(&mut self, key: &KeyEvent, session: &Session<'_>) -> bool {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return !matches!(key.code, KeyCode::Char('c' | 'd'));
        }
        if self.input.is_some() {
            self.type_value(key.code, session);
            return true;
        }
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return false,
            KeyCode::Down | KeyCode::Char('j') => {
                self.at = (self.at + 1).min(self.rows.len().saturating_sub(1));
            }
            KeyCode::Up | KeyCode::Char('k') => self.at = self.at.saturating_sub(1),
            KeyCode::Enter => self.begin(),
            KeyCode::Char('x') | KeyCode::Delete => self.change(None, session),
            KeyCode::Char('u') => self.undo(session),
            KeyCode::Char('p') => self.turn(session),
            _ => {}
        }
        true
    }

    fn begin(&mut self) {
        let Some(row) = self.rows.get(self.at) else { return };
        // Texts are shown in quotes.
        self.input = Some(row.value.trim_matches('"').to_owned());
        self.message.clear();
    }

    fn type_value(&mut self, code: KeyCode, session: &Session<'_>) {
        let Some(input) = &mut self.input else { return };
        match code {
            KeyCode::Esc => {
                self.input = None;
                self.message.clear();
                return;
            }
            KeyCode::Enter => {
                let value = input.clone();
                return self.change(Some(&value), session);
            }
            KeyCode::Backspace => drop(input.pop()),
            KeyCode::Char(c) => input.push(c),
            _ => {}
        }
        let key = self.rows[self.at].key;
        let checked = settings_file::value(key, input);
        self.message = checked.err().map(|error| error.to_string()).unwrap_or_default();
    }

    /// Changes the setting that is chosen. What is invalid stays in the line.
    fn change(&mut self, value: Option<&str>, session: &Session<'_>) {
        let Some(row) = self.rows.get(self.at) else { return };
        let name = row.key.name;
        let plan = change::plan(row.key, value, &self.file, self.is_project);
        match plan.and_then(|plan| change::apply(&plan, session)) {
            Ok(()) => {
                self.input = None;
                self.message = match value {
                    Some(_) => format!("{name} is set in {}", self.file.display()),
                    None => format!("{name} is not set in {}", self.file.display()),
                };
                self.load(session);
            }
            Err(failure) => self.message = failure.errors.join("; "),
        }
    }

    fn undo(&mut self, session: &Session<'_>) {
        let plan = change::undo_plan(session);
        self.message = match plan.and_then(|plan| change::apply(&plan, session).map(|()| plan.is_empty())) {
            Ok(true) => "there is nothing to undo".to_owned(),
            Ok(false) => "the last change is undone".to_owned(),
            Err(failure) => failure.errors.join("; "),
        };
        self.load(session);
    }

    /// Turns to the other file.
    fn turn(&mut self, session: &Session<'_>) {
        match change::file(!self.is_project, session) {
            Ok(file) => {
                self.is_project = !self.is_project;
                self.file = file;
                self.message.clear();
            }
            Err(failure) => self.message = failure.errors.join("; "),
        }
    }
}

/// Draws everything.
pub fn draw(editor: &Editor, colors: bool, frame: &mut Frame<'_>) {
    let [head, list, about, message, keys] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Min(1),
        Constraint::Length(5),
        Constraint::Length(2),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let which = if editor.is_project { "project" } else { "user" };
    let title = format!("Settings; changes go to the {which}'s file {}", editor.file.display());
    frame.render_widget(Paragraph::new(Line::from(escape::line(&title).into_owned()).style(bold())), head);
    // The chosen row stays visible.
    let height = usize::from(list.height).max(1);
    let first = (editor.at + 1).saturating_sub(height);
    let rows = editor.rows.iter().enumerate().skip(first).take(height);
    let lines: Vec<Line<'_>> = rows.map(|(index, row)| row_line(row, index == editor.at)).collect();
    frame.render_widget(Paragraph::new(lines), list);
    if let Some(row) = editor.rows.get(editor.at) {
        frame.render_widget(Paragraph::new(about_lines(row)).wrap(Wrap { trim: false }), about);
    }
    let error = if colors { Style::new().fg(Color::Red) } else { Style::new() };
    let input = match &editor.input {
        Some(input) => format!("{} = {}_", editor.rows[editor.at].key.name, escape::line(input)),
        None => String::new(),
    };
    let style = if editor.input.is_some() { error } else { Style::new() };
    let said = Line::from(escape::line(&editor.message).into_owned()).style(style);
    frame.render_widget(Paragraph::new(vec![Line::from(input), said]), message);
    let key_line = if editor.input.is_some() { TYPING_KEY_LINE } else { KEY_LINE };
    frame.render_widget(
        Paragraph::new(Line::from(key_line).style(Style::new().add_modifier(Modifier::DIM))),
        keys,
    );
}

fn row_line(row: &Row, is_chosen: bool) -> Line<'static> {
    let value = if row.value.is_empty() { "-".to_owned() } else { escape::line(&row.value).into_owned() };
    let (mark, modifier) = if is_chosen { (">", Modifier::REVERSED) } else { (" ", Modifier::empty()) };
    let text = format!("{mark} {:<30} {value:<24} {}", row.key.name, escape::line(&row.source));
    Line::from(text).style(Style::new().add_modifier(modifier))
}

fn about_lines(row: &Row) -> Vec<Line<'static>> {
    let projects = match row.key.projects {
        Projects::May(_) => "A project may set it.".to_owned(),
        Projects::MayNot(why) => format!("A project may not set it: {why}."),
    };
    vec![
        Line::default(),
        Line::from(row.key.does),
        Line::from(format!("Accepts {}. Default: {}. {projects}", row.key.accepts, row.key.default)),
    ]
}

fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::env::Env;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn env(home: &std::path::Path) -> Env {
        let mut env = Env::with_vars(&[("HOME", home.to_str().expect("is text"))]);
        env.cwd = Some(home.to_owned());
        env
    }

    fn typed(editor: &mut Editor, keys: &str, session: &Session<'_>) -> bool {
        let mut stays = true;
        for c in keys.chars() {
            let code = match c {
                '\n' => KeyCode::Enter,
                '\u{1b}' => KeyCode::Esc,
                '\u{8}' => KeyCode::Backspace,
                c => KeyCode::Char(c),
            };
            stays = editor.handle(&KeyEvent::new(code, KeyModifiers::NONE), session);
        }
        stays
    }

    fn shown(editor: &Editor, columns: u16, rows: u16) -> String {
        let mut screen = Terminal::new(TestBackend::new(columns, rows)).expect("made");
        screen.draw(|frame| draw(editor, false, frame)).expect("drawn");
        let cells = screen.backend().buffer().content.clone();
        let lines = cells.chunks(usize::from(columns));
        lines.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>() + "\n").collect()
    }

    #[test]
    fn a_setting_is_changed_checked_and_taken_back_by_keys() {
        let home = tempfile::tempdir().expect("a directory");
        let home = home.path().canonicalize().expect("it exists");
        let env = env(&home);
        let session = Session::new(&env);
        let mut editor = Editor::new(&session).expect("there is a home");
        let file = home.join(".config/kache/config.toml");
        while editor.rows[editor.at].key.name != "cache.wait" {
            typed(&mut editor, "j", &session);
        }
        let text = shown(&editor, 80, 24);
        assert!(
            text.contains("> cache.wait") && text.contains("default") && text.contains("How long to wait"),
            "{text}"
        );
        typed(&mut editor, "\n\u{8}\u{8}soon", &session);
        assert!(shown(&editor, 100, 24).contains("invalid value \"soon\" for `cache.wait`"));
        typed(&mut editor, "\n", &session);
        assert!(!file.exists(), "what is invalid is not written");
        typed(&mut editor, "\u{8}\u{8}\u{8}\u{8}7s\n", &session);
        let written = |path: &std::path::Path| {
            crate::sys::fs::read(path).map(|bytes| String::from_utf8(bytes).expect("is text"))
        };
        assert_eq!(written(&file).expect("is there"), "[cache]\nwait = \"7s\"\n");
        assert!(shown(&editor, 80, 24).contains("7s"));
        typed(&mut editor, "\n9\u{1b}", &session);
        assert_eq!(written(&file).expect("is there"), "[cache]\nwait = \"7s\"\n");
        typed(&mut editor, "x", &session);
        assert_eq!(written(&file).expect("is there"), "[cache]\n");
        typed(&mut editor, "uu", &session);
        assert!(!file.exists());
        typed(&mut editor, "u", &session);
        assert!(shown(&editor, 80, 24).contains("there is nothing to undo"));
        typed(&mut editor, "p", &session);
        assert!(shown(&editor, 80, 24).contains("there is no project here"));
        assert!(!typed(&mut editor, "q", &session));
    }

    /// `REGENERATE=1 cargo test --lib golden` writes the texts again.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "it writes the project, not a user's files")]
    fn golden_screens_are_drawn() {
        // Where nothing can be observed, defaults are others.
        if !crate::sys::host::CAN_OBSERVE {
            return;
        }
        let env = env(std::path::Path::new("/nobody/has/this/home"));
        let session = Session::new(&env);
        let is_asked = Env::from_process().get("REGENERATE").is_some();
        let mut stale = Vec::new();
        for (name, keys) in [("first", ""), ("typed", "jj\n"), ("invalid", "jj\n\u{8}?")] {
            for (columns, rows) in [(80, 24), (200, 60)] {
                let mut editor = Editor::new(&session).expect("there is a home");
                typed(&mut editor, keys, &session);
                let text = shown(&editor, columns, rows);
                let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/config/golden");
                let path = dir.join(format!("{name}-{columns}.txt"));
                if is_asked {
                    std::fs::create_dir_all(&dir).expect("makes the directory");
                    std::fs::write(&path, &text).expect("writes");
                }
                if std::fs::read_to_string(&path).unwrap_or_default() != text {
                    stale.push(format!("{}\n{text}", path.display()));
                }
            }
        }
        assert!(stale.is_empty(), "run `REGENERATE=1 cargo test --lib golden`: {}", stale.join("\n"));
    }

    #[test]
    fn any_size_can_be_drawn_and_the_chosen_row_is_visible() {
        let home = tempfile::tempdir().expect("a directory");
        let env = env(home.path());
        let session = Session::new(&env);
        let mut editor = Editor::new(&session).expect("there is a home");
        typed(&mut editor, &"j".repeat(100), &session);
        let last = KEYS.last().expect("there are settings").name;
        for (columns, rows) in [(1, 1), (30, 12), (80, 24), (200, 60)] {
            let text = shown(&editor, columns, rows);
            let chosen: String = format!("> {last}").chars().take(columns.into()).collect();
            assert!(rows < 12 || text.contains(&chosen), "{text}");
        }
    }
}
