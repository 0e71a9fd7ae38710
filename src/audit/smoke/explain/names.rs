//! Which module belongs to which distribution, by their names and requirements.

use super::Module;
use crate::facts;
use crate::layer::{Distribution, Layer, Owner};

/// The module in the message of an error that was caught and raised again, as pandas does: `Unable to import required
/// dependencies: dateutil: No module named 'dateutil'`.
pub(super) fn quoted_as_missing(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("No module named '")?;
    rest.split_once('\'').map(|(module, _)| module.to_owned())
}

fn normal(name: &str) -> String {
    name.to_lowercase().replace(['-', '_', '.'], ".")
}

pub(super) fn is_same(left: &str, right: &str) -> bool {
    normal(left) == normal(right)
}

/// Whether a distribution of this name usually has a module of that name.
pub(super) fn is_module_of(module: &str, distribution: &str) -> bool {
    let (module, distribution) = (normal(module), normal(distribution));
    module == distribution || ["python.", "py"].iter().any(|prefix| distribution.strip_prefix(prefix) == Some(&module))
}

pub(super) fn is_of_runtime(module: &str) -> bool {
    facts::runtime_packages().packages.iter().any(|package| is_module_of(module, &package.name))
}

pub(in crate::audit::smoke) fn has_module(layer: &Layer, top: &str) -> bool {
    layer.files.keys().any(|path| {
        let first = path.strip_prefix("python").ok().and_then(|inside| inside.components().next());
        first.is_some_and(|first| first.as_str() == top || first.as_str() == format!("{top}.py"))
    })
}

/// Whether the required distribution has this module, or one of its parent packages: `google.cloud.storage` is in
/// `google-cloud-storage`, and `yaml.nodes` in `pyyaml`.
fn brings(requirement: &pep508_rs::Requirement, module: &str) -> bool {
    let ends = module.match_indices('.').map(|(at, _)| at).chain([module.len()]);
    ends.into_iter().any(|end| is_module_of(&module[..end], requirement.name.as_ref()))
}

/// Whether the distribution requires, without any extra, one that has this module.
pub(super) fn requires(distribution: &Distribution, module: &str) -> bool {
    let is_it = |requirement: &pep508_rs::Requirement| brings(requirement, module);
    distribution.requires.iter().any(|requirement| is_it(requirement) && extra_of(requirement).is_none())
}

/// The extra of the distribution that requires one with this module.
pub(super) fn extra_with(distribution: &Distribution, module: &str) -> Option<String> {
    let is_it = |requirement: &&pep508_rs::Requirement| brings(requirement, module);
    extra_of(distribution.requires.iter().find(is_it)?)
}

fn extra_of(requirement: &pep508_rs::Requirement) -> Option<String> {
    let marker = requirement.marker.try_to_string()?;
    let (_, rest) = marker.split_once("extra == '")?;
    rest.split_once('\'').map(|(extra, _)| extra.to_owned())
}

/// The module and its owner, for messages: `yaml` of `pyyaml`
pub(super) fn name_of(module: &Module) -> String {
    match &module.owner {
        Owner::Distribution(name) if !is_same(&name.to_string(), &module.name) => {
            format!("`{}` of `{name}`", module.name)
        }
        _ => format!("`{}`", module.name),
    }
}
