//! `Tag` of `WHEEL`: which Python, ABI and system a distribution was made for
//! (<https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/>).

use std::collections::BTreeSet;

use crate::layer::Distribution;
use crate::layer::{Finding, Layer, Severity};
use crate::types::wheel_tag::{is_loaded, needed_glibc};
use crate::types::{DistributionName, Glibc, Target};

/// How well a tag fits; the worst is first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    No,
    /// Fits, except that the runtime's glibc is too old.
    NewerGlibc(Glibc),
    Yes,
}

/// If another check reported a distribution's files already, its tags are not reported again.
pub(crate) fn check(layer: &Layer, others: &[Finding], target: Target) -> Vec<Finding> {
    let blamed: BTreeSet<&DistributionName> = others
        .iter()
        .filter(|finding| finding.severity == Severity::Error && FILES.contains(&finding.code))
        .filter_map(|finding| finding.distribution.as_ref())
        .collect();
    let silent = layer.distributions.iter().filter(|distribution| !blamed.contains(&distribution.name));
    silent.filter_map(|distribution| finding(distribution, target)).collect()
}

/// Codes of findings that follow from a wheel for another target.
const FILES: &[&str] =
    &["glibc-too-new", "libstdcxx-too-new", "missing-library", "wrong-extension-tag", "wrong-machine"];

fn finding(distribution: &Distribution, target: Target) -> Option<Finding> {
    let name = format!("`{} {}`", distribution.name, distribution.version);
    let tag = distribution.tags.iter().max_by_key(|tag| fit(tag, target))?;
    let finding = match fit(tag, target) {
        Fit::Yes => return None,
        Fit::NewerGlibc(claimed) => Finding::warning(
            "wrong-wheel-tag",
            distribution.name.to_string(),
            format!(
                "the wheel of {name} is for glibc {claimed} (`{tag}`), but Lambda's python{} has {}; none of its files need a newer version",
                target.python,
                target.glibc()
            ),
            "it can be loaded, but installers refuse it for this target",
        ),
        Fit::No => Finding::error(
            "wrong-wheel-tag",
            distribution.name.to_string(),
            format!("the wheel of {name} is for `{tag}`, but the layer is for {target}"),
            format!(
                "install a version that has a wheel for it, such as `cp{}-…-manylinux…_{}`",
                target.python.digits(),
                target.architecture.machine()
            ),
        ),
    };
    Some(finding.blames(Some(&distribution.name)))
}

/// The most alternatives in one part of a tag; real tags have a few.
const MOST_PARTS: usize = 100;

/// The best fit among the combinations of a tag: each of its parts may have several values, separated by dots.
fn fit(tag: &str, target: Target) -> Fit {
    let mut parts = tag.split('-');
    let (Some(pythons), Some(abis), Some(platforms), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Fit::No;
    };
    let (pythons, abis) = (pythons.split('.').take(MOST_PARTS), abis.split('.').take(MOST_PARTS));
    let is_loaded = pythons.into_iter().any(|python| abis.clone().any(|abi| is_loaded(python, abi, target)));
    let platform = platforms.split('.').map(|platform| fit_platform(platform, target)).max().unwrap_or(Fit::No);
    if is_loaded { platform } else { Fit::No }
}

fn fit_platform(platform: &str, target: Target) -> Fit {
    if platform == "any" {
        return Fit::Yes;
    }
    match needed_glibc(platform, target.architecture) {
        Some(glibc) if glibc <= target.glibc() => Fit::Yes,
        Some(glibc) => Fit::NewerGlibc(glibc),
        None => Fit::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(tag: &str, python: &str, architecture: &str) -> Fit {
        fit(tag, Target { python: python.parse().unwrap(), architecture: architecture.parse().unwrap() })
    }

    #[test]
    fn what_installers_take_fits() {
        for tag in [
            "py3-none-any",
            "py2.py3-none-any",
            "py310-none-any",
            "cp313-cp313-linux_x86_64",
            "cp313-none-manylinux1_x86_64",
            "cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64",
            "cp37-abi3-manylinux_2_34_x86_64",
            "cp312.cp313-cp312.cp313-manylinux2014_x86_64",
            "py3-none-manylinux_2_28_aarch64.manylinux_2_28_x86_64",
        ] {
            assert_eq!(fits(tag, "3.13", "x86_64"), Fit::Yes, "{tag}");
        }
        assert_eq!(fits("cp39-cp39-manylinux2014_aarch64", "3.9", "arm64"), Fit::Yes);
    }

    #[test]
    fn what_they_refuse_does_not() {
        for tag in [
            "py2-none-any",
            "py314-none-any",
            "cp312-cp312-manylinux2014_x86_64",
            "cp313-cp313t-manylinux2014_x86_64",
            "cp314-abi3-manylinux2014_x86_64",
            "cp312-none-any",
            "pp311-pypy311_pp73-manylinux2014_x86_64",
            "cp313-cp313-manylinux2014_aarch64",
            "cp313-cp313-musllinux_1_2_x86_64",
            "cp313-cp313-macosx_11_0_x86_64",
            "cp313-cp313-win_amd64",
            "nonsense",
            "",
        ] {
            assert_eq!(fits(tag, "3.13", "x86_64"), Fit::No, "{tag}");
        }
        let newer = Fit::NewerGlibc(Glibc { major: 2, minor: 28 });
        assert_eq!(fits("cp311-cp311-manylinux_2_28_x86_64", "3.11", "x86_64"), newer);
        assert_eq!(fits("cp311-cp311-manylinux_2_28_x86_64.manylinux2014_x86_64", "3.11", "x86_64"), Fit::Yes);
    }
}
