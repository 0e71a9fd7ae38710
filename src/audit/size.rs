//! Whether a layer is small enough.

use super::Finding;
use crate::archive::Archive;
use crate::build::Tree;
use crate::facts;
use crate::spec::{RegistryChoice, Spec, Task};
use crate::types::ByteSize;

/// Lambda unpacks at most 250 MB for a function and all its layers.
pub(crate) fn check_unzipped(tree: &Tree) -> Vec<Finding> {
    let (size, limit) = (tree.unzipped_size(), ByteSize(facts::limits().unzipped_size));
    if size <= limit {
        return Vec::new();
    }
    let mut sizes: Vec<_> = tree.sizes().into_iter().collect();
    sizes.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    let largest: Vec<String> = sizes.iter().take(3).map(|(owner, size)| format!("{owner} {size}")).collect();
    let message = format!("the layer is {size} unzipped ({} bytes), over Lambda's {limit} ({} bytes)", size.0, limit.0);
    vec![Finding::error(
        "unzipped-size",
        "layer",
        message,
        format!("leave something out or split the layer; the largest are {}", largest.join(", ")),
    )]
}

/// A zip travels inside the request up to 50 MB, through S3 beyond.
pub(crate) fn check_zipped(archive: &Archive, spec: &Spec) -> Vec<Finding> {
    let limit = ByteSize(facts::limits().direct_upload_size);
    if archive.zipped_size <= limit {
        return Vec::new();
    }
    let message = format!("the zip has {}, over the {limit} that Lambda takes without a bucket", archive.zipped_size);
    match (&spec.registry, spec.task) {
        (RegistryChoice::Aws { bucket: None, .. }, Task::Publish) => {
            vec![Finding::error("zipped-size", "layer", message, "name an S3 bucket with `bucket`")]
        }
        (_, Task::Build) => vec![Finding::warning("zipped-size", "layer", message, "publish it through an S3 bucket")],
        _ => Vec::new(),
    }
}
