//! What a version says about itself. The description carries its identity, so that a lost state can be read off the
//! list of versions: `TEXT | LABEL | fingerprint=HEX sha256=BASE64`.

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
    pub compatible_architectures: Vec<Architecture>,
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
}
