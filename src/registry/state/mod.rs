//! The state of a layer: the content that was built from each fingerprint, and the versions that have each content.

mod changes;
mod queries;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::claim::{Claim, Unanswered};
use crate::error::Failure;
use crate::layer::{DistributionSize, KnownFinding, Standing};
use crate::registry::recipe;
use crate::secrets::clean;
use crate::types::description::Declared;
use crate::types::{
    ByteSize, ContentHash, Destination, DistributionName, Fingerprint, Label, LayerName, LayerVersionArn,
};

/// The format of the JSON. A higher one was written by a newer program.
const FORMAT: u64 = 1;

/// The state of one layer, as it is stored in JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct State {
    format: u64,
    pub layer: LayerName,
    /// The fingerprint of the newest finished run.
    pub current: Option<Fingerprint>,
    /// The content that the newest finished run published in each destination.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub current_in: BTreeMap<Destination, ContentHash>,
    #[serde(default)]
    pub builds: BTreeMap<Fingerprint, Build>,
    #[serde(default)]
    pub contents: BTreeMap<ContentHash, Content>,
    /// Labels that users put on contents.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<Label, BTreeSet<ContentHash>>,
    /// When the state was rebuilt from the lists of versions (UTC); earlier labels are lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebuilt: Option<Timestamp>,
    /// Other buckets that have a pointer to this state.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub announced_in: BTreeSet<String>,
    /// The page of the workflow run that published last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// A publish or a clean-up that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
    /// Requests that may still be under way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unanswered: Vec<Unanswered>,
}

/// Only the format, to recognize the state of a newer program.
#[derive(Deserialize)]
struct Header {
    #[serde(default)]
    format: Option<Value>,
}

/// The result of building a fingerprint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Build {
    pub content: ContentHash,
    /// The digest (hexadecimal) of the latest raw inputs with this fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<String>,
    /// The recipe behind the fingerprint; stored only for the current build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<Value>,
}

/// One zip, identified by its content hash.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Content {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zipped_size: Option<ByteSize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unzipped_size: Option<ByteSize>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub distributions: Vec<DistributionSize>,
    /// Which of them are from PyPI, and which are the user's own; empty if not recorded.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub standings: BTreeMap<DistributionName, Standing>,
    /// The findings of its checks, worst first; `None` if not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<Vec<KnownFinding>>,
    /// The Python that it was built for; parameter names contain it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    pub versions: BTreeMap<Destination, Version>,
}

/// A published version in one destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    pub arn: LayerVersionArn,
    pub version: u64,
    /// When a run last published or found it, or when it was last the current one (UTC).
    pub recorded: Timestamp,
    /// The declaration of the version; `None` if not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declares: Option<Declared>,
}

impl State {
    /// An empty state.
    pub fn new(layer: &LayerName) -> Self {
        Self {
            format: FORMAT,
            layer: layer.clone(),
            current: None,
            current_in: BTreeMap::new(),
            builds: BTreeMap::new(),
            contents: BTreeMap::new(),
            labels: BTreeMap::new(),
            rebuilt: None,
            announced_in: BTreeSet::new(),
            publisher: None,
            claim: None,
            unanswered: Vec::new(),
        }
    }

    /// Parses a state. `Ok(None)` if the text is not a state, for example if it is truncated: the caller then reads the
    /// lists of versions.
    ///
    /// # Errors
    /// The state was written by a newer program, or belongs to another layer.
    pub fn parse(bytes: &[u8], layer: &LayerName, place: &str) -> Result<Option<Self>, Failure> {
        // The format is read first and alone, so that a large state is not in memory in two forms at once.
        let Ok(Header { format }) = serde_json::from_slice(bytes) else { return Ok(None) };
        if let Some(format) = format.as_ref().and_then(Value::as_u64).filter(|format| *format > FORMAT) {
            return Err(Failure::user(format!("`{place}` was written by a newer version of lambda-layer (state format {format}; this version supports {FORMAT})"))
                .hint("use the same version of lambda-layer everywhere"));
        }
        let mut state: Option<Self> = serde_json::from_slice(bytes).ok();
        // Older programs stored some secrets; they are gone after the next write.
        for recipe in
            state.iter_mut().flat_map(|state| state.builds.values_mut()).filter_map(|build| build.recipe.as_mut())
        {
            recipe::keep(recipe, layer, &clean);
        }
        match state {
            Some(state) if state.layer != *layer => {
                Err(Failure::user(format!("`{place}` is the state of the layer `{}`, not of `{layer}`", state.layer))
                    .hint("give each layer its own state"))
            }
            state => Ok(state),
        }
    }

    /// The JSON that is stored.
    pub fn to_json(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a state has string keys");
        bytes.push(b'\n');
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::description::Identity;
    use crate::types::{Digest, Place};

    fn layer() -> LayerName {
        "shared".parse().expect("is valid")
    }

    fn state() -> State {
        let mut state = State::new(&layer());
        let identity =
            Identity { fingerprint: Fingerprint(Digest::of(b"inputs")), content: ContentHash(Digest::of(b"zip")) };
        let arn = "arn:aws:lambda:eu-west-1:123456789012:layer:shared:7".parse().expect("is valid");
        state.record_version(identity, &arn, Timestamp::UNIX_EPOCH);
        state.current = Some(identity.fingerprint);
        state
    }

    #[test]
    fn a_state_survives_its_json() {
        let state = state();
        let text = String::from_utf8(state.to_json()).expect("is UTF-8");
        insta::assert_snapshot!(text);
        assert_eq!(State::parse(text.as_bytes(), &layer(), "x").expect("is readable"), Some(state));
    }

    #[test]
    fn an_old_state_loses_its_secrets() {
        let mut old = state();
        let fingerprint = old.current.expect("is set");
        let content = old.content_of(fingerprint).expect("is known");
        let recipe = serde_json::json!({"variables": {"UV_FIND_LINKS": "http://h/ http://u:s3cret@h/"}});
        old.set_current(
            fingerprint,
            Build { content, inputs: Some("00".to_owned()), recipe: Some(recipe) },
            [],
            Timestamp::UNIX_EPOCH,
        );
        let new = State::parse(&old.to_json(), &layer(), "x").expect("is readable").expect("is a state");
        assert!(!String::from_utf8_lossy(&new.to_json()).contains("s3cret"));
        let recipe = serde_json::json!({"variables": {"UV_FIND_LINKS": "http://h/ http://h/"}});
        old.set_current(
            fingerprint,
            Build { content, inputs: Some("00".to_owned()), recipe: Some(recipe) },
            [],
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(new, old);
    }

    #[test]
    fn half_a_state_is_none() {
        let bytes = state().to_json();
        assert_eq!(State::parse(&bytes[..bytes.len() / 2], &layer(), "x").expect("is no error"), None);
        assert_eq!(State::parse(b"", &layer(), "x").expect("is no error"), None);
    }

    #[test]
    fn a_newer_or_foreign_state_is_refused() {
        let newer = br#"{"format": 2, "layer": "shared"}"#;
        assert!(State::parse(newer, &layer(), "x").is_err());
        let other = "other".parse().expect("is valid");
        assert!(State::parse(&state().to_json(), &other, "x").is_err());
    }

    #[test]
    fn the_version_that_is_known_stays() {
        let mut state = state();
        let (content, _) = state.current_content().expect("is known");
        let identity = Identity { fingerprint: state.current.expect("is set"), content };
        for number in [9, 6] {
            let arn = format!("arn:aws:lambda:eu-west-1:123456789012:layer:shared:{number}").parse().expect("is valid");
            state.record_version(identity, &arn, Timestamp::UNIX_EPOCH);
        }
        assert_eq!(state.version_in(content, &Place::own("eu-west-1")).map(|version| version.version), Some(7));
    }
}
