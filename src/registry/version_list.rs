//! The list of versions for users: a JSON file beside the state, with every ARN by its names.
//!
//! It follows from the state, and no decision depends on it. It contains no times, so the same state gives the same
//! bytes.
//!
//! The holder of the claim writes it before the state: if that run is killed in between, it still has the claim, and
//! the next run does both again. A run without a claim writes it after the state, unless another run has a claim: that
//! one will write the list with the change.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::error::Failure;
use crate::registry::state::State;
use crate::registry::store::{StateStore, Tag, Written};
use crate::types::{ContentHash, Destination, Fingerprint, Label, LayerName, LayerVersionArn};

/// The format of the JSON.
const FORMAT: u64 = 1;
/// The number of attempts while others write it.
const ATTEMPTS: usize = 10;

/// The most ARNs in the output `result`: all outputs of a job together may have 1 MB.
const ARNS_OF_OUTPUT: usize = 500;

type Arns<'a> = BTreeMap<&'a Destination, &'a LayerVersionArn>;

/// The list in the form of its JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct VersionList<'a> {
    format: u64,
    layer: &'a LayerName,
    /// The versions of the newest finished run; in a place without one, the version with the highest number.
    latest: Arns<'a>,
    /// The newest version with each label.
    labels: BTreeMap<&'a Label, Arns<'a>>,
    /// Newest first.
    versions: Vec<Entry<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Entry<'a> {
    code_sha256: ContentHash,
    /// The fingerprints of all inputs that gave this content.
    fingerprints: Vec<Fingerprint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    python_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    architecture: Option<&'a str>,
    labels: Vec<&'a Label>,
    layer_version_arns: Arns<'a>,
}

/// The list as JSON.
pub fn json(state: &State) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(&list(state)).expect("a list has string keys");
    bytes.push(b'\n');
    bytes
}

/// The newest versions of the list for the output `result`, and where the whole list is.
pub fn output(state: &State, store: &StateStore) -> Value {
    let mut list = list(state);
    let mut arns = 0;
    list.versions.retain(|entry| {
        arns += entry.layer_version_arns.len();
        arns <= ARNS_OF_OUTPUT
    });
    let mut output = serde_json::to_value(&list).expect("a list has string keys");
    if !matches!(store, StateStore::Nowhere) {
        output["place"] = store.list_place(&state.layer).into();
    }
    output
}

fn list(state: &State) -> VersionList<'_> {
    let mut versions: Vec<(u64, Entry<'_>)> = Vec::new();
    let mut latest = Arns::new();
    let mut labels: BTreeMap<&Label, Arns<'_>> = state.labels.keys().map(|label| (label, Arns::new())).collect();
    let mut fingerprints: BTreeMap<ContentHash, Vec<Fingerprint>> = BTreeMap::new();
    for (fingerprint, build) in &state.builds {
        fingerprints.entry(build.content).or_default().push(*fingerprint);
    }
    for (hash, content) in state.contents.iter().filter(|(_, content)| !content.versions.is_empty()) {
        let arns: Arns<'_> =
            content.versions.iter().map(|(destination, version)| (destination, &version.arn)).collect();
        let of_labels: Vec<&Label> = state.labels_of(*hash).collect();
        for label in &of_labels {
            prefer_newer(labels.entry(label).or_default(), &arns);
        }
        prefer_newer(&mut latest, &arns);
        let entry = Entry {
            code_sha256: *hash,
            fingerprints: fingerprints.remove(hash).unwrap_or_default(),
            python_version: content.python.as_deref(),
            architecture: content.architecture.as_deref(),
            labels: of_labels,
            layer_version_arns: arns,
        };
        versions.push((content.versions.values().map(|version| version.version).max().unwrap_or(0), entry));
    }
    if let Some((_, current)) = state.current_content() {
        latest.extend(current.versions.iter().map(|(destination, version)| (destination, &version.arn)));
    }
    versions
        .sort_by(|(left, one), (right, other)| right.cmp(left).then_with(|| one.code_sha256.cmp(&other.code_sha256)));
    let versions = versions.into_iter().map(|(_, entry)| entry).collect();
    VersionList { format: FORMAT, layer: &state.layer, latest, labels, versions }
}

fn prefer_newer<'a>(newest: &mut Arns<'a>, arns: &Arns<'a>) {
    for (destination, arn) in arns {
        let known = newest.entry(destination).or_insert(arn);
        if known.version() < arn.version() {
            *known = arn;
        }
    }
}

/// Writes the list for this state, if the stored one differs.
///
/// # Errors
/// The store cannot be read or written.
pub async fn write(state: &State, store: &StateStore) -> anyhow::Result<()> {
    for _ in 0..ATTEMPTS {
        let (stored, tag) = store.read_list(&state.layer).await?;
        if write_if_other(state, stored, &tag, store).await?.is_some() {
            return Ok(());
        }
    }
    Err(is_busy(&state.layer, store).into())
}

/// Writes the list for the stored state, and returns whether it had to be written.
///
/// # Errors
/// The store cannot be read or written.
pub async fn follow(layer: &LayerName, store: &StateStore) -> anyhow::Result<bool> {
    for _ in 0..ATTEMPTS {
        // The list is read first: one that is written after the state was read has another tag.
        let (stored, tag) = store.read_list(layer).await?;
        let Some(state) = store.read(layer).await?.state else { return Ok(false) };
        if state.claim.as_ref().is_some_and(|claim| !claim.is_abandoned(Timestamp::now())) {
            return Ok(false);
        }
        if let Some(is_written) = write_if_other(&state, stored, &tag, store).await? {
            return Ok(is_written);
        }
    }
    Err(is_busy(layer, store).into())
}

/// `None` if another run was faster.
async fn write_if_other(
    state: &State,
    stored: Option<Vec<u8>>,
    tag: &Tag,
    store: &StateStore,
) -> anyhow::Result<Option<bool>> {
    let bytes = json(state);
    if stored.as_ref() == Some(&bytes) || matches!(store, StateStore::Nowhere) {
        return Ok(Some(false));
    }
    let written = store.write_list(&state.layer, bytes, tag).await?;
    Ok(matches!(written, Written::Done(_)).then_some(true))
}

fn is_busy(layer: &LayerName, store: &StateStore) -> Failure {
    Failure::system(format!("other runs keep changing `{}`", store.list_place(layer))).hint("run again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::state::Build;
    use crate::types::Digest;
    use crate::types::description::Identity;

    fn published(state: &mut State, what: &str, versions: &[(&str, u64)]) -> Identity {
        let identity = Identity {
            fingerprint: Fingerprint(Digest::of(what.as_bytes())),
            content: ContentHash(Digest::of(what.as_bytes())),
        };
        for (destination, version) in versions {
            let (account, region) = destination.split_once('/').expect("is a destination");
            let arn = format!("arn:aws:lambda:{region}:{account}:layer:shared:{version}").parse().expect("is valid");
            state.record_version(identity, &arn, Timestamp::UNIX_EPOCH);
        }
        identity
    }

    #[test]
    fn everybody_finds_the_version_that_is_meant() {
        let (here, there) = ("123456789012/eu-west-1", "123456789012/us-east-1");
        let mut state = State::new(&"shared".parse().expect("is valid"));
        let old = published(&mut state, "old", &[(here, 6), (there, 4)]);
        let new = published(&mut state, "new", &[(here, 7)]);
        let label = |text: &str| text.parse::<Label>().expect("is valid");
        state.labels.insert(label("production"), [old.content, new.content].into());
        state.labels.insert(label("critical"), [old.content].into());
        let build = |identity: Identity| Build { content: identity.content, inputs: None, recipe: None };
        state.set_current(new.fingerprint, build(new), [], Timestamp::UNIX_EPOCH);
        let list: Value = serde_json::from_slice(&json(&state)).expect("is JSON");
        let arn = |region: &str, version: u64| format!("arn:aws:lambda:{region}:123456789012:layer:shared:{version}");
        assert_eq!(list["latest"], serde_json::json!({ here: arn("eu-west-1", 7), there: arn("us-east-1", 4) }));
        assert_eq!(list["labels"]["production"], list["latest"]);
        assert_eq!(list["labels"]["critical"][here], arn("eu-west-1", 6));
        assert_eq!(list["versions"][0]["code-sha256"], new.content.to_string());
        // The previous inputs are used again: they are the newest, with a lower number.
        state.set_current(old.fingerprint, build(old), [], Timestamp::UNIX_EPOCH);
        let list: Value = serde_json::from_slice(&json(&state)).expect("is JSON");
        assert_eq!(list["latest"][here], arn("eu-west-1", 6));
    }
}
