//! The wheels that an index has of a version, and why none of them fits the target.

use std::collections::BTreeSet;

use super::resolution::Pin;
use crate::types::wheel_tag::{is_loaded, needed_glibc};
use crate::types::{Architecture, Target};

#[derive(Clone, Debug)]
pub(super) struct Availability {
    pub(super) pin: Pin,
    /// File names of the version's wheels, for every Python and system.
    pub(super) wheels: Vec<String>,
    /// The newest version of the distribution with a wheel for the target.
    pub(super) newest_that_fits: Option<String>,
}

/// The three parts of a tag such as `cp312-cp312-manylinux_2_28_x86_64`. Each part may be several, joined by dots.
struct Tag<'a> {
    pythons: &'a str,
    abis: &'a str,
    platforms: &'a str,
}

impl<'a> Tag<'a> {
    fn of(wheel: &'a str) -> Option<Self> {
        let mut parts = wheel.strip_suffix(".whl")?.rsplit('-');
        let (platforms, abis, pythons) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self { pythons, abis, platforms })
    }

    fn is_for(&self, target: Target) -> bool {
        self.pythons.split('.').any(|python| self.abis.split('.').any(|abi| is_loaded(python, abi, target)))
    }

    /// Minor versions of Python 3 in the tag: 12 for `cp312`.
    fn minors(&self) -> impl Iterator<Item = u32> {
        self.pythons.split('.').filter_map(|python| python.strip_prefix("cp3")?.parse().ok())
    }
}

impl Availability {
    fn tags(&self) -> impl Iterator<Item = Tag<'_>> {
        self.wheels.iter().filter_map(|wheel| Tag::of(wheel))
    }

    /// Whether the version has compiled code: some of its wheels are for one system only.
    pub(super) fn is_compiled(&self) -> bool {
        self.tags().any(|tag| tag.platforms != "any")
    }

    /// Why the version has no wheel for the target, or why its wheel is not used.
    pub(super) fn reason(&self, target: Target) -> String {
        let (pin, python, own) = (&self.pin, target.python, target.architecture);
        if self.wheels.is_empty() {
            return format!("`{pin}` has only a source distribution, which has to be built");
        }
        let for_python: Vec<Tag<'_>> = self.tags().filter(|tag| tag.is_for(target)).collect();
        if for_python.is_empty() {
            let minors: BTreeSet<u32> = self.tags().flat_map(|tag| tag.minors().collect::<Vec<_>>()).collect();
            return match (minors.first(), minors.last()) {
                (Some(first), Some(last)) if first == last => {
                    format!("`{pin}` has wheels for Python 3.{last}, but none for Python {python}")
                }
                (Some(first), Some(last)) => {
                    format!("`{pin}` has wheels for Python 3.{first} to 3.{last}, but none for Python {python}")
                }
                _ => format!("`{pin}` has wheels, but none for Python {python}"),
            };
        }
        let needed = |architecture: Architecture| {
            let platforms = for_python.iter().flat_map(|tag| tag.platforms.split('.'));
            platforms.filter_map(|platform| needed_glibc(platform, architecture)).min()
        };
        let other = if own == Architecture::Arm64 { Architecture::X86_64 } else { Architecture::Arm64 };
        match (needed(own), needed(other)) {
            (Some(glibc), _) if glibc > target.glibc() => format!(
                "`{pin}` has wheels for Python {python} that need glibc {glibc} or newer, but the runtime has {}",
                target.glibc()
            ),
            (Some(_), _) => format!("`{pin}` has a compatible wheel, but the requirements ask for a build from source"),
            (None, Some(_)) => format!("`{pin}` has wheels for Linux on {other}, but none for {own}"),
            (None, None) => format!("`{pin}` has wheels for other systems, but none for Linux with glibc"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(wheels: &[&str], python: &str) -> String {
        let pin = Pin { name: "a".to_owned(), version: "1".to_owned() };
        let wheels = wheels.iter().map(|tag| format!("a-1-{tag}.whl")).collect();
        let target = Target { python: python.parse().expect("is known"), architecture: Architecture::X86_64 };
        Availability { pin, wheels, newest_that_fits: None }.reason(target)
    }

    #[test]
    fn wheels_that_do_not_fit_have_a_reason() {
        let reasons = [
            reason(&[], "3.13"),
            reason(&["cp37-cp37m-manylinux2014_x86_64", "cp312-cp312-win_amd64"], "3.13"),
            reason(&["cp310-cp310-win_amd64"], "3.13"),
            reason(&["cp311-cp311-manylinux_2_28_x86_64", "cp311-cp311-manylinux_2_34_x86_64"], "3.11"),
            reason(&["cp313-cp313-manylinux2014_aarch64"], "3.13"),
            reason(&["cp313-cp313-musllinux_1_2_x86_64", "cp39-abi3-macosx_11_0_arm64"], "3.13"),
            reason(&["py2-none-any"], "3.13"),
            reason(&["cp39-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64"], "3.13"),
        ];
        insta::assert_snapshot!(reasons.join("\n"), @r"
        `a==1` has only a source distribution, which has to be built
        `a==1` has wheels for Python 3.7 to 3.12, but none for Python 3.13
        `a==1` has wheels for Python 3.10, but none for Python 3.13
        `a==1` has wheels for Python 3.11 that need glibc 2.28 or newer, but the runtime has 2.26
        `a==1` has wheels for Linux on arm64, but none for x86_64
        `a==1` has wheels for other systems, but none for Linux with glibc
        `a==1` has wheels, but none for Python 3.13
        `a==1` has a compatible wheel, but the requirements ask for a build from source
        ");
    }
}
