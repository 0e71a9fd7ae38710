//! The changes that runs make to a state.

use jiff::{SignedDuration, Timestamp};

use super::{Build, State, Version};
use crate::types::description::{Declared, Identity};
use crate::types::{ContentHash, Destination, Fingerprint, LayerVersionArn, Target};

impl State {
    /// Records a version that was published or found. Of two versions with the same content the known one stays,
    /// because it may already be in use.
    pub fn record_version(&mut self, identity: Identity, arn: &LayerVersionArn, recorded: Timestamp) {
        self.record_declared(identity, arn, None, recorded);
    }

    /// The same with the version's declaration. If two versions declare different things, the later one counts, because
    /// it was published for its declaration.
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

    /// Records the declaration of a version, if none is recorded yet.
    pub fn note_declared(&mut self, arn: &LayerVersionArn, declares: Option<&Declared>) {
        let versions = self.contents.values_mut().flat_map(|content| content.versions.values_mut());
        for version in versions.filter(|version| version.arn == *arn && version.declares.is_none()) {
            version.declares = declares.cloned();
        }
    }

    /// Records what the finished run stands for, and in which destinations. Recipes of earlier builds are removed. What
    /// was current until now counts as in use until now.
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

    /// Turns a claim whose run is dead into a request without an answer, and drops requests that are older than
    /// `settling`: they were executed, or never will be.
    pub fn settle(&mut self, settling: SignedDuration, now: Timestamp) {
        if let Some(claim) = self.claim.take_if(|claim| claim.is_abandoned(now)) {
            self.unanswered.push(claim.last_request(now));
        }
        self.unanswered.retain(|request| now.duration_since(request.sent) < settling);
    }

    /// Records the target of a content, if the lists of versions did not contain it.
    pub fn note_target(&mut self, content: ContentHash, target: Target) {
        if let Some(content) = self.contents.get_mut(&content).filter(|content| content.python.is_none()) {
            content.python = Some(target.python.to_string());
            content.architecture = Some(target.architecture.to_string());
        }
    }

    /// Records that a version is in use, so that clean-ups keep it for a while; `false` if the state does not have it.
    #[must_use]
    pub fn touch(&mut self, content: ContentHash, arn: &LayerVersionArn, now: Timestamp) -> bool {
        let versions = self.contents.get_mut(&content).into_iter().flat_map(|content| content.versions.values_mut());
        let known = versions.into_iter().find(|version| version.arn == *arn);
        known.map(|version| version.recorded = now).is_some()
    }

    /// Forgets a version that no longer exists.
    pub fn forget(&mut self, arn: &LayerVersionArn) {
        for content in self.contents.values_mut() {
            content.versions.retain(|_, version| version.arn != *arn);
        }
    }
}
