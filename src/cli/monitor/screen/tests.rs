//! The screen as text, in several sizes and states. `REGENERATE=1 cargo test --lib golden` writes the texts again.

use std::path::Path;

use ratatui::crossterm::event::{
    Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};

use super::*;
use crate::cli::monitor::model::Page;
use crate::outcome::{Bypass, BypassReason, Edit, MissReason, Origin, Outcome};
use crate::protocol::message::RemoteStatus;

const NOW: u64 = 1_790_000_000_000;

fn record(place: &str, name: &str, n: u64, outcome: Outcome) -> Record {
    let mut record = Record::new(&Env::with_vars(&[]), &[]);
    record.place = place.to_owned();
    record.unit.crate_name = name.to_owned();
    record.unit.version = "1.0.0".to_owned();
    record.unit.kind = "lib".to_owned();
    record.unit.id = format!("-{n}");
    record.time_ms = NOW - 60_000 + n * 100;
    record.times.total_us = 1_500_000 + n * 10_000;
    record.compile_ms = 900 + n;
    record.outcome = outcome;
    record
}

fn outcome(n: u64) -> Outcome {
    match n % 4 {
        0 => Outcome::Hit { origin: Origin::Local },
        1 => Outcome::Hit { origin: Origin::Seeded },
        2 => Outcome::Miss { reason: MissReason::InputsChanged, unstored: None },
        _ => Outcome::Bypass { reason: BypassReason::new(Bypass::Probe, "out") },
    }
}

fn store() -> StoreFigures {
    StoreFigures {
        path: "/home/me/.cache/kache".to_owned(),
        disk_bytes: 20 << 30,
        max_bytes: 50 << 30,
        n_entries: 1234,
        n_quarantined: 1,
        largest: vec![("rustc_ap".to_owned(), 3 << 30), ("serde".to_owned(), 1 << 20)],
        oldest: vec![("old 0.1.0".to_owned(), NOW - 86_400_000)],
    }
}

fn one_project() -> Model {
    let mut records: Vec<Record> =
        (0..30).map(|n| record("/home/me/app", &format!("crate{n}"), n, outcome(n))).collect();
    // The build before, which had fewer units.
    for n in 0..10 {
        let mut before = record("/home/me/app", &format!("crate{n}"), n, outcome(0));
        before.time_ms -= 3_600_000;
        records.push(before);
    }
    Model::new(records, store(), NOW)
}

/// With a remote that answered twice, a second apart.
fn with_remote() -> Model {
    let mut model = one_project();
    let mut fetched = record("/home/me/app", "fetched", 50, Outcome::Hit { origin: Origin::Remote });
    fetched.times.fetch_us = 230_000;
    let mut missed = record("/home/me/app", "missed", 51, outcome(2));
    missed.not_fetched = Some("the remote did not answer in time".to_owned());
    missed.times.fetch_us = 3_000_000;
    model.add(vec![fetched, missed]);
    let mut status = RemoteStatus {
        place: "s3://shared/kache".to_owned(),
        n_queued: 12,
        is_sending: true,
        n_sent: 40,
        n_fetched: 7,
        n_requests: 99,
        sent_bytes: 80 << 20,
        received_bytes: 10 << 20,
        ..RemoteStatus::default()
    };
    model.transfer.update(Status::Daemon(Box::new(status.clone())), None);
    status.sent_bytes += 3 << 20;
    model.transfer.update(Status::Daemon(Box::new(status)), Some(Duration::from_secs(1)));
    model
}

#[test]
fn the_exchange_with_the_remote_is_shown_with_its_problems() {
    let mut model = with_remote();
    model.page = Page::Transfer;
    let text = plain(&model, 80, 24);
    assert!(text.contains("sent        83 MiB in 40 objects, 3 MiB/s; 12 queued, sending"), "{text}");
    assert!(text.contains("received    10 MiB for 7 entries, 0 B/s; 99 requests"), "{text}");
    assert_eq!(model.shown_transfers().len(), 2);
    model.filter = "in time".to_owned();
    assert_eq!(model.shown_transfers().len(), 1);
    let outage = RemoteStatus { outage: Some("403 Forbidden".to_owned()), ..RemoteStatus::default() };
    model.transfer.update(Status::Daemon(Box::new(outage)), Some(Duration::from_secs(1)));
    assert!(plain(&model, 80, 24).contains("not asked for now: 403 Forbidden"));
    model.transfer.update(Status::NoDaemon { n_queued: 3 }, None);
    assert!(plain(&model, 80, 24).contains("No daemon is running; 3 objects queued"));
}

fn many_projects() -> Model {
    let records =
        (0..500).map(|n| record(&format!("/src/project-{n:03}"), "app", n % 40, outcome(n))).collect();
    Model::new(records, store(), NOW)
}

fn strange_names() -> Model {
    let names =
        ["名前が長い箱の名前が長い箱の名前が長い", "שלום־עולם", "a\u{202e}b\u{1b}[31m", "e\u{301}clair"];
    let records = names.iter().zip(0..).map(|(name, n)| {
        record(
            "/源/שלום",
            name,
            n,
            Outcome::Edit { edit: Edit::Source, detail: format!("{name}.rs"), failed: false },
        )
    });
    Model::new(records.collect(), store(), NOW)
}

fn plain(model: &Model, columns: u16, rows: u16) -> String {
    frame(model, Look { colors: false, unicode: true }, columns, rows).unwrap()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "it writes the project, not a user's files")]
fn golden_screens_are_drawn() {
    let mut stale = Vec::new();
    let is_asked = Env::from_process().get("REGENERATE").is_some();
    for (name, make) in [
        ("empty", Model::default as fn() -> Model),
        ("one", one_project),
        ("remote", with_remote),
        ("many", many_projects),
        ("strange", strange_names),
    ] {
        for page in Page::ALL {
            for (columns, rows) in [(80, 24), (200, 60)] {
                let mut model = make();
                model.page = page;
                let text = plain(&model, columns, rows);
                let file = format!("{name}-{}-{columns}.txt", page.title().to_lowercase());
                let path =
                    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/monitor/screen/golden").join(file);
                if is_asked {
                    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                    std::fs::write(&path, &text).unwrap();
                }
                if std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n") != text {
                    stale.push(format!("{}\n{text}", path.display()));
                }
            }
        }
    }
    assert!(stale.is_empty(), "run `REGENERATE=1 cargo test --lib golden`: {}", stale.join("\n"));
}

#[test]
fn no_name_controls_the_terminal() {
    let mut model = strange_names();
    model.filter = "\u{1b}".to_owned();
    for page in Page::ALL {
        model.page = page;
        let text = plain(&model, 80, 24);
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
    }
}

#[test]
fn without_unicode_the_frame_is_ascii() {
    for page in Page::ALL {
        let mut model = one_project();
        model.page = page;
        let text = frame(&model, Look { colors: false, unicode: false }, 80, 24).unwrap();
        assert!(text.is_ascii(), "{text}");
    }
}

#[test]
fn colors_are_used_only_if_wanted() {
    let colors = |colors| {
        let mut screen = Terminal::new(TestBackend::new(80, 24)).unwrap();
        screen.draw(|frame| draw(&one_project(), Look { colors, unicode: true }, frame)).unwrap();
        let cells = screen.backend().buffer().content.clone();
        cells.iter().filter(|cell| cell.fg != ratatui::style::Color::Reset).count()
    };
    assert_eq!(colors(false), 0);
    assert!(colors(true) > 0);
}

#[test]
fn any_size_can_be_drawn() {
    for (columns, rows) in [(1, 1), (2, 3), (10, 2), (40, 5), (500, 200)] {
        for page in Page::ALL {
            let mut model = one_project();
            (model.page, model.shows_help, model.scroll) = (page, true, 1000);
            plain(&model, columns, rows);
        }
    }
}

fn key(model: &mut Model, code: KeyCode) -> Next {
    handle(&Event::Key(KeyEvent::new(code, KeyModifiers::NONE)), model)
}

#[test]
fn keys_and_the_mouse_move_around() {
    let mut model = one_project();
    assert_eq!(key(&mut model, KeyCode::Char('2')), Next::Draw);
    assert_eq!(model.page, Page::Projects);
    key(&mut model, KeyCode::Tab);
    assert_eq!(model.page, Page::Store);
    key(&mut model, KeyCode::Tab);
    assert_eq!(model.page, Page::Transfer);
    key(&mut model, KeyCode::Tab);
    assert_eq!(model.page, Page::Build);
    for code in [KeyCode::PageDown, KeyCode::PageDown, KeyCode::PageDown] {
        key(&mut model, code);
    }
    assert_eq!(model.scroll, 29, "the last unit stays visible");
    key(&mut model, KeyCode::Home);
    for c in "/crate12".chars() {
        key(&mut model, KeyCode::Char(c));
    }
    assert_eq!(model.shown_units().len(), 1);
    // While the filter is typed, letters are no commands.
    key(&mut model, KeyCode::Char('q'));
    assert_eq!((model.filter.as_str(), model.n_rows()), ("crate12q", 0));
    key(&mut model, KeyCode::Backspace);
    key(&mut model, KeyCode::Enter);
    assert!(plain(&model, 80, 24).contains("filter: crate12"));
    key(&mut model, KeyCode::Esc);
    assert_eq!(model.shown_units().len(), 30);
    key(&mut model, KeyCode::Char('s'));
    assert!(model.shown_units().windows(2).all(|pair| pair[0].took_ms >= pair[1].took_ms));
    key(&mut model, KeyCode::Char('?'));
    assert!(plain(&model, 80, 24).contains("show or hide this help"));
    let click = |column, row| {
        Event::Mouse(MouseEvent {
            kind: MouseEventKind::Down(MouseButton::Left),
            column,
            row,
            modifiers: KeyModifiers::NONE,
        })
    };
    handle(&click(12, 0), &mut model);
    assert_eq!(model.page, Page::Projects);
    assert_eq!(handle(&click(12, 5), &mut model), Next::Nothing);
    assert_eq!(key(&mut model, KeyCode::Char('q')), Next::Quit);
    let interrupt = Event::Key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
    assert_eq!(handle(&interrupt, &mut model), Next::Quit);
}

#[test]
fn a_running_build_is_compared_with_the_one_before() {
    let mut model = one_project();
    let build = model.build.clone().unwrap();
    assert_eq!((build.n_units, build.n_hits, build.n_expected), (30, 16, Some(10)));
    assert!(!model.is_building());
    let mut next = record("/home/me/app", "crate99", 99, outcome(0));
    next.time_ms = NOW - 1_000;
    model.add(vec![next]);
    assert!(model.is_building());
    assert!(plain(&model, 80, 24).contains("Building: /home/me/app"));
}
