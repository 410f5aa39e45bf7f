//! The screen of `kache monitor`: reads keys and records, and draws when something changed. The terminal is as before when
//! it ends, whether by a key, a signal, an error or a panic.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event;

use crate::cli::exit::{Exit, Failure};
use crate::cli::monitor::follow::Follower;
use crate::cli::monitor::keys::{Next, handle};
use crate::cli::monitor::model::{Model, StoreFigures};
use crate::cli::monitor::transfer::{self, Status};
use crate::cli::monitor::view::{Look, draw};
use crate::cli::progress::Progress;
use crate::cli::session::Session;
use crate::cli::terminal;
use crate::config::Config;
use crate::gc::survey;
use crate::index::query::EntryRow;
use crate::index::records;
use crate::protocol::message::Update;
use crate::run::record::Record;
use crate::store::Store;
use crate::sys::env::Env;
use crate::sys::signal::{self, StopFlag};
use crate::sys::{clock, fs};

/// How long to wait for a key before looking for records.
const TICK: Duration = Duration::from_millis(200);
/// Times that are shown grow: this often, the screen is drawn without any news.
const REDRAW_EVERY: Duration = Duration::from_secs(10);
/// How many crates and entries the page of the store lists.
const MOST_LISTED: usize = 50;

/// Shows the screen until the user leaves it.
pub fn run(config: &Config, since_ms: u64, session: &Session<'_>) -> Result<Exit, Failure> {
    let mut model = load(config, since_ms, session)?;
    let news = follow(session.env, config);
    let stop = StopFlag::begin()?;
    signal::end_with_terminal()?;
    let mut screen = terminal::start_screen()?;
    let ended = show(&mut model, &news, &stop, &mut screen);
    terminal::end_screen();
    ended?;
    Ok(Exit::Ok)
}

/// Prints the screen once, as text of the size of the terminal.
pub fn once(config: &Config, since_ms: u64, session: &Session<'_>) -> Result<Exit, Failure> {
    let mut model = load(config, since_ms, session)?;
    model.transfer.update(transfer::ask(session.env, config), None);
    let (columns, rows) = terminal::size();
    let text = frame(&model, Look { colors: false, unicode: terminal::shows_unicode() }, columns, rows)?;
    session.print(text)?;
    Ok(Exit::Ok)
}

/// The screen as text, without blanks at the ends of lines.
pub fn frame(model: &Model, look: Look, columns: u16, rows: u16) -> Result<String, Failure> {
    let mut screen =
        Terminal::new(TestBackend::new(columns, rows)).map_err(|e| Failure::new(e.to_string()))?;
    screen.draw(|frame| draw(model, look, frame)).map_err(|e| Failure::new(e.to_string()))?;
    let buffer = screen.backend().buffer();
    let mut text = String::new();
    for row in buffer.content.chunks(usize::from(columns)) {
        let mut line = String::new();
        let mut n_covered = 0;
        for cell in row {
            // A wide character covers the cells behind it.
            if n_covered == 0 {
                line += cell.symbol();
                n_covered = ratatui::text::Span::raw(cell.symbol()).width();
            }
            n_covered = n_covered.saturating_sub(1);
        }
        text += line.trim_end();
        text.push('\n');
    }
    Ok(text)
}

fn load(config: &Config, since_ms: u64, session: &Session<'_>) -> Result<Model, Failure> {
    let cache_dir = &config.cache_dir.value;
    let progress = Progress::short("Reading the records and the store");
    let records = records::read_since(&Store::records_dir(cache_dir), since_ms).records;
    drop(progress);
    let store = store_figures(config, session)?;
    Ok(Model::new(records, store, clock::now_ms()))
}

fn store_figures(config: &Config, session: &Session<'_>) -> Result<StoreFigures, Failure> {
    let cache_dir = &config.cache_dir.value;
    let mut figures = StoreFigures {
        path: cache_dir.display().to_string(),
        max_bytes: config.max_size_bytes.value,
        ..StoreFigures::default()
    };
    if fs::metadata(cache_dir).is_err() {
        return Ok(figures);
    }
    let mut rows = session.index(cache_dir)?.entries(None)?;
    let mut sizes: HashMap<String, u64> = HashMap::new();
    for row in &rows {
        *sizes.entry(name(row).to_owned()).or_default() += row.size_bytes;
    }
    figures.disk_bytes = survey::disk_bytes(cache_dir).0;
    figures.n_entries = rows.len();
    figures.n_quarantined = Store::at(cache_dir).loose("quarantine", &mut Vec::new()).len();
    figures.largest = sizes.into_iter().collect();
    figures.largest.sort_by(|one, other| (other.1, &one.0).cmp(&(one.1, &other.0)));
    figures.largest.truncate(MOST_LISTED);
    rows.sort_by_key(|row| row.last_used_ms);
    let oldest = rows.into_iter().take(MOST_LISTED);
    figures.oldest =
        oldest.map(|row| (format!("{} {}", name(&row), row.version), row.last_used_ms)).collect();
    Ok(figures)
}

/// The name of an entry: of a build script its package, because all build scripts have the same crate name.
fn name(row: &EntryRow) -> &str {
    if row.kind.ends_with("build-script") { &row.package } else { &row.crate_name }
}

/// What the thread that follows the records has to say.
enum News {
    Records(Vec<Record>),
    Missed(u64),
    Source { has_daemon: bool },
}

/// What is new: from the records, and from the daemon about the remote, with the time since it was last asked.
struct Updates {
    records: Receiver<News>,
    transfer: Receiver<(Status, Option<Duration>)>,
}

/// Follows the records and the remote in threads of their own, which end with the process.
fn follow(env: &Env, config: &Config) -> Updates {
    let (answers, transfer) = channel();
    if config.has_remote {
        let (env, config) = (env.clone(), config.clone());
        std::thread::spawn(move || transfer::ask_repeatedly(&env, &config, &answers));
    }
    let (sender, records) = channel();
    let (env, records_dir) = (env.clone(), Store::records_dir(&config.cache_dir.value));
    std::thread::spawn(move || {
        let mut follower = Follower::new(&env, records_dir);
        let mut is_read = sender.send(News::Source { has_daemon: follower.has_daemon() }).is_ok();
        while is_read {
            for news in news(follower.wait()) {
                is_read &= sender.send(news).is_ok();
            }
            is_read &= sender.send(News::Source { has_daemon: follower.has_daemon() }).is_ok();
        }
    });
    Updates { records, transfer }
}

fn news(updates: Vec<Update>) -> Vec<News> {
    let mut records = Vec::new();
    let mut news = Vec::new();
    for update in updates {
        match update {
            // A newer version may write records that this one does not know.
            Update::Record { record, .. } => records.extend(serde_json::from_value(record).ok()),
            Update::Missed { n } => news.push(News::Missed(n)),
        }
    }
    if !records.is_empty() {
        news.push(News::Records(records));
    }
    news
}

fn show(
    model: &mut Model,
    updates: &Updates,
    stop: &StopFlag,
    screen: &mut ratatui::DefaultTerminal,
) -> std::io::Result<()> {
    let look = Look { colors: terminal::shows_colors(), unicode: terminal::shows_unicode() };
    let mut drawn: Option<Instant> = None;
    let mut was_building = false;
    while !stop.is_raised() {
        let is_new = take_news(model, updates);
        model.now_ms = clock::now_ms();
        let has_ended = std::mem::replace(&mut was_building, model.is_building()) && !was_building;
        if is_new || has_ended || drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAW_EVERY) {
            screen.draw(|frame| draw(model, look, frame))?;
            drawn = Some(Instant::now());
        }
        if !event::poll(TICK)? {
            continue;
        }
        match handle(&event::read()?, model) {
            Next::Nothing => {}
            Next::Draw => drawn = None,
            Next::Quit => break,
        }
    }
    Ok(())
}

/// Takes what is new. Whether there is anything to draw.
fn take_news(model: &mut Model, updates: &Updates) -> bool {
    let mut records = Vec::new();
    let mut is_new = false;
    while let Ok((status, since)) = updates.transfer.try_recv() {
        let before = (model.transfer.status.clone(), model.transfer.rates);
        model.transfer.update(status, since);
        is_new |= before != (model.transfer.status.clone(), model.transfer.rates);
    }
    while let Ok(news) = updates.records.try_recv() {
        match news {
            News::Records(new) => records.extend(new),
            News::Missed(n) => {
                model.n_missed += n;
                is_new = true;
            }
            News::Source { has_daemon } => {
                is_new |= model.has_daemon != has_daemon;
                model.has_daemon = has_daemon;
            }
        }
    }
    if !records.is_empty() {
        model.add(records);
        is_new = true;
    }
    is_new
}

#[cfg(test)]
mod tests;
