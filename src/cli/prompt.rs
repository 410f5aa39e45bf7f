//! Questions on a terminal, asked with `dialoguer` on standard error, which stays a terminal where the output is piped.
//!
//! Its prompts hide the cursor and leave it hidden if they are interrupted. So Ctrl-C ends the process after the cursor is
//! back.

use dialoguer::{Confirm, MultiSelect, Select};

use crate::cli::exit::Failure;
use crate::cli::terminal;
use crate::report::escape;
use crate::sys::signal::{self, PromptInterrupt};

/// Asks a yes-or-no question; Enter alone is yes. The answer needs Enter, so that the rest of a typed word does not answer
/// the next question.
pub fn confirm(question: &str) -> Result<bool, Failure> {
    let prompt = Confirm::new().with_prompt(escape::text(question)).default(true).wait_for_newline(true);
    interact(|| prompt.interact())
}

/// Has one of `items` chosen. Returns its index.
pub fn select(question: &str, items: &[&str]) -> Result<usize, Failure> {
    let prompt = Select::new().with_prompt(escape::text(question)).items(items).default(0);
    interact(|| prompt.interact())
}

/// Has any number of `items` chosen, each of which is one line. Returns which; `None` if the user leaves with Escape.
pub fn choose(question: &str, items: &[String]) -> Result<Option<Vec<bool>>, Failure> {
    let prompt = MultiSelect::new().with_prompt(escape::text(question)).items(items).report(false);
    let Some(indexes) = interact(|| prompt.interact_opt())? else { return Ok(None) };
    let mut chosen = vec![false; items.len()];
    for index in indexes {
        chosen[index] = true;
    }
    Ok(Some(chosen))
}

fn interact<T>(prompt: impl FnOnce() -> dialoguer::Result<T>) -> Result<T, Failure> {
    let interrupt = PromptInterrupt::begin(terminal::show_cursor)?;
    let answer = prompt();
    let was_interrupted = interrupt.end();
    if was_interrupted || answer.is_err() {
        terminal::show_cursor();
    }
    if was_interrupted {
        signal::end_by_interrupt();
    }
    answer.map_err(|e| Failure::new(format_args!("failed to read the answer from the terminal: {e}")))
}
