//! Keeps clean-ups from removing versions that a command is about to use.

use jiff::{SignedDuration, Timestamp};

use crate::console::Console;
use crate::error::{Explanation, Failure};
use crate::registry::Registry;
use crate::registry::claim::Owner;
use crate::registry::state::{State, Version};
use crate::registry::store::{StateStore, Stored, Written};
use crate::types::{LayerName, LayerVersionArn, Place};
use crate::versions::select::{Choice, Chosen};

/// The number of attempts to write the state while others write it.
const ATTEMPTS: usize = 10;
/// The age below which a record is not renewed.
const FRESH: SignedDuration = SignedDuration::from_mins(2);

/// Records in the state that the versions are in use now. A clean-up that decided earlier can then no longer write the
/// state, and a later one keeps the versions for a while.
///
/// # Errors
/// A clean-up is removing or has removed the version.
pub async fn reserve(
    choice: &Choice,
    layer: &LayerName,
    owner: &Owner,
    registry: &Registry,
    store: &StateStore,
    console: &Console,
) -> anyhow::Result<()> {
    for _ in 0..ATTEMPTS {
        let Stored { state: Some(mut state), tag } = store.read(layer).await? else { return Ok(()) };
        state.settle(registry.settling(), store.now());
        let Held { has_changed, unnamed } = note(choice, &mut state, owner, store.now())?;
        for (place, arn) in unnamed {
            check_there(place, arn, choice, layer, registry).await?;
        }
        if !has_changed {
            return Ok(());
        }
        match store.write(&state, &tag).await {
            Ok(Written::Done(_)) => return Ok(()),
            Ok(Written::Conflict) => {}
            Err(error) => {
                let text = Explanation::of(&error).one_line();
                console.warning(&format!(
                    "could not record that `{layer}` is in use, so a clean-up may remove it: {text}"
                ));
                return Ok(());
            }
        }
    }
    let failure = Failure::system(format!("other runs keep changing `{}`", store.place(layer)));
    Err(failure.hint("run again").into())
}

/// Checks that versions which the state does not name still exist: a clean-up takes versions out of the state before it
/// removes them.
async fn check_there(
    place: &Place,
    arn: &LayerVersionArn,
    choice: &Choice,
    layer: &LayerName,
    registry: &Registry,
) -> anyhow::Result<()> {
    let Some(content) = choice.content else { return Ok(()) };
    let version = Version { arn: arn.clone(), version: arn.version(), recorded: Timestamp::UNIX_EPOCH, declares: None };
    if registry.exists(place, layer, &version, content).await? {
        return Ok(());
    }
    let failure =
        Failure::system(format!("version {} of `{layer}` was removed from {place} during this run", arn.version()));
    Err(failure.hint("run again, or choose another version").into())
}

/// The result of recording that versions are in use.
#[derive(Debug, PartialEq, Eq)]
struct Held<'a> {
    has_changed: bool,
    /// Versions that the state does not name.
    unnamed: Vec<(&'a Place, &'a LayerVersionArn)>,
}

fn note<'a>(choice: &'a Choice, state: &mut State, owner: &Owner, now: Timestamp) -> Result<Held<'a>, Failure> {
    let claim = state.claim.clone().filter(|claim| claim.owner != *owner);
    let may_go = choice.content.is_some_and(|content| state.may_go(content));
    let mut held = Held { has_changed: false, unnamed: Vec::new() };
    for Chosen { place, arn } in &choice.versions {
        let Ok(arn) = arn else { continue };
        let versions = state.contents.values_mut().flat_map(|content| content.versions.values_mut());
        match (versions.into_iter().find(|version| version.arn == *arn), &claim) {
            (Some(version), _) if now.duration_since(version.recorded) < FRESH => {}
            (Some(version), _) => {
                version.recorded = now;
                held.has_changed = true;
            }
            // A clean-up takes versions out of the state before it removes them.
            (None, Some(claim)) => {
                let failure = Failure::system(format!("{} may be removing version {}", claim.owner.run, arn.version()));
                return Err(failure.hint("run again when it is done"));
            }
            (None, None) if may_go => {
                let failure = Failure::system(format!(
                    "a clean-up that has ended may still be removing version {}",
                    arn.version()
                ));
                return Err(failure.hint("run again in a minute"));
            }
            (None, None) => held.unnamed.push((place, arn)),
        }
    }
    Ok(held)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;
    use crate::registry::claim::Claim;
    use crate::types::description::Identity;
    use crate::types::{ContentHash, Digest, Fingerprint};

    #[test]
    fn what_the_state_knows_is_noted_and_what_it_forgot_may_be_going() {
        let arn: LayerVersionArn = "arn:aws:lambda:eu-west-1:123456789012:layer:shared:7".parse().expect("is valid");
        let choice =
            Choice { content: None, versions: vec![Chosen { place: Place::own("eu-west-1"), arn: Ok(arn.clone()) }] };
        let identity =
            Identity { fingerprint: Fingerprint(Digest::of(b"inputs")), content: ContentHash(Digest::of(b"zip")) };
        let (us, now) = (Owner::this_run(&Environment::default()), Timestamp::now());
        let other = Owner { process: us.process + 1, machine: None, ..us.clone() };
        let mut state = State::new(&"shared".parse().expect("is valid"));
        let held = |has_changed| Ok(Held { has_changed, unnamed: Vec::new() });
        let (place, arn) = (&choice.versions[0].place, &arn);
        let unnamed = Ok(Held { has_changed: false, unnamed: vec![(place, arn)] });
        assert_eq!(note(&choice, &mut state, &us, now), unnamed, "nobody knows it");
        state.claim = Some(Claim::new(identity, other, now));
        assert!(note(&choice, &mut state, &us, now).is_err());
        state.record_version(identity, arn, Timestamp::UNIX_EPOCH);
        assert_eq!(note(&choice, &mut state, &us, now), held(true));
        assert_eq!(note(&choice, &mut state, &us, now), held(false), "once is enough");
    }
}
