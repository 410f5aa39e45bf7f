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

/// Puts Ctrl-C off: the process does not end by it until [`DeferredInterrupt::end`].
pub struct DeferredInterrupt {
    #[cfg(unix)]
    is_over: std::sync::Arc<std::sync::atomic::AtomicBool>,
    #[cfg(unix)]
    was_raised: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

#[cfg(unix)]
impl DeferredInterrupt {
    /// Begins.
    pub fn begin() -> io::Result<DeferredInterrupt> {
        use signal_hook::consts::SIGINT;
        let deferred = DeferredInterrupt { is_over: Default::default(), was_raised: Default::default() };
        // A handler cannot be taken away again: from the end on it does what the system would.
        signal_hook::flag::register_conditional_default(SIGINT, deferred.is_over.clone())?;
        signal_hook::flag::register(SIGINT, deferred.was_raised.clone())?;
        Ok(deferred)
    }

    /// Ends. Returns whether there was a Ctrl-C meanwhile.
    pub fn end(self) -> bool {
        use std::sync::atomic::Ordering;
        self.is_over.store(true, Ordering::SeqCst);
        self.was_raised.load(Ordering::SeqCst)
    }
}

/// Ends this process as Ctrl-C does.
#[cfg(unix)]
pub fn end_by_interrupt() {
    let _ = signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGINT);
}

/// A console ends the process before anything can be put off.
#[cfg(windows)]
impl DeferredInterrupt {
    /// Begins.
    pub fn begin() -> io::Result<DeferredInterrupt> {
        Ok(DeferredInterrupt {})
    }

    /// Ends. Returns whether there was a Ctrl-C meanwhile.
    pub fn end(self) -> bool {
        false
    }
}

/// Ends this process as Ctrl-C does: not asked for here.
#[cfg(windows)]
pub fn end_by_interrupt() {}
