//! What a run knows about the state while it works: the state with its claim, which is renewed meanwhile and ended by a
//! write.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::time::Instant;

use super::claim::{Claim, Owner, RENEWAL, Unanswered, WINDOW};
use super::state::State;
use super::store::{StateStore, Stored, Tag, Written};
use crate::error::Failure;
use crate::process::interrupt;
use crate::process::interrupt::Holding;
use crate::registry::version_list;
use crate::types::ContentHash;

/// How often the state is read while others write it.
const POLL: Duration = Duration::from_millis(500);
/// How long an interrupted run waits for answers to its requests.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// A claim, or the intention to write the state without one.
#[derive(Debug)]
pub(crate) struct Lease<'a> {
    store: &'a StateStore,
    owner: Owner,
    /// Whether a clean-up holds it.
    removes: bool,
    held: RefCell<Held>,
    /// When the claim was last renewed; `None` without a claim, or if another run has it.
    renewed: Cell<Option<Instant>>,
    /// Requests without an answer so far: a place or the ARN of a version, and the content.
    sent: RefCell<BTreeSet<(String, Option<ContentHash>)>>,
    /// Keeps an interrupted run alive until the claim has ended.
    _holding: Holding,
}

/// The stored state, as far as this run knows it.
#[derive(Clone, Debug)]
struct Held {
    state: State,
    /// Whether anything is stored.
    is_stored: bool,
    tag: Tag,
}

impl<'a> Lease<'a> {
    /// Writes the state with the claim; `None` if another run was faster.
    ///
    /// # Errors
    /// The run was interrupted, or the state cannot be written.
    pub(crate) async fn claim(
        store: &'a StateStore,
        mut state: State,
        tag: &Tag,
        claim: Claim,
    ) -> anyhow::Result<Option<Self>> {
        let (holding, start) = (Holding::new(), Instant::now());
        check_interrupted()?;
        if !store.announce(&mut state).await {
            return Ok(None);
        }
        let (owner, removes) = (claim.owner.clone(), claim.removes);
        state.claim = Some(claim);
        let Written::Done(tag) = store.write(&state, tag).await? else { return Ok(None) };
        let held = RefCell::new(Held { state, is_stored: true, tag });
        let renewed = Cell::new(Some(start));
        Ok(Some(Self { store, owner, removes, held, renewed, sent: RefCell::default(), _holding: holding }))
    }

    /// A lease without a claim: nothing is sent, only what was found is recorded.
    pub(crate) fn unclaimed(store: &'a StateStore, state: State, tag: Tag, owner: Owner) -> Self {
        let is_stored = tag != Tag::Absent;
        let held = RefCell::new(Held { state, is_stored, tag });
        Self {
            store,
            owner,
            removes: false,
            held,
            renewed: Cell::new(None),
            sent: RefCell::default(),
            _holding: Holding::new(),
        }
    }

    /// The state, as far as this run knows it.
    pub(crate) fn state(&self) -> State {
        self.held.borrow().state.clone()
    }

    /// Does the work, and renews the claim meanwhile. `None` if the run is interrupted and the work then takes too
    /// long.
    pub(crate) async fn during<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let interrupted = async {
            interrupt::interrupted().await;
            tokio::time::sleep(LAST_ANSWERS).await;
        };
        tokio::select! {
            biased;
            done = work => Some(done),
            () = interrupted => None,
            () = self.renew_for_ever() => None,
        }
    }

    /// Records that a request is about to be sent.
    ///
    /// # Errors
    /// The claim may end before the request arrives, another run has the claim, or this run is about to end.
    pub(crate) fn send(&self, what: &impl ToString, content: Option<ContentHash>) -> anyhow::Result<()> {
        check_interrupted()?;
        if matches!(self.store, StateStore::Nowhere) || self.is_fresh() {
            self.sent.borrow_mut().insert((what.to_string(), content));
            return Ok(());
        }
        let layer = self.held.borrow().state.layer.clone();
        let failure = Failure::system(format!("could not renew the claim in `{}` in time", self.store.place(&layer)));
        Err(failure.hint("run again; nothing published is lost").into())
    }

    /// Records that a request was executed, or never will be.
    pub(crate) fn answered(&self, what: &impl ToString, content: Option<ContentHash>) {
        self.sent.borrow_mut().remove(&(what.to_string(), content));
    }

    /// Whether a request that is sent now arrives while the claim is valid.
    pub(crate) fn is_fresh(&self) -> bool {
        self.renewed.get().is_some_and(|renewed| renewed.elapsed() < WINDOW)
    }

    async fn renew_for_ever(&self) {
        loop {
            tokio::time::sleep(RENEWAL).await;
            if self.renewed.get().is_none() {
                std::future::pending::<()>().await;
            }
            // If this fails, the next renewal may work; otherwise nothing more is sent.
            self.renew().await.ok();
        }
    }

    async fn renew(&self) -> anyhow::Result<()> {
        if matches!(self.store, StateStore::Nowhere) {
            return Ok(());
        }
        loop {
            let (start, mut held) = (Instant::now(), self.held.borrow().clone());
            let now = self.store.now();
            let Some(claim) = held.state.claim.as_mut().filter(|claim| claim.owner == self.owner) else {
                // Another run has it.
                self.renewed.set(None);
                return Ok(());
            };
            claim.renew(now);
            if let Written::Done(tag) = self.store.write(&held.state, &held.tag).await? {
                self.held.replace(Held { tag, ..held });
                self.renewed.set(Some(start));
                return Ok(());
            }
            self.look_again().await?;
        }
    }

    async fn look_again(&self) -> anyhow::Result<()> {
        let layer = self.held.borrow().state.layer.clone();
        let Stored { state, tag } = self.store.read(&layer).await?;
        let is_stored = state.is_some();
        self.held.replace(Held { state: state.unwrap_or_else(|| State::new(&layer)), is_stored, tag });
        Ok(())
    }

    /// Changes the latest stored state. The claim stays.
    ///
    /// # Errors
    /// `change` fails, another run has the claim, or the store cannot be read or written.
    pub(crate) async fn update(&self, mut change: impl FnMut(&mut State) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let mut ticks = tokio::time::interval(POLL);
        loop {
            ticks.tick().await;
            let (start, mut held) = (Instant::now(), self.held.borrow().clone());
            let now = self.store.now();
            let claim = held.state.claim.as_mut().filter(|claim| claim.owner == self.owner);
            claim.context(Failure::system("another run took over the claim").hint("run again"))?.renew(now);
            change(&mut held.state)?;
            if let Written::Done(tag) = self.store.write(&held.state, &held.tag).await? {
                self.held.replace(Held { tag, ..held });
                self.renewed.set(Some(start));
                return Ok(());
            }
            self.look_again().await?;
        }
    }

    /// Writes the final state, and ends the claim. Returns the state, and whether the list of versions could be
    /// written, which is done first.
    ///
    /// `change` may be called several times, because others write the state, too; its last argument is `true` from the
    /// second time on.
    ///
    /// # Errors
    /// The state cannot be written; the claim then ends by itself.
    pub(crate) async fn end(
        self,
        mut change: impl FnMut(&mut State, Timestamp, bool),
    ) -> anyhow::Result<(State, anyhow::Result<()>)> {
        let mut ticks = tokio::time::interval(POLL);
        let mut is_again = false;
        loop {
            ticks.tick().await;
            let Held { mut state, is_stored, tag } = self.held.borrow().clone();
            let before = state.clone();
            let now = self.store.now();
            change(&mut state, now, is_again);
            state.claim.take_if(|claim| claim.owner == self.owner);
            let sent: Vec<Option<ContentHash>> = self.sent.borrow().iter().map(|(_, content)| *content).collect();
            let unanswered = |content| Unanswered { content, removes: self.removes, sent: now };
            state.unanswered.extend(sent.into_iter().map(unanswered));
            if is_stored && state == before {
                return Ok((state, Ok(())));
            }
            // Written before the state, whose write ends the claim: if a run is killed in between, the next one does
            // both again.
            let listed = version_list::write(&state, self.store).await;
            if let Written::Done(_) = self.store.write(&state, &tag).await? {
                return Ok((state, listed));
            }
            self.look_again().await?;
            is_again = true;
        }
    }
}

fn check_interrupted() -> anyhow::Result<()> {
    if interrupt::is_interrupted() {
        return Err(Failure::system("the run was interrupted")
            .hint("run it again; versions that were already published remain")
            .into());
    }
    Ok(())
}
