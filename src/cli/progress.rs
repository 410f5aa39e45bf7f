//! Progress on standard error: a spinner or a bar on a terminal. Elsewhere nothing, except for steps that may take minutes:
//! one line for each, so that a log shows what a command waits for.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::terminal;
use crate::report::escape;

const TICK: Duration = Duration::from_millis(100);

/// Something that takes a while. The progress disappears with this value.
pub struct Progress {
    /// `None` where standard error is not a terminal.
    bar: Option<ProgressBar>,
    is_long: bool,
}

impl Progress {
    /// A spinner for something that takes seconds.
    pub fn short(what: &str) -> Progress {
        Progress::new(what, false, "{spinner} {wide_msg}")
    }

    /// A spinner for something that may take minutes, which is announced where there is no terminal.
    pub fn long(what: &str) -> Progress {
        Progress::new(what, true, "{spinner} {wide_msg}")
    }

    fn new(what: &str, is_long: bool, template: &str) -> Progress {
        let mut progress = Progress { bar: None, is_long };
        if terminal::shows_progress() {
            let bar = ProgressBar::new(0).with_style(style(template));
            bar.enable_steady_tick(TICK);
            progress.bar = Some(bar);
        }
        progress.step(what);
        progress
    }

    /// A bar for bytes, which may take minutes.
    pub fn long_bytes(what: &str) -> Progress {
        let template = "{spinner} {msg} [{bar:25}] {binary_bytes} of {binary_total_bytes}, {eta} left";
        Progress::new(what, true, template)
    }

    /// The next step.
    pub fn step(&self, what: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(escape::line(what).into_owned()),
            None if self.is_long => terminal::say(format!("{what} …\n")),
            None => {}
        }
    }

    /// What the current step is doing. Shown on terminals only.
    pub fn detail(&self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(escape::line(what).into_owned());
        }
    }

    /// Sets the number of bytes read, and of all bytes.
    pub fn set_bytes(&self, n_read: u64, n_bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(n_bytes);
            bar.set_position(n_read);
        }
    }

    /// Does something that writes to the terminal, with the progress out of the way.
    pub fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
    if terminal::shows_unicode() { style } else { style.tick_chars("-\\|/ ").progress_chars("=> ") }
}
