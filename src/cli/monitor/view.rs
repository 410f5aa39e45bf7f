//! Draws the screen of `kache monitor`. Names come from projects, and are escaped.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

use crate::cli::monitor::model::{BuildFigures, Model, Page, Project, UnitRow};
use crate::cli::monitor::transfer::{Status, TransferRow};
use crate::config::units::{format_bytes, format_duration};
use crate::report::build::Fate;
use crate::report::escape;
use crate::report::words::counted;

/// How far the keys for a page scroll.
pub const PAGE_ROWS_STEP: isize = 15;

/// The keys, for the help.
pub const KEYS: [(&str, &str); 8] = [
    ("1 to 4, Tab", "change the page"),
    ("↑ ↓, j k", "scroll by a row"),
    ("PgUp PgDn", "scroll by a page"),
    ("Home", "back to the start"),
    ("/", "filter; Enter keeps it, Esc clears it"),
    ("s", "change the order"),
    ("?", "show or hide this help"),
    ("q, Ctrl-C", "quit"),
];

/// How the screen may look.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub colors: bool,
    /// Whether bars may be drawn with more than ASCII.
    pub unicode: bool,
}

/// Draws everything.
pub fn draw(model: &Model, look: Look, frame: &mut Frame<'_>) {
    let [tabs, body, keys] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(0), Constraint::Length(1)])
            .areas(frame.area());
    frame.render_widget(Paragraph::new(tab_line(model)), tabs);
    match model.page {
        Page::Build => draw_build(model, look, frame, body),
        Page::Projects => draw_list(frame, body, project_heading(model), project_lines(model), model.scroll),
        Page::Store => draw_store(model, look, frame, body),
        Page::Transfer => {
            draw_list(frame, body, transfer_heading(model), transfer_lines(model, look), model.scroll);
        }
    }
    frame.render_widget(Paragraph::new(key_line(model)), keys);
    if model.shows_help {
        draw_help(frame, body);
    }
}

fn tab_line(model: &Model) -> Line<'static> {
    let mut line = Line::default();
    for (index, page) in Page::ALL.iter().enumerate() {
        let modifier = if *page == model.page { Modifier::REVERSED } else { Modifier::empty() };
        let title = format!(" {} {} ", index + 1, page.title());
        line.push_span(Span::styled(title, Style::new().add_modifier(modifier)));
    }
    line.push_span(if model.has_daemon { "  live, from the daemon" } else { "  live, from the records" });
    line
}

/// The page whose title is at this place of the screen.
pub fn page_at(column: u16, row: u16) -> Option<Page> {
    let mut end = 0;
    for page in Page::ALL {
        end += page.title().len() + 4;
        if usize::from(column) < end {
            return (row == 0).then_some(page);
        }
    }
    None
}

fn key_line(model: &Model) -> Line<'static> {
    if model.is_typing {
        return Line::from(format!("filter: {}_", escape::line(&model.filter)));
    }
    let filter = match model.filter.as_str() {
        "" => String::new(),
        filter => format!("  filter: {}", escape::line(filter)),
    };
    Line::from(format!("? help  / filter  s {}  q quit{filter}", model.order.name()))
        .style(Style::new().add_modifier(Modifier::DIM))
}

fn draw_build(model: &Model, look: Look, frame: &mut Frame<'_>, area: Rect) {
    let Some(build) = &model.build else {
        frame.render_widget(
            Paragraph::new("\n No builds yet. Build with cargo, and they show up here."),
            area,
        );
        return;
    };
    let [head, rows] = Layout::vertical([Constraint::Length(4), Constraint::Min(0)]).areas(area);
    frame.render_widget(Paragraph::new(build_heading(model, build, look, head.width)), head);
    let lines = model.shown_units().into_iter().map(|unit| unit_line(unit, look)).collect();
    draw_rows(frame, rows, lines, model.scroll);
}

fn build_heading(model: &Model, build: &BuildFigures, look: Look, width: u16) -> Vec<Line<'static>> {
    let state = if model.is_building() { "Building" } else { "Last build" };
    let took = ms(build.end_ms.saturating_sub(build.start_ms));
    let missed = match model.n_missed {
        0 => String::new(),
        n => format!(", {n} skipped"),
    };
    let seeded = match build.n_seeded {
        0 => String::new(),
        n => format!(" ({n} seeded)"),
    };
    vec![
        Line::from(format!("{state}: {}", escape::line(&build.place))).style(bold()),
        Line::from(format!(
            "{} in {took}: {} hits{seeded}, {} compiled, saved {}{missed}",
            counted(build.n_units, "unit"),
            build.n_hits,
            build.n_compiled,
            ms(build.saved_ms)
        )),
        bar(model, build, look, width),
        Line::default(),
    ]
}

/// How far the build is, compared with the one before.
fn bar(model: &Model, build: &BuildFigures, look: Look, width: u16) -> Line<'static> {
    let Some(n_expected) = build.n_expected.filter(|n| *n > 0) else {
        return Line::from("no earlier build here to compare with");
    };
    let label = match model.is_building() {
        true => format!(" {} of {n_expected} units of the build before", build.n_units),
        false => format!(" {}; the build before had {n_expected}", counted(build.n_units, "unit")),
    };
    let room = usize::from(width).saturating_sub(label.len() + 2).min(40);
    let full = (build.n_units.min(n_expected) * room).div_ceil(n_expected);
    let (done, open) = if look.unicode { ("█", "░") } else { ("#", ".") };
    Line::from(format!("{}{}{label}", done.repeat(full), open.repeat(room - full)))
}

fn unit_line(unit: &UnitRow, look: Look) -> Line<'static> {
    let title = escape::line(&unit.title).into_owned();
    // Nobody waited for a unit that was in place.
    let (name, took) =
        if unit.is_seeded { ("seeded", String::new()) } else { (unit.fate.name(), ms(unit.took_ms)) };
    let detail = match unit.fate {
        Fate::Hit => format!("saved {}", ms(unit.saved_ms)),
        _ => escape::line(&unit.reason).into_owned(),
    };
    let color = match unit.fate {
        Fate::Hit => Color::Green,
        Fate::Miss => Color::Red,
        Fate::Edit => Color::Yellow,
        Fate::Bypass => Color::Gray,
    };
    let style = if look.colors { Style::new().fg(color) } else { Style::new() };
    let mut line = Line::from(Span::styled(format!("{name:<7}"), style));
    line.push_span(format!("{took:>7}  {}  {detail}", padded(&title, 34)));
    line
}

/// A name in so many columns: wide characters take two.
fn padded(name: &str, columns: usize) -> String {
    let width = Span::raw(name.to_owned()).width();
    name.to_owned() + &" ".repeat(columns.saturating_sub(width))
}

fn project_heading(model: &Model) -> Vec<Line<'static>> {
    let n = model.shown_projects().len();
    vec![
        Line::from(counted(n, "project")).style(bold()),
        Line::from("HIT RATE    SAVED  UNITS       LAST  PROJECT").style(bold()),
    ]
}

fn project_lines(model: &Model) -> Vec<Line<'static>> {
    model.shown_projects().into_iter().map(|project| project_line(project, model.now_ms)).collect()
}

fn project_line(project: &Project, now_ms: u64) -> Line<'static> {
    let rate = match project.n_cacheable {
        0 => "-".to_owned(),
        n => format!("{:.0} %", project.n_hits as f64 / n as f64 * 100.0),
    };
    Line::from(format!(
        "{rate:>8}  {:>7}  {:>5}  {:>9}  {}",
        ms(project.saved_ms),
        project.n_units,
        ago(project.last_ms, now_ms),
        escape::line(&project.place)
    ))
}

fn draw_store(model: &Model, look: Look, frame: &mut Frame<'_>, area: Rect) {
    let store = &model.store;
    let share = store.disk_bytes as f64 / store.max_bytes.max(1) as f64;
    let room = usize::from(area.width).saturating_sub(2).min(60);
    let full = ((share * room as f64).round() as usize).min(room);
    let (done, open) = if look.unicode { ("█", "░") } else { ("#", ".") };
    let altered = match store.n_quarantined {
        0 => "no altered files found".to_owned(),
        n => format!("{} in quarantine", counted(n, "altered file")),
    };
    let heading = vec![
        Line::from(escape::line(&store.path).into_owned()).style(bold()),
        Line::from(format!(
            "{} of at most {} ({:.0} %), {}, {altered}",
            format_bytes(store.disk_bytes),
            format_bytes(store.max_bytes),
            share * 100.0,
            counted(store.n_entries, "entry")
        )),
        Line::from(format!("{}{}", done.repeat(full), open.repeat(room - full))),
        Line::default(),
        Line::from(format!("{}  {}", padded("LARGEST CRATES", 36), "UNUSED FOR LONGEST")).style(bold()),
    ];
    draw_list(frame, area, heading, store_lines(model), model.scroll);
}

fn store_lines(model: &Model) -> Vec<Line<'static>> {
    let store = &model.store;
    let mut lines = Vec::new();
    for index in 0..store.largest.len().max(store.oldest.len()) {
        let large = store
            .largest
            .get(index)
            .map(|(name, bytes)| format!("{:>9}  {}", format_bytes(*bytes), escape::line(name)));
        let old = store
            .oldest
            .get(index)
            .map(|(name, last_ms)| format!("{:>9}  {}", ago(*last_ms, model.now_ms), escape::line(name)));
        lines.push(Line::from(format!(
            "{}  {}",
            padded(&large.unwrap_or_default(), 36),
            old.unwrap_or_default()
        )));
    }
    lines
}

fn transfer_heading(model: &Model) -> Vec<Line<'static>> {
    let titles = Line::from(format!("{:<11}{:>7}  UNIT", "", "WAITED")).style(bold());
    let remote = match &model.transfer.status {
        Status::NoRemote => {
            return vec![
                Line::from("No remote is configured").style(bold()),
                Line::from("`kache config set cache.remote.bucket NAME` shares entries with other machines."),
                Line::default(),
            ];
        }
        Status::NoDaemon { n_queued } => {
            return vec![
                Line::from(format!("No daemon is running; {} queued", counted(*n_queued, "object")))
                    .style(bold()),
                Line::from("`kache daemon start` has it sent; `kache sync --push` sends it at once."),
                Line::default(),
                titles,
            ];
        }
        Status::Daemon(remote) => remote,
    };
    let rates = model.transfer.rates.unwrap_or_default();
    let sending = if remote.is_sending { ", sending" } else { "" };
    let health = match (&remote.outage, &remote.sending_problem) {
        (Some(why), _) => format!("not asked for now: {}", escape::line(why)),
        (None, Some(why)) => format!("not sent: {}", escape::line(why)),
        (None, None) => "no problem".to_owned(),
    };
    vec![
        Line::from(escape::line(&remote.place).into_owned()).style(bold()),
        Line::from(format!(
            "sent     {:>9} in {}, {}/s; {} queued{sending}",
            format_bytes(remote.sent_bytes),
            counted(remote.n_sent as usize, "object"),
            format_bytes(rates.0 as u64),
            remote.n_queued
        )),
        Line::from(format!(
            "received {:>9} for {}, {}/s; {}",
            format_bytes(remote.received_bytes),
            counted(remote.n_fetched as usize, "entry"),
            format_bytes(rates.1 as u64),
            counted(remote.n_requests as usize, "request")
        )),
        Line::from(health),
        Line::default(),
        titles,
    ]
}

fn transfer_lines(model: &Model, look: Look) -> Vec<Line<'static>> {
    model.shown_transfers().into_iter().map(|unit| transfer_line(unit, look)).collect()
}

fn transfer_line(unit: &TransferRow, look: Look) -> Line<'static> {
    let (word, color) = match unit.is_fetched {
        true => ("fetched", Color::Green),
        false => ("not fetched", Color::Red),
    };
    let style = if look.colors { Style::new().fg(color) } else { Style::new() };
    let title = escape::line(&unit.title).into_owned();
    let mut line = Line::from(Span::styled(format!("{word:<11}"), style));
    line.push_span(format!(
        "{:>7}  {}  {}",
        ms(unit.waited_ms),
        padded(&title, 34),
        escape::line(&unit.detail)
    ));
    line
}

fn draw_list(
    frame: &mut Frame<'_>,
    area: Rect,
    heading: Vec<Line<'static>>,
    rows: Vec<Line<'static>>,
    scroll: usize,
) {
    let height = heading.len() as u16;
    let [head, body] = Layout::vertical([Constraint::Length(height), Constraint::Min(0)]).areas(area);
    frame.render_widget(Paragraph::new(heading), head);
    draw_rows(frame, body, rows, scroll);
}

/// The rows from `scroll` on, as many as there is room for.
fn draw_rows(frame: &mut Frame<'_>, area: Rect, rows: Vec<Line<'static>>, scroll: usize) {
    let shown: Vec<Line<'_>> = rows.into_iter().skip(scroll).take(usize::from(area.height)).collect();
    frame.render_widget(Paragraph::new(shown), area);
}

fn draw_help(frame: &mut Frame<'_>, area: Rect) {
    let mut lines = vec![Line::from(" Keys ").style(bold())];
    lines.extend(KEYS.iter().map(|(keys, what)| Line::from(format!(" {}  {what}", padded(keys, 12)))));
    let width = area.width.min(60);
    let height = area.height.min(lines.len() as u16 + 1);
    let place =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines), place);
}

fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

fn ms(ms: u64) -> String {
    format_duration(Duration::from_millis(ms))
}

/// How long ago something was, in its largest unit.
fn ago(time_ms: u64, now_ms: u64) -> String {
    let ago = format_duration(Duration::from_millis(now_ms.saturating_sub(time_ms) / 1000 * 1000));
    format!("{} ago", ago.split(' ').next().unwrap_or_default())
}
