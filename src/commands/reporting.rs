//! Turns what a run knows about a layer into the plain values of its report.

use crate::build::BuiltLayer;
use crate::decide::fingerprint::Fingerprinted;
use crate::registry::state::State;
use crate::report::{Before, Report};
use crate::spec::Spec;
use crate::types::ContentHash;

impl Report {
    /// A run that so far only knows what is wanted and why something is to be done.
    pub fn of(spec: &Spec, wanted: &Fingerprinted, reason: String) -> Self {
        Self {
            folder: spec.folder_in_repository(),
            dry_run: spec.dry_run,
            limits: spec.checks.limits(),
            fingerprint: Some(wanted.fingerprint),
            unpinned: wanted.unpinned(),
            ..Self::new(spec.task.command(), spec.layer.to_string(), Some(spec.target), reason)
        }
    }

    #[must_use]
    pub fn with_build(self, built: &BuiltLayer) -> Self {
        let report = match &built.layer {
            Some(layer) => self.with_layer(layer.clone()),
            None => self,
        };
        Self {
            code_sha256: built.archive().map(|archive| archive.content),
            zipped_size: built.sizes.zipped,
            unzipped_size: Some(built.sizes.unzipped),
            distributions: built.distributions.clone(),
            savings: built.savings.clone(),
            findings: built.findings.clone(),
            provenance: built.provenance.clone(),
            import_times: built.import_times.clone(),
            materials: built.materials.clone(),
            ..report
        }
    }

    /// What the state knows of a content that was not built again.
    #[must_use]
    pub fn with_content(self, hash: ContentHash, state: &State) -> Self {
        let known = state.contents.get(&hash).cloned().unwrap_or_default();
        let report = Self {
            code_sha256: Some(hash),
            zipped_size: known.zipped_size,
            unzipped_size: known.unzipped_size,
            distributions: known.distributions,
            ..self
        };
        report.compared_to(state)
    }

    /// Sets what follows from the content that was current before.
    #[must_use]
    pub fn compared_to(self, state: &State) -> Self {
        let current = state.current_content();
        let changed = self.code_sha256 != current.map(|(hash, _)| hash);
        // Of a content that was read off the lists of versions nothing else is known.
        let known = current.filter(|(_, content)| changed && content.unzipped_size.is_some());
        let before = known.map(|(_, content)| Before {
            name: content
                .versions
                .values()
                .next()
                .map_or_else(String::new, |first| format!("version {}", first.version)),
            zipped_size: content.zipped_size,
            unzipped_size: content.unzipped_size,
            distributions: content.distributions.clone(),
            findings: content.findings.clone(),
        });
        let size_diff = if current.is_some() && !changed { Some(0) } else { None };
        let report = Self { changed, size_diff, ..self };
        match before {
            Some(before) => report.compared_with(before),
            None => report,
        }
    }
}
