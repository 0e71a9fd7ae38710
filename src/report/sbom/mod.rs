//! The bill of materials of a layer in CycloneDX JSON: distributions, the shared libraries that they bundle, the user's
//! own code, other files.
//!
//! It has no date and no random number: the same layer gives the same bytes.

mod cyclonedx;
mod known;
pub(crate) mod libraries;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::error::repository;
use crate::layer::files::place_of_other;
use crate::layer::licences::{Term, is_printed};
use crate::layer::{Distribution, File, Layer, Materials, Owner, files};
use crate::report::Report;
use crate::report::sbom::cyclonedx::{
    Bom, Component, Dependency, Evidence, ExternalReference, Hash, License, LicenseChoice, Lifecycle, Metadata, Named,
    Property, Tools,
};
use crate::types::{Digest, DistributionName, Target};
use crate::{audit, facts};

/// The `bom-ref` of the layer, to which everything else belongs.
const ROOT: &str = "layer";
/// The longest version that the schema allows, in characters.
const LONGEST_VERSION: usize = 1024;

/// `None` if the content of the layer is not known.
pub(crate) fn sbom(report: &Report) -> Option<String> {
    let layer = report.layer.as_ref()?;
    let distributions = distributions(layer, &report.materials);
    let others = others(layer, &report.materials);
    let dependencies = dependencies(layer, target(report), &distributions, &others);
    let vulnerabilities = known::vulnerabilities(report, &distributions);
    let components = distributions.into_values().chain(others).collect();
    let lifecycles = [Lifecycle { phase: "post-build" }];
    let mut bom = Bom {
        schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
        format: "CycloneDX",
        spec_version: "1.6",
        serial_number: None,
        version: 1,
        metadata: Metadata { lifecycles, tools: Tools { components: vec![tool()] }, component: root(report) },
        components,
        dependencies,
        vulnerabilities,
    };
    let body = serde_json::to_vec(&bom).expect("has string keys");
    bom.serial_number = Some(serial_number(Digest::of(&body)));
    let text = serde_json::to_string_pretty(&bom).expect("has string keys");
    Some(text + "\n")
}

fn target(report: &Report) -> Option<Target> {
    let (python, architecture) = report.python_version.zip(report.architecture)?;
    Some(Target { python, architecture })
}

/// A UUID made from a digest (RFC 9562, version 8).
fn serial_number(digest: Digest) -> String {
    let hex = digest.hex();
    let variant = match u8::from_str_radix(&hex[16..17], 16).unwrap_or_default() % 4 {
        0 => '8',
        1 => '9',
        2 => 'a',
        _ => 'b',
    };
    format!("urn:uuid:{}-{}-8{}-{variant}{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
}

fn tool() -> Component {
    let vcs = repository().map(|repository| ExternalReference { kind: "vcs", url: repository.to_owned() });
    Component {
        kind: "application",
        name: "lambda-layer".to_owned(),
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        external_references: vcs.into_iter().collect(),
        ..Component::default()
    }
}

/// The layer itself. Its version is that of the layer version in the first destination, if there is one.
fn root(report: &Report) -> Component {
    let arns = report.destinations.iter().filter_map(|destination| destination.layer_version_arn.as_ref());
    let known = [
        ("lambda-layer:python-version", report.python_version.map(|version| version.to_string())),
        ("lambda-layer:architecture", report.architecture.map(|architecture| architecture.to_string())),
        ("lambda-layer:code-sha256", report.code_sha256.map(|hash| hash.to_string())),
        ("lambda-layer:zipped-size", report.zipped_size.map(|size| size.0.to_string())),
        ("lambda-layer:unzipped-size", report.unzipped_size.map(|size| size.0.to_string())),
    ];
    let known = known.into_iter().filter_map(|(name, value)| Some(Property { name, value: value? }));
    let arns = arns.map(|arn| Property { name: "lambda-layer:arn", value: arn.to_string() });
    Component {
        kind: "library",
        bom_ref: Some(ROOT.to_owned()),
        name: printed(&report.layer_name),
        version: report.arn().map(|arn| arn.version().to_string()),
        hashes: report.code_sha256.iter().map(|hash| Hash::sha256(hash.0.hex())).collect(),
        properties: known.chain(arns).collect(),
        ..Component::default()
    }
}

type Key = (DistributionName, String);

/// One component for each name and version, even if several package folders have it.
fn distributions(layer: &Layer, materials: &Materials) -> BTreeMap<Key, Component> {
    let sizes = layer.sizes();
    let mut infos: BTreeMap<&str, BTreeSet<&Utf8Path>> = BTreeMap::new();
    let mut bundled: BTreeMap<&DistributionName, Vec<(&Utf8PathBuf, &File)>> = BTreeMap::new();
    let mut boms: BTreeMap<&DistributionName, Vec<&Utf8PathBuf>> = BTreeMap::new();
    for (path, file) in &layer.files {
        let folder = path.parent().filter(|folder| folder.extension() == Some("dist-info"));
        if let Some(info) = folder.filter(|_| path.file_name() == Some("METADATA")) {
            infos.entry(info.file_name().unwrap_or_default()).or_default().insert(info);
        }
        let Some(owner) = file.distribution() else { continue };
        if files::is_bundled(path, file) {
            bundled.entry(owner).or_default().push((path, file));
        }
        if is_bom(path) {
            boms.entry(owner).or_default().push(path);
        }
    }
    let mut components = BTreeMap::new();
    for distribution in &layer.distributions {
        let version = printed(&distribution.version).chars().take(LONGEST_VERSION).collect::<String>();
        let key = (distribution.name.clone(), version.clone());
        if components.contains_key(&key) {
            continue;
        }
        let (name, purl) = (&distribution.name, purl(distribution, &version));
        let origin = materials.origins.of_distribution(distribution);
        let size = sizes.get(&Owner::Distribution(name.clone()));
        // Files are recorded by name only: if there are two versions of a distribution, the first gets all files.
        let (libraries, boms) = (bundled.remove(name), boms.remove(name));
        let own_boms = boms.into_iter().flatten().map(|path| ("bom", url_of(path)));
        let references = origin.references(name).chain(own_boms);
        let found = infos.get(distribution.info.as_str()).into_iter().flatten().map(ToString::to_string);
        let component = Component {
            kind: "library",
            bom_ref: Some(purl.clone()),
            name: name.to_string(),
            version: Some(version),
            hashes: origin.sha256.iter().cloned().map(Hash::sha256).collect(),
            licenses: licences(distribution),
            // The user's own distributions are on no index.
            purl: (!origin.is_own).then_some(purl),
            external_references: references.map(|(kind, url)| ExternalReference { kind, url }).collect(),
            properties: size
                .map(|size| Property { name: UNZIPPED_SIZE, value: size.0.to_string() })
                .into_iter()
                .collect(),
            components: libraries.into_iter().flatten().map(|(path, file)| library(path, file, materials)).collect(),
            evidence: Evidence::at(found),
        };
        components.insert(key, component);
    }
    components
}

const UNZIPPED_SIZE: &str = "lambda-layer:unzipped-size";

/// Whether the file is a bill of materials in a wheel that says what it bundles (PEP 770).
fn is_bom(path: &Utf8Path) -> bool {
    let folder = path.parent();
    let is_in = folder.and_then(Utf8Path::parent).is_some_and(|info| info.extension() == Some("dist-info"));
    is_in && folder.and_then(Utf8Path::file_name) == Some("sboms")
}

/// A package URL (<https://github.com/package-url/purl-spec>); dots in names are kept.
fn purl(distribution: &Distribution, version: &str) -> String {
    let name = distribution.spelling.to_lowercase().replace('_', "-");
    format!("pkg:pypi/{}@{}", utf8_percent_encode(&name, PART), utf8_percent_encode(version, PART))
}

/// Characters that are percent-encoded in a part of a URL.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A file's path as a relative URL.
fn url_of(path: &Utf8Path) -> String {
    const PATH: &AsciiSet = &PART.remove(b'/');
    utf8_percent_encode(path.as_str(), PATH).to_string()
}

/// The `bom-ref` of a component that has a path.
fn reference(path: &Utf8Path) -> String {
    let shown = printed(path.as_str());
    // Two paths may differ only in invisible characters, so the digest tells them apart.
    if shown == path.as_str() { shown } else { format!("{shown} {}", Digest::of(path.as_str().as_bytes()).hex()) }
}

/// The licences that the authors declare.
fn licences(distribution: &Distribution) -> Vec<LicenseChoice> {
    const DECLARED: &str = "declared";
    let terms = distribution.licence.terms();
    let license = |named| LicenseChoice::License { license: License { named, acknowledgement: DECLARED } };
    let choice = |term| match term {
        Term::Spdx(id) if has_id(&id) => license(Named::Id(id)),
        Term::Spdx(expression) => LicenseChoice::Expression { expression, acknowledgement: DECLARED },
        Term::Name(name) => license(Named::Name(name)),
    };
    terms.into_iter().map(choice).collect()
}

fn has_id(text: &str) -> bool {
    spdx::license_id(text).is_some() && !facts::licences().unknown_to_cyclonedx.iter().any(|id| id == text)
}

fn library(path: &Utf8Path, file: &File, materials: &Materials) -> Component {
    let (name, version) = libraries::name_and_version(path.file_name().unwrap_or_default());
    Component {
        kind: "library",
        bom_ref: Some(reference(path)),
        name: printed(&name),
        version,
        hashes: materials.sha256(path),
        properties: vec![Property { name: UNZIPPED_SIZE, value: file.size.0.to_string() }],
        evidence: Evidence::at([printed(path.as_str())]),
        ..Component::default()
    }
}

/// Files that belong to no distribution, grouped by package or folder, or alone.
fn others(layer: &Layer, materials: &Materials) -> Vec<Component> {
    let mut groups: BTreeMap<Utf8PathBuf, Vec<(&Utf8PathBuf, &File)>> = BTreeMap::new();
    for (path, file) in &layer.files {
        if let Some(place) = place_of_other(path, file) {
            groups.entry(place).or_default().push((path, file));
        }
    }
    let components = groups.into_iter().map(|(place, files)| {
        let size: u64 = files.iter().map(|(_, file)| file.size.0).sum();
        let owner = files[0].1.owner.to_string();
        let is_file = files.len() == 1 && *files[0].0 == place;
        let kind = match is_file {
            true => "file",
            false if place.starts_with("python") => "library",
            false => "data",
        };
        Component {
            kind,
            bom_ref: Some(reference(&place)),
            name: printed(place.file_name().unwrap_or_default()),
            hashes: if is_file { materials.sha256(&place) } else { Vec::new() },
            properties: vec![
                Property { name: "lambda-layer:origin", value: owner },
                Property { name: UNZIPPED_SIZE, value: size.to_string() },
            ],
            evidence: Evidence::at([printed(place.as_str())]),
            ..Component::default()
        }
    });
    components.collect()
}

impl Materials {
    fn sha256(&self, path: &Utf8Path) -> Vec<Hash> {
        self.digests.get(path).map(|digest| Hash::sha256(digest.hex())).into_iter().collect()
    }
}

/// The dependency graph. The layer depends on everything that nothing else in it needs.
fn dependencies(
    layer: &Layer,
    target: Option<Target>,
    distributions: &BTreeMap<Key, Component>,
    others: &[Component],
) -> Vec<Dependency> {
    let name_of = |component: &Component| component.bom_ref.clone().unwrap_or_default();
    let edges = target.map(|target| audit::needed_within(layer, target)).unwrap_or_default();
    let refs_of = |name: &DistributionName| {
        distributions
            .range((name.clone(), String::new())..)
            .take_while(|((found, _), _)| found == name)
            .map(|(_, component)| name_of(component))
            .collect::<Vec<_>>()
    };
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for ((name, _), component) in distributions {
        let needed = edges.get(name).into_iter().flatten().filter(|needed| *needed != name).flat_map(&refs_of);
        let bundled = component.components.iter().map(name_of);
        graph.insert(name_of(component), needed.chain(bundled).collect());
        graph.extend(component.components.iter().map(|library| (name_of(library), BTreeSet::new())));
    }
    graph.extend(others.iter().map(|component| (name_of(component), BTreeSet::new())));

    // Distributions may need each other in a circle that nothing else needs: the layer then depends on the first of
    // them.
    let needed: BTreeSet<&String> = graph.values().flatten().collect();
    let mut first: BTreeSet<String> = graph.keys().filter(|name| !needed.contains(name)).cloned().collect();
    let mut reached = BTreeSet::new();
    reach(&graph, first.iter().cloned().collect(), &mut reached);
    for name in graph.keys() {
        if !reached.contains(name) {
            first.insert(name.clone());
            reach(&graph, vec![name.clone()], &mut reached);
        }
    }
    let of_layer = Dependency { of: ROOT.to_owned(), depends_on: first.into_iter().collect() };
    let of_others = graph.into_iter().map(|(of, needed)| Dependency { of, depends_on: needed.into_iter().collect() });
    std::iter::once(of_layer).chain(of_others).collect()
}

fn reach(graph: &BTreeMap<String, BTreeSet<String>>, mut next: Vec<String>, reached: &mut BTreeSet<String>) {
    while let Some(name) = next.pop() {
        if reached.insert(name.clone()) {
            next.extend(graph.get(&name).into_iter().flatten().cloned());
        }
    }
}

/// Text from outside, with unprintable characters replaced.
fn printed(text: &str) -> String {
    text.chars().map(|character| if is_printed(character) { character } else { '\u{fffd}' }).collect()
}
