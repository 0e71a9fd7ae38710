//! Keeps clean-ups away from the versions that a command is about to use.

use jiff::{SignedDuration, Timestamp};

use crate::console::Console;
use crate::error::{Explanation, Failure};
use crate::registry::claim::Owner;
use crate::registry::state::State;
use crate::registry::store::{StateStore, Stored, Written};
use crate::types::LayerName;
use crate::versions::Choice;

/// How often the state is written while others write it.
const ATTEMPTS: usize = 10;
/// A note that is younger is good enough.
const FRESH: SignedDuration = SignedDuration::from_mins(2);

/// Notes in the state that the versions are in use now: a clean-up that decided before cannot write its claim any more,
/// and one that comes later leaves them alone for a while.
///
/// # Errors
/// A clean-up, or a publish, is under way, and the version may be going.
pub async fn hold(
    choice: &Choice,
    layer: &LayerName,
    owner: &Owner,
    store: &StateStore,
    console: &Console,
) -> anyhow::Result<()> {
    for _ in 0..ATTEMPTS {
        let Stored { state: Some(mut state), tag } = store.read(layer).await? else { return Ok(()) };
        if !note(choice, &mut state, owner, Timestamp::now())? {
            return Ok(());
        }
        match store.write(&state, &tag).await {
            Ok(Written::Done(_)) => return Ok(()),
            Ok(Written::Conflict) => {}
            Err(error) => {
                let text = Explanation::of(&error).one_line();
                console.warning(&format!("clean-ups do not learn that `{layer}` is in use: {text}"));
                return Ok(());
            }
        }
    }
    let failure = Failure::system(format!("others keep writing `{}`", store.place(layer)));
    Err(failure.hint("run again").into())
}

/// Whether the state has changed.
fn note(choice: &Choice, state: &mut State, owner: &Owner, now: Timestamp) -> Result<bool, Failure> {
    let claim = state.claim.clone().filter(|claim| claim.owner != *owner && !claim.is_abandoned(now));
    let mut has_changed = false;
    for arn in choice.versions.iter().filter_map(|chosen| chosen.arn.as_ref().ok()) {
        let versions = state.contents.values_mut().flat_map(|content| content.versions.values_mut());
        match (versions.into_iter().find(|version| version.arn == *arn), &claim) {
            (Some(version), _) if now.duration_since(version.recorded) < FRESH => {}
            (Some(version), _) => {
                version.recorded = now;
                has_changed = true;
            }
            // What a clean-up removes it forgets before.
            (None, Some(claim)) => {
                let failure = Failure::system(format!("{} may be removing version {}", claim.owner.run, arn.version()));
                return Err(failure.hint("run again when it is done"));
            }
            (None, None) => {}
        }
    }
    Ok(has_changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;
    use crate::registry::claim::Claim;
    use crate::registry::description::Identity;
    use crate::types::{ContentHash, Digest, Fingerprint, LayerVersionArn, Place};
    use crate::versions::Chosen;

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
        assert_eq!(note(&choice, &mut state, &us, now), Ok(false), "nobody knows it");
        state.claim = Some(Claim::new(identity, other, now));
        assert!(note(&choice, &mut state, &us, now).is_err());
        state.record_version(identity, &arn, Timestamp::UNIX_EPOCH);
        assert_eq!(note(&choice, &mut state, &us, now), Ok(true));
        assert_eq!(note(&choice, &mut state, &us, now), Ok(false), "once is enough");
    }
}
