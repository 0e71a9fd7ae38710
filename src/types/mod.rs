//! The words of the domain as types: if a value exists, it is valid.

mod aws;
mod codeartifact;
pub mod description;
mod digest;
mod distribution;
mod function;
mod glob;
mod label;
mod parameter;
pub mod pep508;
mod principal;
mod size;
mod tag_template;
pub mod target;
pub mod wheel_tag;

pub use aws::{AccountId, Destination, LayerName, LayerVersionArn, Place, Region, RoleArn};
pub use codeartifact::CodeArtifactRepository;
pub use digest::{ContentHash, Digest, Fingerprint};
pub use distribution::DistributionName;
pub(crate) use distribution::{PYPI, normalized};
pub use function::{FunctionName, FunctionSelector};
pub use glob::FileGlob;
pub(crate) use glob::check as check_glob;
pub use label::Label;
pub use parameter::ParameterTemplate;
pub use principal::Principal;
pub use size::ByteSize;
pub use tag_template::TagTemplate;
pub use target::{Architecture, Glibc, PythonVersion, Target};

/// Serializes as its `Display`, parses with its `FromStr`.
macro_rules! as_string {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <String as serde::Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

use as_string;
