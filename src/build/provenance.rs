//! Finds out why each distribution is in a layer: which line asks for it, and which others need it.

use std::collections::{BTreeMap, BTreeSet};

use crate::layer::{Layer, ManifestPlace, Origins, Provenance};
use crate::manifest::{AskedFor, Manifest};
use crate::spec::Spec;
use crate::types::DistributionName;
use crate::{audit, files};

/// By the names of the distributions.
pub(super) fn of(layer: &Layer, spec: &Spec, manifest: &Manifest, origins: &Origins) -> BTreeMap<String, Provenance> {
    let needs = audit::needed_within(layer, spec.target);
    let needed: BTreeSet<&DistributionName> = needs.values().flatten().collect();
    let asked = manifest.asked_for(&spec.folder);
    let of_distributions = layer.distributions.iter().map(|distribution| {
        let name = &distribution.name;
        let place = asked.get(name).filter(|asked| asked.is_certain || !needed.contains(name));
        let index = origins.public_index_of(distribution).map(str::to_owned);
        let provenance = Provenance {
            changelog: distribution.changelog.clone().filter(|_| index.is_some()),
            place: place.and_then(|asked| place_of(asked, spec)),
            needs: needs
                .get(name)
                .into_iter()
                .flatten()
                .filter(|other| *other != name)
                .map(ToString::to_string)
                .collect(),
            index,
        };
        (name.to_string(), provenance)
    });
    of_distributions.collect()
}

/// The path from the root of the repository; `None` for a file outside.
fn place_of(asked: &AskedFor, spec: &Spec) -> Option<ManifestPlace> {
    let path = files::normalize(&spec.folder.join(&asked.file))?;
    let file = path.strip_prefix(&spec.workspace).ok()?.to_string();
    Some(ManifestPlace { file, line: asked.line })
}
