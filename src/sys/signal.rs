//! Signals to a running process.

use std::io;

/// One such request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// To end: SIGTERM, SIGINT.
    Stop,
    /// To read the configuration again: SIGHUP.
    Reload,
}

/// Calls `on_signal` for each request, in a thread of its own, until the process ends.
#[cfg(unix)]
pub fn watch(on_signal: impl Fn(Signal) + Send + 'static) -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            on_signal(if signal == SIGHUP { Signal::Reload } else { Signal::Stop });
        }
    })?;
    Ok(())
}

/// A process without a console gets none here: it is asked through its pipe.
#[cfg(windows)]
pub fn watch(_on_signal: impl Fn(Signal) + Send + 'static) -> io::Result<()> {
    Ok(())
}
