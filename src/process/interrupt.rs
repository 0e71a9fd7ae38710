//! Ends a run on SIGINT or SIGTERM: at once, or after it has released the claims that others wait for.
//!
//! A cancelled workflow gets SIGINT, after 7.5 seconds SIGTERM, and 2.5 seconds later it is killed:
//! <https://github.com/actions/runner/blob/main/src/Sdk/ProcessInvoker.cs>. The first process of a container has no
//! default action for signals, so it must handle them.

use std::io::Write as _;
use std::sync::LazyLock;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// The most time for releasing the claims.
const PATIENCE: Duration = Duration::from_secs(9);

/// Global, because signals are sent to the process.
static STATE: LazyLock<watch::Sender<State>> = LazyLock::new(|| watch::Sender::new(State::default()));

#[derive(Clone, Copy, Debug, Default)]
struct State {
    is_interrupted: bool,
    /// How many claims have to be released.
    holders: usize,
}

/// Keeps an interrupted run alive until this value is dropped, or until `PATIENCE` is over.
#[derive(Debug)]
pub(crate) struct Holding(());

impl Holding {
    pub(crate) fn new() -> Self {
        STATE.send_modify(|state| state.holders += 1);
        Self(())
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        STATE.send_modify(|state| state.holders = state.holders.saturating_sub(1));
    }
}

/// Whether the run was interrupted, and should not begin anything new.
pub(crate) fn is_interrupted() -> bool {
    STATE.borrow().is_interrupted
}

/// Leaves the end of an interrupted run to the listening thread: then its exit code is that of the signal, also if the
/// run comes to an end by itself meanwhile. Returns if the run was not interrupted.
pub fn leave_end_to_signal() {
    while is_interrupted() {
        std::thread::park();
    }
}

/// Waits until the run is interrupted.
pub(crate) async fn interrupted() {
    // The sender exists as long as the process.
    STATE.subscribe().wait_for(|state| state.is_interrupted).await.ok();
}

/// Starts to listen for signals, on a thread of its own because the others may be busy.
///
/// # Errors
/// The system allows no more threads or signal handlers.
pub fn listen() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (interrupts, terminations) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    let listening = move || runtime.block_on(end_when_interrupted(interrupts, terminations));
    std::thread::Builder::new().name("signals".to_owned()).spawn(listening).map(drop)
}

async fn end_when_interrupted(mut interrupts: Signal, mut terminations: Signal) {
    let (name, number) = tokio::select! {
        _ = interrupts.recv() => ("SIGINT", 2),
        _ = terminations.recv() => ("SIGTERM", 15),
    };
    STATE.send_modify(|state| state.is_interrupted = true);
    let mut state = STATE.subscribe();
    tokio::select! {
        _ = state.wait_for(|state| state.holders == 0) => {}
        () = tokio::time::sleep(PATIENCE) => {}
        // A second Ctrl-C ends the run at once.
        _ = interrupts.recv(), if number == 2 => {}
    }
    let text = format!(
        "error: the run was interrupted ({name})\nhint: run it again; versions that were already published remain"
    );
    writeln!(std::io::stderr(), "{text}").ok();
    end(128 + number)
}

#[expect(clippy::disallowed_methods, clippy::exit, reason = "the other threads may be busy for long")]
fn end(code: i32) -> ! {
    std::process::exit(code)
}
