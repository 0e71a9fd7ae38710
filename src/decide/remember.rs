//! Records in the state what a run found unchanged, so that the next run needs only one read.

use jiff::Timestamp;

use crate::console::Console;
use crate::decide::existing::{Existing, Status};
use crate::decide::fingerprint::Fingerprinted;
use crate::error::{Explanation, Failure};
use crate::registry::state::{State, Version};
use crate::registry::store::{StateStore, Stored, Tag, Written};
use crate::registry::version_list;
use crate::types::{ContentHash, Place, Target};

/// Records in the state that these inputs stand for this content, unless it says so already; the next run then needs
/// only one read. A clean-up never removes the current content, and keeps the previous one for a while.
///
/// Another run that writes at the same time knows better which content is current, so this write may fail. But a
/// clean-up must learn that the versions are in use, or this run that they are gone.
///
/// # Errors
/// A clean-up removed a version while this run looked at it.
pub(crate) async fn remember(
    wanted: &Fingerprinted,
    content: ContentHash,
    target: Target,
    existing: &[Existing],
    (known, tag): (&State, &Tag),
    store: &StateStore,
    console: &Console,
) -> anyhow::Result<()> {
    let versions: Vec<(&Place, &Version)> = existing
        .iter()
        .filter_map(|existing| match &existing.status {
            Status::Exists(version) => Some((&existing.place, version)),
            _ => None,
        })
        .collect();
    let now = store.now();
    let mut state = known.clone();
    let destinations = versions.iter().map(|(_, version)| version.arn.destination());
    state.set_current(wanted.fingerprint, wanted.build(content), destinations, now);
    state.note_target(content, target);
    for (_, version) in &versions {
        state.note_declared(&version.arn, version.declares.as_ref());
    }
    if state == *known && *tag != Tag::Absent {
        return Ok(());
    }
    touch(&mut state, content, &versions, now)?;
    let mut written = store.write(&state, tag).await;
    while let Ok(Written::Conflict) = written {
        let Stored { state: Some(mut newer), tag } = store.read(&state.layer).await? else { return Ok(()) };
        touch(&mut newer, content, &versions, store.now())?;
        written = store.write(&newer, &tag).await;
    }
    let written = match written {
        // The list of versions may now name another version as the newest.
        Ok(Written::Done(_)) => version_list::follow(&state.layer, store).await.map(drop),
        Ok(Written::Conflict) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = written {
        let place = store.place(&state.layer);
        console.warning(&format!("could not update `{place}`: {}", Explanation::of(&error).one_line()));
    }
    Ok(())
}

fn touch(
    state: &mut State,
    content: ContentHash,
    versions: &[(&Place, &Version)],
    now: Timestamp,
) -> Result<(), Failure> {
    for (place, version) in versions {
        if !state.touch(content, &version.arn, now) {
            let failure =
                Failure::system(format!("version {} was removed from {place} during this run", version.version));
            return Err(failure.hint("run again: the layer will be published again"));
        }
    }
    Ok(())
}
