//! Questions to a state: about contents, versions, labels and requests.

use super::{Content, State, Version};
use crate::types::description::Declared;
use crate::types::{ContentHash, Destination, Fingerprint, Label, LayerVersionArn, Place};

impl State {
    /// The content that was built from a fingerprint.
    pub fn content_of(&self, fingerprint: Fingerprint) -> Option<ContentHash> {
        self.builds.get(&fingerprint).map(|build| build.content)
    }

    /// The current content with its hash.
    pub fn current_content(&self) -> Option<(ContentHash, &Content)> {
        let hash = self.content_of(self.current?)?;
        Some((hash, self.contents.get(&hash)?))
    }

    /// The declaration of a version, if it is recorded.
    pub fn declared(&self, arn: &LayerVersionArn) -> Option<&Declared> {
        let mut versions = self.contents.values().flat_map(|content| content.versions.values());
        versions.find(|version| version.arn == *arn)?.declares.as_ref()
    }

    /// The content that is current in a destination.
    pub fn current_of(&self, destination: &Destination) -> Option<ContentHash> {
        let own = self.current_in.get(destination).copied();
        let is_there = |content: &ContentHash| {
            self.contents.get(content).is_some_and(|content| content.versions.contains_key(destination))
        };
        own.filter(is_there).or_else(|| self.current_content().map(|(content, _)| content).filter(is_there))
    }

    /// Whether a request that publishes this content may still be under way.
    pub fn may_come(&self, content: ContentHash) -> bool {
        self.unanswered.iter().any(|request| !request.removes && request.content == Some(content))
    }

    /// Whether a request that removes a version with this content, which the state no longer names, may still be under
    /// way.
    pub fn may_go(&self, content: ContentHash) -> bool {
        self.unanswered.iter().any(|request| request.removes && request.content.is_none_or(|going| going == content))
    }

    /// The version of a content in a place.
    pub fn version_in<'a>(&'a self, content: ContentHash, place: &Place) -> Option<&'a Version> {
        let versions = &self.contents.get(&content)?.versions;
        versions.iter().find(|(destination, _)| place.is(destination)).map(|(_, version)| version)
    }

    /// Whether the accounts of these places have to be known, to distinguish them from others that share the state.
    pub fn needs_accounts(&self, places: &[Place]) -> bool {
        let known = || self.contents.values().flat_map(|content| content.versions.keys());
        let has_versions = |region: &str| known().any(|destination| destination.region == region);
        places.iter().any(|place| place.account.is_none() && has_versions(&place.region))
    }

    /// Whether the state has versions of other accounts in the regions of these places.
    pub fn has_accounts_besides(&self, places: &[Place]) -> bool {
        let mut known = self.contents.values().flat_map(|content| content.versions.keys());
        known.any(|destination| {
            let mut of_region = places.iter().filter(|place| place.region == destination.region).peekable();
            of_region.peek().is_some() && !of_region.any(|place| place.is(destination))
        })
    }

    /// The labels of a content.
    pub fn labels_of(&self, content: ContentHash) -> impl Iterator<Item = &Label> {
        self.labels.iter().filter(move |(_, contents)| contents.contains(&content)).map(|(label, _)| label)
    }

    /// The content of a version, in any destination.
    pub fn content_of_version(&self, arn: &LayerVersionArn) -> Option<ContentHash> {
        let is_it = |content: &Content| content.versions.values().any(|version| version.arn == *arn);
        self.contents.iter().find(|(_, content)| is_it(content)).map(|(hash, _)| *hash)
    }
}
