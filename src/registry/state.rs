//! The state of a layer: which fingerprint became which content, and which content is which version where.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::claim::{Claim, Unanswered};
use crate::error::Failure;
use crate::layer::{DistributionSize, KnownFinding};
use crate::registry::recipe;
use crate::secrets::clean;
use crate::types::description::{Declared, Identity};
use crate::types::{ByteSize, ContentHash, Destination, Fingerprint, Label, LayerName, LayerVersionArn, Place, Target};

/// Of the JSON; a state with a higher one was written by a newer program.
const FORMAT: u64 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct State {
    format: u64,
    pub layer: LayerName,
    /// What the newest finished run stands for.
    pub current: Option<Fingerprint>,
    /// What the newest finished run of each destination gave out there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub current_in: BTreeMap<Destination, ContentHash>,
    #[serde(default)]
    pub builds: BTreeMap<Fingerprint, Build>,
    #[serde(default)]
    pub contents: BTreeMap<ContentHash, Content>,
    /// Words that people put on contents.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<Label, BTreeSet<ContentHash>>,
    /// When it was made anew from the lists of versions (UTC): labels from before are not known any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebuilt: Option<Timestamp>,
    /// Other buckets, which say that the state is here.
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

/// What tells a state of a newer program, whatever else is in it.
#[derive(Deserialize)]
struct Header {
    #[serde(default)]
    format: Option<Value>,
}

/// What a fingerprint was built to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Build {
    pub content: ContentHash,
    /// Digest (hexadecimal) of the raw inputs that had this fingerprint last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<String>,
    /// What the fingerprint was made of; kept for the current build alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<Value>,
}

/// One zip.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Content {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zipped_size: Option<ByteSize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unzipped_size: Option<ByteSize>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub distributions: Vec<DistributionSize>,
    /// What its checks found, worst first; `None` if nobody noted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<Vec<KnownFinding>>,
    /// What it was built for; parameters are named after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    pub versions: BTreeMap<Destination, Version>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    pub arn: LayerVersionArn,
    pub version: u64,
    /// When a run last published or found it, or when it last was the current one (UTC).
    pub recorded: Timestamp,
    /// `None`: nobody noted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declares: Option<Declared>,
}

impl State {
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

    /// `Ok(None)` for a text that is no state, such as half of one: the caller reads the versions instead.
    ///
    /// # Errors
    /// A state of a newer program or of another layer.
    pub fn parse(bytes: &[u8], layer: &LayerName, place: &str) -> Result<Option<Self>, Failure> {
        // A large state is not read into two forms at once.
        let Ok(Header { format }) = serde_json::from_slice(bytes) else { return Ok(None) };
        if let Some(format) = format.as_ref().and_then(Value::as_u64).filter(|format| *format > FORMAT) {
            return Err(Failure::user(format!("`{place}` was written by a newer version of lambda-layer (state format {format}, this one knows {FORMAT})"))
                .hint("use the same version everywhere"));
        }
        let mut state: Option<Self> = serde_json::from_slice(bytes).ok();
        // Programs before this one kept some secrets, which are gone when it is written again.
        for recipe in
            state.iter_mut().flat_map(|state| state.builds.values_mut()).filter_map(|build| build.recipe.as_mut())
        {
            recipe::keep(recipe, layer, &clean);
        }
        match state {
            Some(state) if state.layer != *layer => {
                Err(Failure::user(format!("`{place}` is the state of the layer `{}`, not of `{layer}`", state.layer))
                    .hint("give each layer a state of its own"))
            }
            state => Ok(state),
        }
    }

    pub fn to_json(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a state has string keys");
        bytes.push(b'\n');
        bytes
    }

    /// The content that a fingerprint was built to.
    pub fn content_of(&self, fingerprint: Fingerprint) -> Option<ContentHash> {
        self.builds.get(&fingerprint).map(|build| build.content)
    }

    pub fn current_content(&self) -> Option<(ContentHash, &Content)> {
        let hash = self.content_of(self.current?)?;
        Some((hash, self.contents.get(&hash)?))
    }

    /// Notes a version that was published or found. The one that is known stays: of two with the same content others may
    /// use the first already.
    pub fn record_version(&mut self, identity: Identity, arn: &LayerVersionArn, recorded: Timestamp) {
        self.record_declared(identity, arn, None, recorded);
    }

    /// The same with what the version declares. Of two that declare different things the later one counts: it was
    /// published for that.
    pub fn record_declared(
        &mut self,
        identity: Identity,
        arn: &LayerVersionArn,
        declares: Option<Declared>,
        recorded: Timestamp,
    ) {
        self.builds.entry(identity.fingerprint).or_insert(Build {
            content: identity.content,
            inputs: None,
            recipe: None,
        });
        let versions = &mut self.contents.entry(identity.content).or_default().versions;
        let version = Version { arn: arn.clone(), version: arn.version(), recorded, declares };
        let known = versions.entry(arn.destination()).or_insert_with(|| version.clone());
        let both = known.declares.as_ref().zip(version.declares.as_ref());
        if known.version < version.version && both.is_some_and(|(old, new)| !old.is_like(new)) {
            *known = version;
        }
    }

    /// What a version declares, as far as it was noted.
    pub fn declared(&self, arn: &LayerVersionArn) -> Option<&Declared> {
        let mut versions = self.contents.values().flat_map(|content| content.versions.values());
        versions.find(|version| version.arn == *arn)?.declares.as_ref()
    }

    /// Notes what a version declares, where nobody did.
    pub fn note_declared(&mut self, arn: &LayerVersionArn, declares: Option<&Declared>) {
        let versions = self.contents.values_mut().flat_map(|content| content.versions.values_mut());
        for version in versions.filter(|version| version.arn == *arn && version.declares.is_none()) {
            version.declares = declares.cloned();
        }
    }

    /// Notes what the finished run stands for, and where; recipes of earlier builds go. What was current until now was
    /// in use until now.
    pub fn set_current(
        &mut self,
        fingerprint: Fingerprint,
        build: Build,
        destinations: impl IntoIterator<Item = Destination>,
        now: Timestamp,
    ) {
        let content = build.content;
        if let Some((before, _)) = self.current_content().filter(|(before, _)| *before != content) {
            let versions = self.contents.get_mut(&before).into_iter().flat_map(|content| content.versions.values_mut());
            versions.for_each(|version| version.recorded = now);
        }
        for destination in destinations {
            let before = self.current_in.insert(destination.clone(), content).filter(|before| *before != content);
            let versions = before.and_then(|before| self.contents.get_mut(&before));
            if let Some(version) = versions.and_then(|content| content.versions.get_mut(&destination)) {
                version.recorded = now;
            }
        }
        self.builds.values_mut().for_each(|build| build.recipe = None);
        self.builds.insert(fingerprint, build);
        self.current = Some(fingerprint);
    }

    /// The content that is current in a destination.
    pub fn current_of(&self, destination: &Destination) -> Option<ContentHash> {
        let own = self.current_in.get(destination).copied();
        let is_there = |content: &ContentHash| {
            self.contents.get(content).is_some_and(|content| content.versions.contains_key(destination))
        };
        own.filter(is_there).or_else(|| self.current_content().map(|(content, _)| content).filter(is_there))
    }

    /// Makes a claim whose run is dead a request without an answer, and drops requests that are done by now or never
    /// will be: `settling` after they were sent.
    pub fn settle(&mut self, settling: SignedDuration, now: Timestamp) {
        if let Some(claim) = self.claim.take_if(|claim| claim.is_abandoned(now)) {
            self.unanswered.push(claim.last_request(now));
        }
        self.unanswered.retain(|request| now.duration_since(request.sent) < settling);
    }

    /// Whether a request may still be under way that makes a version with this content.
    pub fn may_come(&self, content: ContentHash) -> bool {
        self.unanswered.iter().any(|request| !request.removes && request.content == Some(content))
    }

    /// Whether a request may still be under way that removes a version with this content, which the state does not name.
    pub fn may_go(&self, content: ContentHash) -> bool {
        self.unanswered.iter().any(|request| request.removes && request.content.is_none_or(|going| going == content))
    }

    /// Notes what a content was built for, where the lists of versions did not tell.
    pub fn note_target(&mut self, content: ContentHash, target: Target) {
        if let Some(content) = self.contents.get_mut(&content).filter(|content| content.python.is_none()) {
            content.python = Some(target.python.to_string());
            content.architecture = Some(target.architecture.to_string());
        }
    }

    /// The version of a content in a place.
    pub fn version_in<'a>(&'a self, content: ContentHash, place: &Place) -> Option<&'a Version> {
        let versions = &self.contents.get(&content)?.versions;
        versions.iter().find(|(destination, _)| place.is(destination)).map(|(_, version)| version)
    }

    /// Notes that a version is in use, which keeps a clean-up away for a while; `false` if the state does not know it.
    #[must_use]
    pub fn touch(&mut self, content: ContentHash, arn: &LayerVersionArn, now: Timestamp) -> bool {
        let versions = self.contents.get_mut(&content).into_iter().flat_map(|content| content.versions.values_mut());
        let known = versions.into_iter().find(|version| version.arn == *arn);
        known.map(|version| version.recorded = now).is_some()
    }

    /// Whether places whose account is not known could be taken for those of another: the state may be shared.
    pub fn needs_accounts(&self, places: &[Place]) -> bool {
        let known = || self.contents.values().flat_map(|content| content.versions.keys());
        let has_versions = |region: &str| known().any(|destination| destination.region == region);
        places.iter().any(|place| place.account.is_none() && has_versions(&place.region))
    }

    /// Whether it has versions of other accounts in the regions of these places.
    pub fn has_accounts_besides(&self, places: &[Place]) -> bool {
        let mut known = self.contents.values().flat_map(|content| content.versions.keys());
        known.any(|destination| {
            let mut of_region = places.iter().filter(|place| place.region == destination.region).peekable();
            of_region.peek().is_some() && !of_region.any(|place| place.is(destination))
        })
    }

    /// Labels of a content.
    pub fn labels_of(&self, content: ContentHash) -> impl Iterator<Item = &Label> {
        self.labels.iter().filter(move |(_, contents)| contents.contains(&content)).map(|(label, _)| label)
    }

    /// The content of a version, whichever its destination is.
    pub fn content_of_version(&self, arn: &LayerVersionArn) -> Option<ContentHash> {
        let is_it = |content: &Content| content.versions.values().any(|version| version.arn == *arn);
        self.contents.iter().find(|(_, content)| is_it(content)).map(|(hash, _)| *hash)
    }

    /// Forgets a version that no longer exists.
    pub fn forget(&mut self, arn: &LayerVersionArn) {
        for content in self.contents.values_mut() {
            content.versions.retain(|_, version| version.arn != *arn);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Digest;

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
