//! Why a distribution is in a layer, and where it is from.

use serde::{Deserialize, Serialize};

use super::ManifestPlace;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The line that asks for it; `None` if it is there because others need it.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub place: Option<ManifestPlace>,
    /// Names of the distributions in the layer that it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// The public index that it is from; `None` if it may be private.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    /// The page on which its authors say what changed; `None` if the distribution may be private.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changelog: Option<String>,
}
