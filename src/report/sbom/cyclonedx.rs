//! The part of CycloneDX 1.6 that is used here (<https://cyclonedx.org/docs/1.6/json/>).

use serde::Serialize;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bom {
    #[serde(rename = "$schema")]
    pub(super) schema: &'static str,
    #[serde(rename = "bomFormat")]
    pub(super) format: &'static str,
    pub(super) spec_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) serial_number: Option<String>,
    /// The version of the document with this serial number. Always 1, because other content gets another serial number.
    pub(super) version: u32,
    pub(super) metadata: Metadata,
    pub(super) components: Vec<Component>,
    pub(super) dependencies: Vec<Dependency>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) vulnerabilities: Vec<Vulnerability>,
}

#[derive(Debug, Serialize)]
pub(super) struct Metadata {
    pub(super) lifecycles: [Lifecycle; 1],
    pub(super) tools: Tools,
    pub(super) component: Component,
}

#[derive(Debug, Serialize)]
pub(super) struct Lifecycle {
    pub(super) phase: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct Tools {
    pub(super) components: Vec<Component>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Component {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(rename = "bom-ref", skip_serializing_if = "Option::is_none")]
    pub(super) bom_ref: Option<String>,
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) hashes: Vec<Hash>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) licenses: Vec<LicenseChoice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) purl: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) external_references: Vec<ExternalReference>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) properties: Vec<Property>,
    /// The components inside it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) components: Vec<Self>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) evidence: Option<Evidence>,
}

#[derive(Debug, Serialize)]
pub(super) struct Hash {
    pub(super) alg: &'static str,
    pub(super) content: String,
}

/// Either several licences, or one expression.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum LicenseChoice {
    License { license: License },
    Expression { expression: String, acknowledgement: &'static str },
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) struct License {
    #[serde(flatten)]
    pub(super) named: Named,
    pub(super) acknowledgement: &'static str,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Named {
    Id(String),
    Name(String),
}

#[derive(Debug, Serialize)]
pub(super) struct ExternalReference {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) url: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Property {
    pub(super) name: &'static str,
    pub(super) value: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Evidence {
    pub(super) occurrences: Vec<Occurrence>,
}

#[derive(Debug, Serialize)]
pub(super) struct Occurrence {
    /// Path in the layer, relative to `/opt`.
    pub(super) location: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Dependency {
    #[serde(rename = "ref")]
    pub(super) of: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) depends_on: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Vulnerability {
    pub(super) id: String,
    pub(super) source: Source,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) references: Vec<Reference>,
    pub(super) ratings: [Rating; 1],
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) recommendation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) analysis: Option<Analysis>,
    pub(super) affects: [Affected; 1],
}

#[derive(Debug, Serialize)]
pub(super) struct Source {
    pub(super) name: &'static str,
    pub(super) url: String,
}

/// The same vulnerability under another id.
#[derive(Debug, Serialize)]
pub(super) struct Reference {
    pub(super) id: String,
    pub(super) source: Source,
}

#[derive(Debug, Serialize)]
pub(super) struct Rating {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) score: Option<f64>,
    pub(super) severity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) method: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) vector: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Analysis {
    pub(super) state: &'static str,
    pub(super) detail: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Affected {
    /// The `bom-ref` of a component.
    #[serde(rename = "ref")]
    pub(super) of: String,
}

impl Hash {
    pub(super) fn sha256(hex: String) -> Self {
        Self { alg: "SHA-256", content: hex }
    }
}

impl Evidence {
    pub(super) fn at(paths: impl IntoIterator<Item = String>) -> Option<Self> {
        let occurrences: Vec<Occurrence> = paths.into_iter().map(|location| Occurrence { location }).collect();
        (!occurrences.is_empty()).then_some(Self { occurrences })
    }
}
