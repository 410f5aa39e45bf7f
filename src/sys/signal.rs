//! Signals: those that the daemon waits for, and Ctrl-C in prompts.

use std::io;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// To exit: SIGTERM or SIGINT.
    Stop,
    /// To reload the configuration: SIGHUP.
    Reload,
}

/// Calls `on_signal` for each signal until the process exits. Must be called within a tokio runtime.
#[cfg(unix)]
pub fn watch(on_signal: impl Fn(Signal) + Clone + Send + 'static) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let watched = [
        (SignalKind::terminate(), Signal::Stop),
        (SignalKind::interrupt(), Signal::Stop),
        (SignalKind::hangup(), Signal::Reload),
    ];
    for (kind, meaning) in watched {
        let (mut signals, on_signal) = (signal(kind)?, on_signal.clone());
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                on_signal(meaning);
            }
        });
    }
    Ok(())
}

/// The daemon has no console here, so no signal reaches it: it is asked through its pipe.
#[cfg(windows)]
pub fn watch(_on_signal: impl Fn(Signal) + Clone + Send + 'static) -> io::Result<()> {
    Ok(())
}

/// What Ctrl-C does while a prompt is open, which changes the terminal: the terminal is put back, and the process ends.
///
/// A prompt that reads keys looks at signals only between them. One that comes just before it begins to wait would be
/// noticed at the next key, so a thread waits for the signal.
pub struct PromptInterrupt {
    #[cfg(unix)]
    is_over: std::sync::Arc<std::sync::atomic::AtomicBool>,
    #[cfg(unix)]
    was_raised: std::sync::Arc<std::sync::atomic::AtomicBool>,
    /// What wakes the thread. It ends when this is taken away.
    #[cfg(unix)]
    wake: signal_hook::SigId,
}

#[cfg(unix)]
impl PromptInterrupt {
    /// Begins. `put_back` undoes what the prompt does to the screen; the modes of the terminal on standard error become what
    /// they are now.
    pub fn begin(put_back: fn()) -> io::Result<PromptInterrupt> {
        use signal_hook::consts::SIGINT;
        let (is_over, was_raised) = Default::default();
        // A handler cannot be taken away again: from the end on it does what the system would.
        signal_hook::flag::register_conditional_default(SIGINT, std::sync::Arc::clone(&is_over))?;
        signal_hook::flag::register(SIGINT, std::sync::Arc::clone(&was_raised))?;
        let (mut raised, waker) = io::pipe()?;
        let modes = rustix::termios::tcgetattr(io::stderr()).ok();
        let wake = signal_hook::low_level::pipe::register(SIGINT, waker)?;
        std::thread::Builder::new().spawn(move || {
            if !matches!(io::Read::read(&mut raised, &mut [0]), Ok(1)) {
                return;
            }
            if let Some(modes) = modes {
                let _ =
                    rustix::termios::tcsetattr(io::stderr(), rustix::termios::OptionalActions::Now, &modes);
            }
            put_back();
            end_by_interrupt();
        })?;
        Ok(PromptInterrupt { is_over, was_raised, wake })
    }

    /// Ends. Returns whether there was a Ctrl-C meanwhile.
    pub fn end(self) -> bool {
        use std::sync::atomic::Ordering;
        self.is_over.store(true, Ordering::SeqCst);
        signal_hook::low_level::unregister(self.wake);
        self.was_raised.load(Ordering::SeqCst)
    }
}

/// Ends this process as Ctrl-C does.
#[cfg(unix)]
pub fn end_by_interrupt() {
    let _ = signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGINT);
}

/// A console ends the process before anything can be put back.
#[cfg(windows)]
impl PromptInterrupt {
    /// Begins.
    pub fn begin(_put_back: fn()) -> io::Result<PromptInterrupt> {
        Ok(PromptInterrupt {})
    }

    /// Ends. Returns whether there was a Ctrl-C meanwhile.
    pub fn end(self) -> bool {
        false
    }
}

/// Ends this process as Ctrl-C does: not asked for here.
#[cfg(windows)]
pub fn end_by_interrupt() {}

/// Notes that the process is asked to end, instead of ending: what was changed in a terminal can be put back first.
pub struct StopFlag(std::sync::Arc<std::sync::atomic::AtomicBool>);

impl StopFlag {
    /// Begins.
    pub fn begin() -> io::Result<StopFlag> {
        let raised = StopFlag(Default::default());
        #[cfg(unix)]
        for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT, signal_hook::consts::SIGHUP]
        {
            signal_hook::flag::register(signal, raised.0.clone())?;
        }
        Ok(raised)
    }

    /// Whether it was asked to end.
    pub fn is_raised(&self) -> bool {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}

/// Ends this process when the terminal on standard input is gone, which it may be without a signal. A library that reads
/// keys from such a terminal can go on reading nothing for ever.
#[cfg(unix)]
pub fn end_with_terminal() -> io::Result<()> {
    std::thread::Builder::new().spawn(await_hangup)?;
    Ok(())
}

#[cfg(unix)]
#[expect(clippy::exit, reason = "the thread that draws may never look at anything again")]
fn await_hangup() {
    use rustix::event::{PollFd, PollFlags, poll};
    let stdin = io::stdin();
    loop {
        // That it was hung up is reported without being asked for.
        let mut asked = [PollFd::new(&stdin, PollFlags::empty())];
        match poll(&mut asked, None) {
            Ok(_) if asked[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) => {
                std::process::exit(1);
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// A console takes its processes along.
#[cfg(windows)]
pub fn end_with_terminal() -> io::Result<()> {
    Ok(())
}
