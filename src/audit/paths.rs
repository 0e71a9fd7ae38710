//! Whether links lead somewhere, and names stay apart.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::{File, Finding, Kind, Layer, listed};
use crate::files;

pub(crate) fn check(layer: &Layer) -> Vec<Finding> {
    let links = layer.files.iter().filter_map(|(path, file)| match &file.kind {
        Kind::Link { target } => check_link(path, target, file, layer),
        Kind::File { .. } => None,
    });
    links.chain(check_case(layer)).collect()
}

fn check_link(path: &Utf8Path, target: &Utf8Path, file: &File, layer: &Layer) -> Option<Finding> {
    let help = "make it a relative link to something in the layer, or put the file itself there";
    let resolved = match target.strip_prefix("/opt") {
        Ok(inside) => files::normalize(inside),
        Err(_) if target.is_absolute() => {
            let message = format!("`{path}` is a link to `{target}`, which is outside of the layer");
            return Some(Finding::warning("link-outside", path.as_str(), message, help).blames(file.distribution()));
        }
        Err(_) => files::normalize(&path.parent().unwrap_or(Utf8Path::new("")).join(target)),
    };
    let Some(resolved) = resolved else {
        let message = format!("`{path}` is a link to `{target}`, which leaves the layer");
        return Some(Finding::error("link-outside", path.as_str(), message, help).blames(file.distribution()));
    };
    let is_link = |folder: &Utf8Path| layer.files.get(folder).is_some_and(|file| file.kind.is_link());
    if is_circle(path, layer) {
        let message = format!("`{path}` is a link to `{target}`, which leads back to it");
        return Some(Finding::warning("dangling-link", path.as_str(), message, help).blames(file.distribution()));
    }
    // Behind another link is whatever that one leads to.
    let is_there = layer.has(&resolved) || resolved.ancestors().any(is_link);
    (!is_there).then(|| {
        let message = format!("`{path}` is a link to `{target}`, where there is nothing");
        Finding::warning("dangling-link", path.as_str(), message, help).blames(file.distribution())
    })
}

/// Whether links lead to links without an end.
fn is_circle(path: &Utf8Path, layer: &Layer) -> bool {
    /// Links that Linux follows.
    const MOST: usize = 40;
    let next = |path: &Utf8PathBuf| match &layer.files.get(path)?.kind {
        Kind::Link { target } => match target.strip_prefix("/opt") {
            Ok(inside) => files::normalize(inside),
            Err(_) => files::normalize(&path.parent()?.join(target)),
        },
        Kind::File { .. } => None,
    };
    std::iter::successors(Some(path.to_owned()), next).nth(MOST).is_some()
}

/// Fine on Linux; who unpacks it elsewhere loses one of them.
fn check_case(layer: &Layer) -> Vec<Finding> {
    let mut alike: BTreeMap<String, Vec<&Utf8Path>> = BTreeMap::new();
    let mut before = Utf8Path::new("");
    for path in layer.files.keys() {
        // The folders of a path stand above the one before, too, but for those that are new.
        for new in path.ancestors().take_while(|ancestor| !before.starts_with(ancestor)) {
            alike.entry(new.as_str().to_lowercase()).or_default().push(new);
        }
        before = path;
    }
    let mut groups: BTreeMap<&Utf8Path, BTreeSet<&Utf8Path>> = BTreeMap::new();
    for paths in alike.values().filter(|paths| paths.len() > 1) {
        // Files of folders that differ only in case are told with their folders.
        let is_told = |path: &Utf8Path| paths.iter().filter(|other| other.parent() == path.parent()).count() > 1;
        for path in paths.iter().filter(|path| is_told(path)) {
            let first = paths.iter().find(|other| other.parent() == path.parent()).unwrap_or(path);
            groups.entry(first).or_default().insert(path);
        }
    }
    let findings = groups.into_iter().map(|(first, paths)| {
        Finding::notice(
            "case-conflict",
            first.as_str(),
            format!("{} differ only in case", listed(paths.into_iter().map(ToString::to_string))),
            "Linux tells them apart; where the layer is unpacked on macOS or Windows, one replaces the other",
        )
    });
    findings.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(layer: &Layer) -> String {
        let findings = check(layer);
        let lines =
            findings.iter().map(|finding| format!("{:?} {}: {}\n", finding.severity, finding.code, finding.message));
        lines.collect()
    }

    #[test]
    fn links_lead_to_something_in_the_layer() {
        let mut layer = Layer::of_paths(&["lib/libx.so.1", "python/x/data/a.txt"]);
        for (path, target) in [
            ("lib/libx.so", "libx.so.1"),
            ("lib/folder", "../python/x/data"),
            ("lib/behind", "folder/a.txt"),
            ("lib/opt", "/opt/lib/libx.so.1"),
            ("lib/none", "libx.so.2"),
            ("lib/far", "/tmp/cache"),
            ("lib/up", "../../etc/passwd"),
            ("lib/self", "self"),
            ("lib/there", "back"),
            ("lib/back", "/opt/lib/there"),
        ] {
            layer.add_link(path, target);
        }
        insta::assert_snapshot!(told(&layer), @"
        Warning dangling-link: `lib/back` is a link to `/opt/lib/there`, which leads back to it
        Warning link-outside: `lib/far` is a link to `/tmp/cache`, which is outside of the layer
        Warning dangling-link: `lib/none` is a link to `libx.so.2`, where there is nothing
        Warning dangling-link: `lib/self` is a link to `self`, which leads back to it
        Warning dangling-link: `lib/there` is a link to `back`, which leads back to it
        Error link-outside: `lib/up` is a link to `../../etc/passwd`, which leaves the layer
        ");
    }

    #[test]
    fn names_that_differ_in_case_are_told_once() {
        let layer = Layer::of_paths(&["python/Crypto/a.py", "python/crypto/a.py", "python/crypto/A.py"]);
        insta::assert_snapshot!(told(&layer), @r"
        Notice case-conflict: `python/Crypto`, `python/crypto` differ only in case
        Notice case-conflict: `python/crypto/A.py`, `python/crypto/a.py` differ only in case
        ");
    }
}
