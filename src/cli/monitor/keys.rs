//! What keys and the mouse do on the screen of `kache monitor`.

use ratatui::crossterm::event::{
    Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind,
};

use crate::cli::monitor::model::{Model, Page};
use crate::cli::monitor::view::{PAGE_ROWS_STEP, page_at};

/// What follows from an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing changed.
    Nothing,
    Draw,
    Quit,
}

/// Handles an event.
pub fn handle(event: &Event, model: &mut Model) -> Next {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => handle_key(key, model),
        Event::Mouse(mouse) => match mouse.kind {
            MouseEventKind::ScrollDown => scroll(model, 3),
            MouseEventKind::ScrollUp => scroll(model, -3),
            MouseEventKind::Down(MouseButton::Left) => match page_at(mouse.column, mouse.row) {
                Some(page) => turn_to(model, page),
                None => Next::Nothing,
            },
            _ => Next::Nothing,
        },
        Event::Resize(..) => Next::Draw,
        _ => Next::Nothing,
    }
}

fn handle_key(key: &KeyEvent, model: &mut Model) -> Next {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return if matches!(key.code, KeyCode::Char('c' | 'd')) { Next::Quit } else { Next::Nothing };
    }
    if model.is_typing {
        return type_filter(key.code, model);
    }
    match key.code {
        KeyCode::Char('q') => return Next::Quit,
        KeyCode::Esc if !model.shows_help && model.filter.is_empty() => return Next::Quit,
        KeyCode::Esc => {
            model.shows_help = false;
            model.filter.clear();
        }
        KeyCode::Char('?') | KeyCode::F(1) => model.shows_help = !model.shows_help,
        KeyCode::Char('/') => model.is_typing = true,
        KeyCode::Char('s') => model.order = model.order.next(),
        KeyCode::Char(digit @ '1'..='4') => return turn_to(model, Page::ALL[digit as usize - '1' as usize]),
        KeyCode::Tab | KeyCode::Right => return turn_by(model, 1),
        KeyCode::BackTab | KeyCode::Left => return turn_by(model, Page::ALL.len() - 1),
        KeyCode::Down | KeyCode::Char('j') => return scroll(model, 1),
        KeyCode::Up | KeyCode::Char('k') => return scroll(model, -1),
        KeyCode::PageDown => return scroll(model, PAGE_ROWS_STEP),
        KeyCode::PageUp => return scroll(model, -PAGE_ROWS_STEP),
        KeyCode::Home | KeyCode::Char('g') => model.scroll = 0,
        _ => return Next::Nothing,
    }
    Next::Draw
}

fn type_filter(code: KeyCode, model: &mut Model) -> Next {
    match code {
        KeyCode::Enter => model.is_typing = false,
        KeyCode::Esc => {
            model.is_typing = false;
            model.filter.clear();
        }
        KeyCode::Backspace => drop(model.filter.pop()),
        KeyCode::Char(c) => model.filter.push(c),
        _ => return Next::Nothing,
    }
    model.scroll = 0;
    Next::Draw
}

fn turn_by(model: &mut Model, n: usize) -> Next {
    let at = Page::ALL.iter().position(|page| *page == model.page).unwrap_or(0);
    turn_to(model, Page::ALL[(at + n) % Page::ALL.len()])
}

fn turn_to(model: &mut Model, page: Page) -> Next {
    model.page = page;
    model.scroll = 0;
    Next::Draw
}

fn scroll(model: &mut Model, by: isize) -> Next {
    let last = model.n_rows().saturating_sub(1);
    model.scroll = model.scroll.saturating_add_signed(by).min(last);
    Next::Draw
}
