//! Output of commands. Everything a command prints goes through here, so that names from projects are always escaped
//! ([`crate::report::escape`]), and so that one place decides about colors, symbols and progress:
//!
//! - Colours: on a terminal, unless `TERM` is `dumb`. `NO_COLOR` and `CLICOLOR_FORCE` override that, and `--color`
//!   overrides both. `anstream` implements these rules.
//! - Symbols in place of words, and progress: on a terminal, unless `TERM` is `dumb`; symbols also need a UTF-8 locale.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::OnceLock;

use anstream::ColorChoice;
use anstyle::AnsiColor;
use clap::builder::Styles;

use crate::report::escape;
use crate::report::text::{Part, Style, Text};
use crate::sys::env::Env;

/// When to use colors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorWhen {
    Auto,
    Always,
    Never,
}

/// The styles of help texts, which are those of cargo.
pub const HELP_STYLES: Styles = Styles::styled()
    .header(AnsiColor::BrightGreen.on_default().bold())
    .usage(AnsiColor::BrightGreen.on_default().bold())
    .literal(AnsiColor::BrightCyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// What the terminal shows, if there is one.
#[derive(Clone, Copy, Debug, Default)]
struct Abilities {
    /// Whether standard output is a terminal that shows symbols.
    symbols: bool,
    /// Whether standard error is a terminal where a line can be replaced.
    progress: bool,
    unicode: bool,
}

static ABILITIES: OnceLock<Abilities> = OnceLock::new();

/// Decides about colors, symbols and progress for this process.
pub fn prepare(env: &Env) {
    if let Some(when) = requested_color(&env.args) {
        let choice = match when {
            ColorWhen::Auto => ColorChoice::Auto,
            ColorWhen::Always => ColorChoice::Always,
            ColorWhen::Never => ColorChoice::Never,
        };
        choice.write_global();
    }
    let is_dumb = env.get("TERM").is_some_and(|term| term == "dumb");
    let unicode = is_unicode(env);
    let _ = ABILITIES.set(Abilities {
        symbols: unicode && !is_dumb && io::stdout().is_terminal(),
        progress: !is_dumb && io::stderr().is_terminal(),
        unicode,
    });
}

/// The value of `--color`. Looked for before the arguments are parsed, because errors in them are printed in color too.
/// Invalid values are left to the parser.
fn requested_color(args: &[OsString]) -> Option<ColorWhen> {
    let mut args = args.iter().skip(1).take_while(|arg| *arg != "--").map(|arg| arg.to_string_lossy());
    while let Some(arg) = args.next() {
        let value = match arg.strip_prefix("--color") {
            Some("") => args.next()?.into_owned(),
            Some(value) if value.starts_with('=') => value[1..].to_owned(),
            _ => continue,
        };
        return <ColorWhen as clap::ValueEnum>::from_str(&value, false).ok();
    }
    None
}

/// Whether the locale is one with UTF-8. Without a locale it is assumed: containers often set none.
fn is_unicode(env: &Env) -> bool {
    let locale =
        ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| env.get(name).filter(|v| !v.is_empty()));
    let Some(locale) = locale else { return true };
    let locale = locale.to_string_lossy().to_ascii_lowercase();
    locale.ends_with("utf-8") || locale.ends_with("utf8")
}

fn abilities() -> Abilities {
    ABILITIES.get().copied().unwrap_or_default()
}

/// Prints text for people on standard output. A closed pipe is not an error.
pub fn print(text: &Text) -> io::Result<()> {
    print_ansi(&render(text, abilities().symbols))
}

/// Prints text with escape sequences of colors, which are removed where no colors are wanted. It must not contain names
/// from a project.
pub fn print_ansi(text: &str) -> io::Result<()> {
    write_while_read(&mut anstream::stdout().lock(), text).map(drop)
}

/// Prints JSON on standard output.
pub fn print_json(json: &str) -> io::Result<()> {
    print_verbatim(&escape::json(json))
}

/// Prints text for other programs without escaping. It must not contain names from a project.
pub fn print_verbatim(text: &str) -> io::Result<()> {
    write_while_read(&mut io::stdout().lock(), text).map(drop)
}

/// Prints a part of a long output for people, as soon as there is something to print. False once nobody reads it.
pub fn print_while_read(text: &Text) -> io::Result<bool> {
    write_while_read(&mut anstream::stdout().lock(), &render(text, false))
}

/// Prints a part of a long output of JSON. False once nobody reads it.
pub fn print_json_while_read(json: &str) -> io::Result<bool> {
    write_while_read(&mut io::stdout().lock(), &escape::json(json))
}

/// Prints to standard error, ignoring errors: there may be no reader.
pub fn say(text: impl Into<Text>) {
    let _ = anstream::stderr().write_all(render(&text.into(), false).as_bytes());
}

/// Writes `text`. False if nobody reads it: a closed pipe is not an error.
fn write_while_read(stream: &mut dyn io::Write, text: &str) -> io::Result<bool> {
    match stream.write_all(text.as_bytes()).and_then(|()| stream.flush()) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(e) => Err(e),
    }
}

/// Renders a text with escape sequences for its styles. What its parts contain is escaped.
fn render(text: &Text, with_symbols: bool) -> String {
    let mut rendered = String::new();
    for part in text.parts() {
        let (style, text) = match part {
            Part::Styled(style, text) => (*style, escape::text(text)),
            Part::Mark(mark) if with_symbols => (mark.style(), format!("{} ", mark.symbol()).into()),
            Part::Mark(mark) => (mark.style(), mark.word().into()),
        };
        let style = ansi(style);
        rendered += &format!("{style}{text}{style:#}");
    }
    rendered
}

fn ansi(style: Style) -> anstyle::Style {
    match style {
        Style::Plain => anstyle::Style::new(),
        Style::Heading => anstyle::Style::new().bold(),
        Style::Error => AnsiColor::Red.on_default().bold(),
        Style::Warning => AnsiColor::Yellow.on_default().bold(),
        Style::Hint => AnsiColor::Cyan.on_default().bold(),
        Style::Ok => AnsiColor::Green.on_default().bold(),
        Style::Added => AnsiColor::Green.on_default(),
        Style::Removed => AnsiColor::Red.on_default(),
    }
}

/// Whether standard output is a terminal, so that somebody reads it.
pub fn is_for_people() -> bool {
    io::stdout().is_terminal()
}

/// Whether questions can be asked.
pub fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// How many columns the terminal of standard error has.
pub fn columns() -> usize {
    usize::from(dialoguer::console::Term::stderr().size().1)
}

/// The size of the terminal of standard output in columns and rows; 80 by 24 where there is none.
pub fn size() -> (u16, u16) {
    match dialoguer::console::Term::stdout().size_checked() {
        Some((rows, columns)) if io::stdout().is_terminal() => (columns, rows),
        _ => (80, 24),
    }
}

/// Whether colours are wanted on standard output.
pub fn shows_colors() -> bool {
    anstream::AutoStream::choice(&io::stdout()) != ColorChoice::Never
}

/// Takes the whole terminal: another screen, keys as they are typed, and the mouse. A panic gives it back, too.
pub fn start_screen() -> io::Result<ratatui::DefaultTerminal> {
    let screen = ratatui::try_init()?;
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        end_screen();
        before(panic);
    }));
    ratatui::crossterm::execute!(io::stdout(), ratatui::crossterm::event::EnableMouseCapture)?;
    Ok(screen)
}

/// Gives the terminal back.
pub fn end_screen() {
    let _ = ratatui::crossterm::execute!(io::stdout(), ratatui::crossterm::event::DisableMouseCapture);
    ratatui::restore();
}

/// Shows the cursor of standard error again, which an interrupted prompt has hidden.
pub fn show_cursor() {
    let _ = dialoguer::console::Term::stderr().show_cursor();
}

/// Whether standard error is a terminal where progress can be shown.
pub fn shows_progress() -> bool {
    abilities().progress
}

/// Whether the terminal shows more than ASCII.
pub fn shows_unicode() -> bool {
    abilities().unicode
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::text::Mark;

    #[test]
    fn names_are_escaped_and_styles_are_not() {
        let mut text = Text::from("a\u{1b}[2J ");
        text.push_styled(Style::Error, "b\u{202e}\n");
        text.push_mark(Mark::Ok);
        let words = render(&text, false);
        assert_eq!(
            words,
            "a\\u{1b}[2J \u{1b}[1m\u{1b}[31mb\\u{202e}\n\u{1b}[0m\u{1b}[1m\u{1b}[32mok      \u{1b}[0m"
        );
        assert!(render(&text, true).contains("✓ "));
    }

    fn requested(line: &str) -> Option<ColorWhen> {
        requested_color(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn color_is_found_before_the_arguments_are_parsed() {
        assert_eq!(requested("kache --color=always frob"), Some(ColorWhen::Always));
        assert_eq!(requested("kache list --json --color never"), Some(ColorWhen::Never));
        for line in ["kache list", "kache list --color", "kache --color=loud", "kache try -- --color never"] {
            assert_eq!(requested(line), None, "{line}");
        }
    }

    #[test]
    fn symbols_need_a_locale_that_is_not_ascii() {
        for (vars, expected) in [
            (&[][..], true),
            (&[("LANG", "de_DE.UTF-8")], true),
            (&[("LANG", "de_DE.UTF-8"), ("LC_ALL", "C")], false),
            (&[("LANG", "C"), ("LC_CTYPE", "C.utf8")], true),
            (&[("LC_ALL", ""), ("LANG", "POSIX")], false),
        ] {
            assert_eq!(is_unicode(&Env::with_vars(vars)), expected, "{vars:?}");
        }
    }
}
