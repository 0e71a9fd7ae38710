//! What a layer version declares. Its description contains its identity, so that a lost state can be rebuilt from the
//! list of versions: `TEXT | LABEL | fingerprint=HEX sha256=BASE64`.

use std::collections::BTreeSet;
use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};

use crate::facts;
use crate::types::{Architecture, ContentHash, Fingerprint};

/// What the user declares about a version; none of it changes a byte of the layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    pub text: String,
    /// The git tag of a tag run.
    pub label: Option<String>,
    pub license: Option<String>,
    pub compatible_runtimes: Vec<String>,
    /// None for regions that know no architectures.
    pub compatible_architectures: Vec<Architecture>,
    /// The parts that the user gave. The rest are defaults, which another version of this program may choose differently.
    pub given: BTreeSet<Part>,
    /// Whether a change of description or licence publishes a new version, too.
    pub republish: bool,
}

/// A part of what a version declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Runtimes,
    Architectures,
    Description,
    License,
}

/// What a version declares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Declared {
    /// Without the identity: the text, and perhaps a label.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub compatible_runtimes: BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub compatible_architectures: BTreeSet<String>,
}

/// A difference between what a version declares and what the user asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    pub part: Part,
    pub declared: String,
    pub wanted: String,
}

/// The identity that a description carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pub fingerprint: Fingerprint,
    pub content: ContentHash,
}

const SEPARATOR: &str = " | ";
const FINGERPRINT: &str = "fingerprint=";
const CONTENT: &str = " sha256=";
/// 64 hexadecimal digits and 44 of Base64.
const IDENTITY_LENGTH: usize = FINGERPRINT.len() + 64 + CONTENT.len() + 44;

impl Declaration {
    /// With the licences of what is in the layer, unless the user says what to declare.
    #[must_use]
    pub fn or_license(self, licences: Option<&str>) -> Self {
        Self { license: self.license.or_else(|| licences.map(str::to_owned)), ..self }
    }

    /// What a version published with these inputs declares.
    pub fn declared(&self) -> Declared {
        let label = self.label.iter().map(|label| format!("{SEPARATOR}{label}"));
        Declared {
            description: std::iter::once(self.text.clone()).chain(label).collect(),
            license: self.license.clone(),
            compatible_runtimes: self.compatible_runtimes.iter().cloned().collect(),
            compatible_architectures: self.compatible_architectures.iter().map(ToString::to_string).collect(),
        }
    }

    /// The parts given by the user that a version declares differently.
    ///
    /// A version without architectures counts as equal: its region refuses them.
    pub fn differences(&self, declared: &Declared) -> Vec<Difference> {
        let wanted = self.declared();
        let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
        let is_other = |part: Part| {
            self.given.contains(&part)
                && match part {
                    Part::Runtimes => wanted.compatible_runtimes != declared.compatible_runtimes,
                    Part::Architectures => {
                        !declared.compatible_architectures.is_empty()
                            && wanted.compatible_architectures != declared.compatible_architectures
                    }
                    Part::Description => !is_text_of(&self.text, &declared.description),
                    Part::License => wanted.license != declared.license,
                }
        };
        let difference = |part: Part| {
            let of = |what: &Declared, text: &str| match part {
                Part::Runtimes => list(&what.compatible_runtimes),
                Part::Architectures => list(&what.compatible_architectures),
                Part::Description => text.to_owned(),
                Part::License => what.license.clone().unwrap_or_default(),
            };
            Difference { part, declared: of(declared, &declared.description), wanted: of(&wanted, &self.text) }
        };
        let parts = [Part::Runtimes, Part::Architectures, Part::Description, Part::License];
        parts.into_iter().filter(|part| is_other(*part)).map(difference).collect()
    }

    /// The differences that require a new version.
    pub fn grave_differences(&self, declared: &Declared) -> Vec<Difference> {
        let is_grave = |difference: &Difference| self.republish || difference.part <= Part::Architectures;
        self.differences(declared).into_iter().filter(is_grave).collect()
    }

    /// Whether no new version is needed; true as well if it is unknown what the version declares.
    pub fn fits(&self, declared: Option<&Declared>) -> bool {
        declared.is_none_or(|declared| self.grave_differences(declared).is_empty())
    }

    /// Characters that a user's text may have.
    pub fn longest_text() -> usize {
        facts::limits().description_length - IDENTITY_LENGTH - SEPARATOR.len()
    }

    /// At most 256 characters; a label is cut to what the text leaves.
    pub fn description(&self, identity: Identity) -> String {
        let mut description = self.text.clone();
        if let Some(label) = &self.label {
            let left = Self::longest_text().saturating_sub(self.text.chars().count() + SEPARATOR.len());
            let label: String = label.chars().take(left).collect();
            if !label.is_empty() {
                description += SEPARATOR;
                description += &label;
            }
        }
        format!("{description}{SEPARATOR}{FINGERPRINT}{}{CONTENT}{}", identity.fingerprint, identity.content)
    }
}

/// Whether a description begins with this text, and has at most a label beside it.
fn is_text_of(text: &str, description: &str) -> bool {
    description.strip_prefix(text).is_some_and(|rest| rest.is_empty() || rest.starts_with(SEPARATOR))
}

impl Declared {
    /// As AWS or a directory registry reports it.
    pub fn of(
        description: &str,
        license: Option<&str>,
        runtimes: impl IntoIterator<Item = String>,
        architectures: impl IntoIterator<Item = String>,
    ) -> Self {
        let (text, _) = description.rsplit_once(FINGERPRINT).unwrap_or((description, ""));
        Self {
            description: text.strip_suffix(SEPARATOR).unwrap_or(text).to_owned(),
            license: license.filter(|license| !license.is_empty()).map(str::to_owned),
            compatible_runtimes: runtimes.into_iter().collect(),
            compatible_architectures: architectures.into_iter().collect(),
        }
    }

    /// Whether two versions declare the same, apart from a label and from architectures that a region refuses.
    pub fn is_like(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.compatible_architectures, &other.compatible_architectures);
        let is_text =
            is_text_of(&self.description, &other.description) || is_text_of(&other.description, &self.description);
        let is_rest = (&self.license, &self.compatible_runtimes) == (&other.license, &other.compatible_runtimes);
        is_text && is_rest && (ours == theirs || ours.is_empty() || theirs.is_empty())
    }
}

impl Part {
    /// The input.
    pub fn input(self) -> &'static str {
        match self {
            Self::Runtimes => "compatible-runtimes",
            Self::Architectures => "compatible-architectures",
            Self::Description => "description",
            Self::License => "license",
        }
    }
}

/// `compatible-runtimes: python3.12 → python3.12, python3.13`
impl Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_none = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
        write!(formatter, "{}: {} → {}", self.part.input(), or_none(&self.declared), or_none(&self.wanted))
    }
}

impl Identity {
    /// `None` for a version that something else published.
    pub fn from_description(description: &str) -> Option<Self> {
        let (_, rest) = description.rsplit_once(FINGERPRINT)?;
        let (fingerprint, content) = rest.split_once(CONTENT)?;
        Some(Self { fingerprint: fingerprint.parse().ok()?, content: content.split_whitespace().next()?.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Digest;

    fn declaration(text: &str, label: Option<&str>) -> Declaration {
        Declaration {
            text: text.to_owned(),
            label: label.map(str::to_owned),
            license: None,
            compatible_runtimes: Vec::new(),
            compatible_architectures: Vec::new(),
            given: BTreeSet::new(),
            republish: false,
        }
    }

    #[test]
    fn the_identity_survives_and_everything_fits() {
        let identity =
            Identity { fingerprint: Fingerprint(Digest::of(b"inputs")), content: ContentHash(Digest::of(b"zip")) };
        let tag = "v1.2.3-".repeat(40);
        for (text, label) in
            [("", None), ("shared", Some("v1.4.0")), (&"ü".repeat(Declaration::longest_text()), Some(&*tag))]
        {
            let description = declaration(text, label).description(identity);
            assert!(description.chars().count() <= 256, "{description}");
            assert_eq!(Identity::from_description(&description), Some(identity));
        }
        assert!(
            declaration("shared", Some("v1.4.0")).description(identity).starts_with("shared | v1.4.0 | fingerprint=")
        );
        assert_eq!(Identity::from_description("made by hand"), None);
    }

    #[test]
    fn what_the_user_gave_counts_and_nothing_else() {
        let identity =
            Identity { fingerprint: Fingerprint(Digest::of(b"inputs")), content: ContentHash(Digest::of(b"zip")) };
        let declared = |description: &str, runtimes: &[&str], architectures: &[&str]| {
            let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
            Declared::of(description, Some("MIT"), names(runtimes), names(architectures))
        };
        let tagged = declaration("shared", Some("v1")).description(identity);
        let was = declared(&tagged, &["python3.12"], &["x86_64"]);
        assert_eq!(was.description, "shared | v1");
        let mut wanted = Declaration {
            compatible_runtimes: vec!["python3.13".to_owned(), "python3.12".to_owned()],
            compatible_architectures: vec![Architecture::Arm64, Architecture::X86_64],
            license: Some("BSD-3-Clause".to_owned()),
            ..declaration("other", None)
        };
        assert!(wanted.fits(Some(&was)), "nothing was given");
        wanted.given = [Part::Runtimes, Part::Architectures, Part::Description, Part::License].into();
        let told = |differences: Vec<Difference>| differences.iter().map(ToString::to_string).collect::<Vec<_>>();
        let grave = [
            "compatible-runtimes: python3.12 → python3.12, python3.13",
            "compatible-architectures: x86_64 → arm64, x86_64",
        ];
        assert_eq!(told(wanted.grave_differences(&was)), grave);
        let all = [&grave[..], &["description: shared | v1 → other", "license: MIT → BSD-3-Clause"]].concat();
        assert_eq!(told(wanted.differences(&was)), all);
        wanted.republish = true;
        assert_eq!(told(wanted.grave_differences(&was)), all);
        assert!(wanted.fits(None), "nobody knows what it declares");
        wanted.given = [Part::Architectures, Part::Description].into();
        wanted.text = "shared".to_owned();
        assert!(wanted.fits(Some(&declared(&tagged, &["python3.12"], &[]))), "the region refuses architectures");
        wanted.compatible_architectures.clear();
        assert_eq!(told(wanted.grave_differences(&was)), ["compatible-architectures: x86_64 → none"]);
    }
}
