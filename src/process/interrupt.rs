//! Ends a run that gets SIGINT or SIGTERM: at once, unless it has claims that others wait for, which it releases first.
//!
//! A cancelled workflow gets SIGINT, after 7.5 seconds SIGTERM, and 2.5 seconds later it is killed:
//! <https://github.com/actions/runner/blob/main/src/Sdk/ProcessInvoker.cs>. The first process of a container is told
//! nothing unless it listens.

use std::io::Write as _;
use std::sync::LazyLock;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// The longest time that the release may take.
const PATIENCE: Duration = Duration::from_secs(9);

/// Of this process, as signals are.
static STATE: LazyLock<watch::Sender<State>> = LazyLock::new(|| watch::Sender::new(State::default()));

#[derive(Clone, Copy, Debug, Default)]
struct State {
    is_interrupted: bool,
    /// How many claims are to be released.
    holders: usize,
}

/// While this value lives, an interrupted run does not end, for some seconds at most.
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

/// Whether the run was interrupted; then it begins nothing new.
pub(crate) fn is_interrupted() -> bool {
    STATE.borrow().is_interrupted
}

/// Waits until the run is interrupted.
pub(crate) async fn interrupted() {
    // The sender lives as long as the process.
    STATE.subscribe().wait_for(|state| state.is_interrupted).await.ok();
}

/// Listens from now on, on a thread of its own: the others may be busy.
///
/// # Errors
/// The system gives no more threads or handlers.
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
        // Whoever presses Ctrl-C twice means it.
        _ = interrupts.recv(), if number == 2 => {}
    }
    let text = format!("error: the run was interrupted ({name})\nhint: run it again; what was published stays");
    writeln!(std::io::stderr(), "{text}").ok();
    end(128 + number)
}

#[expect(clippy::disallowed_methods, clippy::exit, reason = "the other threads may be busy for long")]
fn end(code: i32) -> ! {
    std::process::exit(code)
}
