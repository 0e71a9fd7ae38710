//! Whether a layer is small enough: for Lambda, and by the limits that the user set.

use crate::archive::pack::Archive;
use crate::facts;
use crate::layer::DistributionSize;
use crate::layer::Finding;
use crate::spec::{Checks, RegistryChoice, Spec, Task};
use crate::types::ByteSize;

/// Lambda allows 250 MB unzipped for a function with all its layers. `largest` are the largest parts, the largest
/// first.
pub(crate) fn check_unzipped(size: ByteSize, largest: &[DistributionSize]) -> Vec<Finding> {
    let limit = ByteSize(facts::limits().unzipped_size);
    if size <= limit {
        return Vec::new();
    }
    let message =
        format!("the layer is {size} unzipped ({} bytes), over Lambda's limit of {limit} ({} bytes)", size.0, limit.0);
    vec![Finding::error("unzipped-size", "layer", message, remedy(largest))]
}

/// A zip of up to 50 MB can be part of the request; a larger one has to go through S3.
pub(crate) fn check_zipped(archive: &Archive, spec: &Spec) -> Vec<Finding> {
    let limit = ByteSize(facts::limits().direct_upload_size);
    if archive.zipped_size <= limit {
        return Vec::new();
    }
    let message =
        format!("the zip is {}, over the {limit} that Lambda accepts without an S3 bucket", archive.zipped_size);
    match (&spec.registry, spec.task) {
        (RegistryChoice::Aws(destinations), Task::Publish) if destinations.bucket.is_none() => {
            vec![Finding::error("zipped-size", "layer", message, "set an S3 bucket with `bucket`")]
        }
        (_, Task::Build) => vec![Finding::warning("zipped-size", "layer", message, "publish it through an S3 bucket")],
        _ => Vec::new(),
    }
}

/// The user's own limits, for the sizes that are known.
pub(crate) fn check_limits(
    zipped: Option<ByteSize>,
    unzipped: Option<ByteSize>,
    largest: &[DistributionSize],
    checks: &Checks,
) -> Vec<Finding> {
    let over = |code: &'static str, what: &str, size: Option<ByteSize>, limit: Option<ByteSize>| {
        let (size, limit) = size.zip(limit).filter(|(size, limit)| size > limit)?;
        let more = ByteSize(size.0 - limit.0);
        let message = format!("the {what} is {size} ({} bytes), {more} over the {limit} that `{code}` allows", size.0);
        Some(Finding::error(code, "layer", message, remedy(largest)))
    };
    let zipped = over("max-zipped-size", "zip", zipped, checks.max_zipped_size);
    let unzipped = over("max-unzipped-size", "unzipped layer", unzipped, checks.max_unzipped_size);
    zipped.into_iter().chain(unzipped).collect()
}

pub(crate) fn remedy(largest: &[DistributionSize]) -> String {
    const NAMED: usize = 3;
    let named: Vec<String> = largest.iter().take(NAMED).map(|row| format!("{} {}", row.name, row.size)).collect();
    let named = if named.is_empty() { String::new() } else { format!("; the largest are {}", named.join(", ")) };
    format!("leave something out or split the layer{named}")
}
