//! `Tag` of `WHEEL`: which Python, ABI and system a distribution was made for
//! (<https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/>).

use std::collections::BTreeSet;

use super::{Finding, Layer, Severity};
use crate::build::Distribution;
use crate::types::{Architecture, DistributionName, Glibc, Target};

/// How well a tag fits, worst first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    No,
    /// All but for a glibc that the runtime does not have.
    NewerGlibc(Glibc),
    Yes,
}

/// What another check found wrong with the files of a distribution is not said again of its tags.
pub(crate) fn check(layer: &Layer, others: &[Finding], target: Target) -> Vec<Finding> {
    let blamed: BTreeSet<&DistributionName> = others
        .iter()
        .filter(|finding| finding.severity == Severity::Error && FILES.contains(&finding.code))
        .filter_map(|finding| finding.distribution.as_ref())
        .collect();
    let silent = layer.distributions.iter().filter(|distribution| !blamed.contains(&distribution.name));
    silent.filter_map(|distribution| finding(distribution, target)).collect()
}

/// What a wheel for something else leads to.
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
                "the wheel of {name} is for glibc {claimed} (`{tag}`), and python{} of Lambda has {}; but no file of it needs more than that",
                target.python,
                target.glibc()
            ),
            "it can be loaded; installers refuse it for this target",
        ),
        Fit::No => Finding::error(
            "wrong-wheel-tag",
            distribution.name.to_string(),
            format!("the wheel of {name} is for `{tag}`, and the layer for {target}"),
            format!(
                "install a version that has a wheel for it, such as `cp{}-…-manylinux…_{}`",
                target.python.digits(),
                target.architecture.machine()
            ),
        ),
    };
    Some(finding.blames(Some(&distribution.name)))
}

/// Of a tag between two `-`. Real ones have a handful.
const MOST_PARTS: usize = 100;

/// The best of the combinations that a tag stands for: each part may have several, with dots between.
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

/// Whether the target's Python takes wheels of this Python tag and ABI.
pub(crate) fn is_loaded(python: &str, abi: &str, target: Target) -> bool {
    let split = python.find(|letter: char| letter.is_ascii_digit()).map(|at| python.split_at(at));
    let Some((implementation, digits)) = split else { return false };
    let wanted = target.python.digits();
    // `3`, or `3` and the minor version.
    let minor = |digits: &str| digits.strip_prefix('3').and_then(|minor| minor.parse::<u32>().ok());
    let is_older = minor(digits).is_some_and(|it| minor(&wanted).is_some_and(|wanted| it <= wanted));
    match (implementation, abi) {
        ("py", "none") => digits == "3" || is_older,
        ("cp", "none") => digits == wanted,
        ("cp", "abi3") => is_older,
        ("cp", abi) => digits == wanted && abi.strip_prefix("cp") == Some(&wanted),
        _ => false,
    }
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

/// The glibc that a platform tag of Linux needs, 0.0 where it does not say; `None` for other systems and processors.
pub(crate) fn needed_glibc(platform: &str, architecture: Architecture) -> Option<Glibc> {
    let system = platform.strip_suffix(architecture.machine())?.strip_suffix('_')?;
    // PEP 600 has the versions that the older names stand for.
    let (major, minor) = match system {
        "linux" => (0, 0),
        "manylinux1" => (2, 5),
        "manylinux2010" => (2, 12),
        "manylinux2014" => (2, 17),
        system => {
            let (major, minor) = system.strip_prefix("manylinux_")?.split_once('_')?;
            (major.parse().ok()?, minor.parse().ok()?)
        }
    };
    Some(Glibc { major, minor })
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
