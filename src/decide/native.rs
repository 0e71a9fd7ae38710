//! Decides whether a layer needs the image of its Python, with compilers, a shell, `strip` and git, as far as a plan
//! can know.

use camino::Utf8Path;
use pep440_rs::{Operator, Version};
use pep508_rs::VersionOrUrl;

use crate::manifest::{ARCHIVES, Manifest, Meaning};
use crate::registry::recipe;
use crate::spec::{Dependencies, Spec};
use crate::types::{Target, normalized, pep508};

/// Variables that make installers build distributions from source although there are wheels.
const NO_BINARY: &[&str] = &["UV_NO_BINARY", "UV_NO_BINARY_PACKAGE", "PIP_NO_BINARY"];

/// The reason why a layer needs that image: the inputs say so, or something has to be compiled, run, stripped or
/// fetched with git; `None` if it does not need it. What only the installer finds out is not considered: the small
/// image can build it, or refuses it by name.
///
/// `wanted` is the meaning of the dependency files for the target. Without it, the result follows from what is known
/// before lock files are resolved.
pub fn reason(spec: &Spec, wanted: Option<&Meaning>) -> Option<String> {
    match spec.native {
        Some(given) => given.then(|| "`native` is `true`".to_owned()),
        None => found(spec, wanted.unwrap_or(&Meaning::of(&spec.dependencies.manifest, spec.target))),
    }
}

fn found(spec: &Spec, wanted: &Meaning) -> Option<String> {
    let Dependencies { manifest, variables, .. } = &spec.dependencies;
    let built = |text: &&String| is_built(text, manifest, spec.target);
    // Constraints may contain the URL of a requirement.
    let placed = |text: &&String| is_source(place_of(text)) == Some(true);
    let asked = wanted.requirements.iter().find(built).or_else(|| wanted.constraints.iter().find(placed));
    let option = wanted.options.iter().find(|option| is_no_binary(option));
    let variable = NO_BINARY.iter().find(|name| variables.get(**name).is_some_and(|value| is_set(value)));
    let reasons = [
        spec.content.build_script.as_ref().map(|_| "`build-script` is given".to_owned()),
        spec.content.strip.then(|| "`strip` is `true`".to_owned()),
        asked.map(|text| format!("`{}` is built from source", shown(text))),
        option.map(|option| format!("`{option}` is given")),
        variable.map(|name| format!("`{name}` is set")),
    ];
    reasons.into_iter().flatten().next()
}

/// The text without digests.
fn shown(text: &str) -> &str {
    let text = recipe::without_mark(text);
    let end = [" hashes:", " bytes:"].iter().filter_map(|mark| text.find(mark)).min();
    &text[..end.unwrap_or(text.len())]
}

fn is_no_binary(option: &str) -> bool {
    option.strip_prefix("--no-binary ").is_some_and(is_set)
}

fn is_set(value: &str) -> bool {
    !["", "0", "false", ":none:"].contains(&value.trim().to_lowercase().as_str())
}

/// Whether a requirement of a recipe certainly is not a wheel: it is in a git repository, it is the file of a source
/// distribution, or it is locked and none of its wheels fits.
fn is_built(text: &str, manifest: &Manifest, target: Target) -> bool {
    let place = place_of(text);
    let is_locked =
        || pinned(place).is_some_and(|(name, version)| manifest.is_locked_as_source(&name, &version, target));
    is_source(place).unwrap_or_else(is_locked)
}

/// The URL or the file of a requirement; the whole text if it is a name with versions.
fn place_of(text: &str) -> &str {
    let place = text.split_once(" @ ").map_or(text, |(_, url)| url);
    place.split(' ').next().unwrap_or_default()
}

/// Whether this is a source and not a wheel; `None` if it is neither a file nor a repository.
fn is_source(place: &str) -> Option<bool> {
    if place.starts_with("git+") {
        return Some(true);
    }
    let path = &place[..place.find(['#', '?', '[']).unwrap_or(place.len())];
    let is_archive = ARCHIVES.iter().any(|ending| path.ends_with(ending));
    is_archive.then(|| Utf8Path::new(path).extension() != Some("whl"))
}

/// Name and version of a requirement such as `name[extra]==1.0`; `None` if the version is not fixed.
fn pinned(text: &str) -> Option<(String, Version)> {
    let requirement = pep508::requirement(text).ok()?;
    let VersionOrUrl::VersionSpecifier(versions) = requirement.version_or_url? else { return None };
    let mut versions = versions.iter();
    let (Some(only), None) = (versions.next(), versions.next()) else { return None };
    let is_exact = matches!(only.operator(), Operator::Equal | Operator::ExactEqual);
    is_exact.then(|| (normalized(requirement.name.as_ref()), only.version().clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_from_wheels_by_their_places() {
        for (text, wanted) in [
            ("six==1.17.0", false),
            ("six", false),
            ("git+https://***@github.com/a/b@v1#egg=b", true),
            ("b @ git+ssh://git@github.com/a/b@0123#subdirectory=py", true),
            ("a @ https://h/a-1-py3-none-any.whl#sha256=aa hashes:bb", false),
            ("a @ https://h/a-1.tar.gz?v=*** hidden:00", true),
            ("https://h/archive/main.zip", true),
            ("a-1.tar.gz[more] bytes:00", true),
            ("a-1-py3-none-any.whl bytes:00", false),
            ("a-1.0.tar.gz bytes:00 hashes:00", true),
            // A project, which may be pure Python.
            ("own bytes:00", false),
        ] {
            assert_eq!(is_built(text, &Manifest::default(), Target::of_tests()), wanted, "{text}");
        }
    }

    #[test]
    fn requirements_are_shown_without_digests() {
        assert_eq!(shown("a-1.0.tar.gz bytes:00 hashes:00"), "a-1.0.tar.gz");
        assert_eq!(shown("a==1.0 hashes:00"), "a==1.0");
        assert_eq!(shown("b @ git+https://h/b"), "b @ git+https://h/b");
    }

    #[test]
    fn one_version_is_pinned() {
        let pinned = |text: &str| pinned(text).map(|(name, version)| format!("{name} {version}"));
        assert_eq!(pinned("Ruamel.YAML[jinja2]==0.18.0").as_deref(), Some("ruamel-yaml 0.18.0"));
        assert_eq!(pinned("torch===2.5+cpu").as_deref(), Some("torch 2.5+cpu"));
        for text in ["six>=1", "six==1.*", "six", "six==1,!=2"] {
            assert_eq!(pinned(text), None, "{text}");
        }
    }

    #[test]
    fn options_for_builds_are_seen() {
        let options = ["--no-binary :all:", "--no-binary :none:", "--no-binary six,lxml", "--only-binary :all:"];
        assert_eq!(options.map(is_no_binary), [true, false, true, false]);
        assert_eq!(["1", "0", "", "six"].map(is_set), [true, false, false, true]);
    }
}
