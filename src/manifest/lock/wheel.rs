//! Reads names of distribution files: which of them fit a target, and which an installer prefers.

use crate::types::Target;
use crate::types::wheel_tag::{is_loaded, needed_glibc};

/// How well a file fits a target, the worst first. Installers take the best.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// A wheel for something else.
    No,
    /// A wheel that would fit, but needs a newer glibc than the runtime has.
    NewerGlibc,
    /// It has to be built first.
    Source,
    Wheel(Rank),
}

/// The order of preference of uv and pip: a tag for exactly this Python first, then the newest system, then the highest
/// build number (<https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/#use>).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    tag: (Kind, u32),
    glibc: (u32, u32),
    build: u64,
}

/// What a wheel was compiled for, the least specific first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Any,
    OfPython,
    Abi3,
    OwnAbi,
}

impl Fit {
    /// How well a file fits by its name, such as `six-1.17.0-py2.py3-none-any.whl`.
    pub(super) fn of(name: &str, target: Target) -> Self {
        let Some(stem) = name.strip_suffix(".whl") else { return Self::Source };
        let mut parts = stem.rsplit('-');
        let (Some(platforms), Some(abis), Some(pythons)) = (parts.next(), parts.next(), parts.next()) else {
            return Self::No;
        };
        // A build number may be between the version and the tags.
        let build = parts.next().filter(|_| parts.clone().count() == 2).map(leading_number).unwrap_or_default();
        let of_each = |platform: &str, python: &str, abi: &str| {
            if !is_loaded(python, abi, target) {
                return Self::No;
            }
            let any = (platform == "any").then_some((0, 0));
            let needed = || needed_glibc(platform, target.architecture).map(|glibc| (glibc.major, glibc.minor));
            match any.or_else(needed) {
                None => Self::No,
                Some(glibc) if glibc > (target.glibc().major, target.glibc().minor) => Self::NewerGlibc,
                Some(glibc) => Self::Wheel(Rank { tag: tag(python, abi, platform, target), glibc, build }),
            }
        };
        let each = pythons.split('.').flat_map(|python| abis.split('.').map(move |abi| (python, abi)));
        let each = each.flat_map(|(python, abi)| platforms.split('.').map(move |platform| (platform, python, abi)));
        each.map(|(platform, python, abi)| of_each(platform, python, abi)).max().unwrap_or(Self::No)
    }
}

fn tag(python: &str, abi: &str, platform: &str, target: Target) -> (Kind, u32) {
    let own: u32 = target.python.digits().get(1..).and_then(|minor| minor.parse().ok()).unwrap_or_default();
    let minor = python.get(3..).and_then(|minor| minor.parse().ok());
    match (abi, platform) {
        // `py3` ranks below `py313` and above `py312`.
        ("none", "any") => (Kind::Any, minor.map_or(2 * own - 1, |minor| 2 * minor)),
        ("none", _) => (Kind::OfPython, minor.map_or(2 * own - 1, |minor| 2 * minor)),
        ("abi3", _) => (Kind::Abi3, minor.unwrap_or_default()),
        _ => (Kind::OwnAbi, own),
    }
}

fn leading_number(text: &str) -> u64 {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_wheel_that_fits_comes_first() {
        let mut names = [
            "a-1.tar.gz",
            "a-1-py3-none-any.whl",
            "a-1-1-py3-none-any.whl",
            "a-1-py313-none-any.whl",
            "a-1-py3-none-manylinux2014_x86_64.whl",
            "a-1-cp39-abi3-manylinux_2_17_x86_64.whl",
            "a-1-cp312-abi3-manylinux_2_17_x86_64.whl",
            "a-1-cp313-cp313-manylinux2014_x86_64.whl",
            "a-1-cp313-cp313-manylinux_2_28_x86_64.whl",
            "a-1-cp313-cp313-manylinux_2_39_x86_64.whl",
            "a-1-cp313-cp313-manylinux_2_28_aarch64.whl",
            "a-1-cp312-cp312-manylinux_2_28_x86_64.whl",
        ];
        names.sort_by_key(|name| std::cmp::Reverse(Fit::of(name, Target::of_tests())));
        insta::assert_snapshot!(names.join("\n"), @r"
        a-1-cp313-cp313-manylinux_2_28_x86_64.whl
        a-1-cp313-cp313-manylinux2014_x86_64.whl
        a-1-cp312-abi3-manylinux_2_17_x86_64.whl
        a-1-cp39-abi3-manylinux_2_17_x86_64.whl
        a-1-py3-none-manylinux2014_x86_64.whl
        a-1-py313-none-any.whl
        a-1-1-py3-none-any.whl
        a-1-py3-none-any.whl
        a-1.tar.gz
        a-1-cp313-cp313-manylinux_2_39_x86_64.whl
        a-1-cp313-cp313-manylinux_2_28_aarch64.whl
        a-1-cp312-cp312-manylinux_2_28_x86_64.whl
        ");
        let fits = |name: &str| Fit::of(name, Target::of_tests());
        assert_eq!(fits("a-1-cp313-cp313-manylinux_2_39_x86_64.whl"), Fit::NewerGlibc);
        assert_eq!(fits("a-1-cp313-cp313-musllinux_1_2_x86_64.whl"), Fit::No);
        assert_eq!(fits("a.whl"), Fit::No);
    }

    #[test]
    fn a_new_python_and_a_new_system_take_their_wheels() {
        let target = Target::invented();
        for (name, is_taken) in [
            ("a-1-cp398-cp398-manylinux_2_61_aarch64.whl", true),
            ("a-1-cp315-abi3-manylinux_2_34_aarch64.whl", true),
            ("a-1-cp398-abi3.abi3t-manylinux_2_34_aarch64.whl", true),
            // Lambda has no free-threaded Pythons.
            ("a-1-cp398-cp398t-manylinux_2_34_aarch64.whl", false),
            ("a-1-cp398-abi3t-manylinux_2_34_aarch64.whl", false),
            ("a-1-cp399-cp399-manylinux_2_34_aarch64.whl", false),
        ] {
            assert_eq!(matches!(Fit::of(name, target), Fit::Wheel(_)), is_taken, "{name}");
        }
        assert_eq!(Fit::of("a-1-cp398-cp398-manylinux_2_62_aarch64.whl", target), Fit::NewerGlibc);
    }
}
