//! Paths that several distributions have. Installers overwrite one file with the other, uv in no fixed order; here a
//! rule decides whose file is in the layer, whichever installer is used.
//!
//! The rule follows pip. If one distribution requires another, directly or indirectly, its file is in the layer,
//! because pip installs required distributions first. Otherwise the first by name has its file there, because pip
//! installs the others in reverse order of their names. Own projects of `source` are installed last, each over those
//! before it.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::alone;
use super::installer::{Installer, Request};
use crate::build::records;
use crate::layer::Distribution;
use crate::manifest::marker_environment;
use crate::types::{DistributionName, Target};

/// Each recorded path with the distribution whose file is in the layer. `projects` are the user's own, in the order in
/// which they were installed. (Texts are compared much faster than paths, and there are thousands of them.)
pub(crate) fn owners<'a>(
    distributions: &[&'a Distribution],
    projects: &[DistributionName],
    target: Target,
) -> BTreeMap<&'a str, &'a Distribution> {
    let mut claims: BTreeMap<&str, Vec<&Distribution>> = BTreeMap::new();
    for distribution in distributions {
        distribution.record.keys().for_each(|path| claims.entry(path.as_str()).or_default().push(distribution));
    }
    let disputed = claims.values().filter(|claimants| claimants.len() > 1).flatten();
    let requirements = Requirements::of(distributions, disputed.copied(), target);
    let owners = claims.into_iter().map(|(path, claimants)| {
        let project = projects.iter().rev().find_map(|name| claimants.iter().find(|one| one.name == *name));
        let is_last = |one: &&&Distribution| !claimants.iter().any(|other| requirements.outranks(other, one));
        let first = claimants.iter().filter(is_last).min_by_key(|one| (&one.name, &one.info));
        (path, *project.or(first).unwrap_or(&claimants[0]))
    });
    owners.collect()
}

/// The direct and indirect requirements of distributions.
struct Requirements<'a>(BTreeMap<&'a DistributionName, BTreeSet<&'a DistributionName>>);

impl<'a> Requirements<'a> {
    /// The requirements of the distributions in `asked`, as far as they are in `all`.
    fn of(all: &[&'a Distribution], asked: impl Iterator<Item = &'a Distribution>, target: Target) -> Self {
        let environment = marker_environment(target);
        let known: BTreeMap<&str, &DistributionName> = all.iter().map(|one| (one.name.as_str(), &one.name)).collect();
        let direct = |one: &Distribution| -> Vec<&'a DistributionName> {
            let required = one.requires.iter().filter(|required| required.evaluate_markers(&environment, &[]));
            required.filter_map(|required| known.get(required.name.as_ref()).copied()).collect()
        };
        let asked: BTreeSet<&DistributionName> = asked.map(|one| &one.name).collect();
        let mut edges = BTreeMap::new();
        if !asked.is_empty() {
            edges.extend(all.iter().map(|one| (&one.name, direct(one))));
        }
        let reached = |from: &DistributionName| {
            let (mut found, mut open) = (BTreeSet::new(), edges[from].clone());
            while let Some(name) = open.pop() {
                if found.insert(name) {
                    open.extend(&edges[name]);
                }
            }
            found
        };
        Self(asked.into_iter().map(|name| (name, reached(name))).collect())
    }

    /// Whether `one` requires `other`; two that require each other have equal rank.
    fn outranks(&self, one: &Distribution, other: &Distribution) -> bool {
        let requires = |one: &Distribution, other: &Distribution| {
            self.0.get(&one.name).is_some_and(|required| required.contains(&other.name))
        };
        requires(one, other) && !requires(other, one)
    }
}

/// Replaces files of other distributions by the owner's. A distribution whose file is replaced may be excluded from the
/// layer.
///
/// # Errors
/// The same as for installing.
pub(super) fn settle(
    installer: &dyn Installer,
    request: &Request<'_>,
    distributions: &[Distribution],
    projects: &[DistributionName],
) -> anyhow::Result<()> {
    let Request { spec, destination, .. } = *request;
    let kept: Vec<&Distribution> =
        distributions.iter().filter(|one| !spec.content.exclude.contains(&one.name)).collect();
    let mut claims: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for distribution in distributions {
        let record = distribution.record.iter();
        record.for_each(|(path, recorded)| _ = claims.entry(path.as_str()).or_default().insert(recorded));
    }
    claims.retain(|_, recorded| recorded.len() > 1);
    if claims.is_empty() {
        return Ok(());
    }
    let mut wrong: BTreeMap<&Utf8Path, (&Distribution, Vec<&Utf8Path>)> = BTreeMap::new();
    for (path, owner) in owners(&kept, projects, spec.target) {
        let (is_disputed, path) = (claims.contains_key(path), Utf8Path::new(path));
        let is_own = projects.contains(&owner.name);
        if is_disputed && !is_own && !is_written_here(path, owner) && !is_recorded(&destination.join(path), owner, path)
        {
            wrong.entry(&owner.info).or_insert_with(|| (owner, Vec::new())).1.push(path);
        }
    }
    for (info, (owner, paths)) in wrong {
        let folder = destination.with_file_name("alone").join(info);
        fs_err::create_dir_all(&folder)?;
        let requirement = alone::requirement(owner, request)?;
        installer.install_alone(&requirement, &Request { destination: &folder, ..*request })?;
        for path in paths {
            replace(&folder.join(path), &destination.join(path))?;
        }
    }
    Ok(())
}

/// Whether this program writes the file itself: scripts of entry points, and bytecode.
fn is_written_here(path: &Utf8Path, owner: &Distribution) -> bool {
    let script = path.strip_prefix("bin").ok().is_some_and(|name| owner.scripts.contains_key(name.as_str()));
    script || path.extension() == Some("pyc")
}

fn is_recorded(file: &Utf8Path, owner: &Distribution, path: &Utf8Path) -> bool {
    fs_err::read(file).is_ok_and(|bytes| owner.record.get(path) == Some(&records::hash_and_size(&bytes)))
}

/// Renames the new file over the old one, which is not written to because it may be in uv's cache. A file that the
/// installer did not install is left out; it is reported later.
fn replace(new: &Utf8Path, old: &Utf8Path) -> anyhow::Result<()> {
    if new.is_file() {
        let parent: Utf8PathBuf = old.parent().unwrap_or(old).to_owned();
        fs_err::create_dir_all(parent)?;
        fs_err::rename(new, old)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distribution(name: &str, requires: &[&str]) -> Distribution {
        let requires: String = requires.iter().flat_map(|name| ["Requires-Dist: ", name, "\n"]).collect();
        let metadata = format!("Name: {name}\nVersion: 1\n{requires}");
        let text = |file: &str| match file {
            "METADATA" => Some(metadata.clone()),
            "RECORD" => Some("x.py,,\n".to_owned()),
            _ => None,
        };
        Distribution::read(&format!("{name}-1.dist-info"), text).expect("is readable")
    }

    fn owner(distributions: &[(&str, &[&str])], projects: &[&str]) -> String {
        let distributions: Vec<_> = distributions.iter().map(|(name, requires)| distribution(name, requires)).collect();
        let projects: Vec<_> = projects.iter().map(|name| name.parse().expect("is a name")).collect();
        let distributions: Vec<&Distribution> = distributions.iter().collect();
        owners(&distributions, &projects, Target::of_tests())["x.py"].name.to_string()
    }

    #[test]
    fn what_requires_another_has_its_file_there_and_else_the_first_by_name() {
        assert_eq!(owner(&[("b", &[]), ("a", &[])], &[]), "a");
        assert_eq!(owner(&[("a", &[]), ("b", &["A>=1"])], &[]), "b");
        assert_eq!(owner(&[("a", &[]), ("c", &["a"]), ("b", &["c"])], &[]), "b");
        assert_eq!(owner(&[("a", &["b"]), ("b", &["a"])], &[]), "a");
        assert_eq!(owner(&[("a", &[]), ("b", &["a; python_version < '3'", "a; extra == 'x'"])], &[]), "a");
        assert_eq!(owner(&[("a", &["b", "c"]), ("b", &[]), ("c", &[])], &["c", "b"]), "b");
    }
}
