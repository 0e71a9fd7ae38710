//! Whether symbolic links have a target, and whether names differ only in case.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;

use super::listed;
use crate::layer::links::{End, Followed};
use crate::layer::scan::binary::has_library_name;
use crate::layer::{Finding, Kind, Layer, links};
use crate::types::Target;

pub(crate) fn check(layer: &Layer, target: Target) -> Vec<Finding> {
    check_links(layer, target).into_iter().chain(check_case(layer)).collect()
}

/// A broken link is reported once, however many links lead to it.
fn check_links(layer: &Layer, target: Target) -> Vec<Finding> {
    // By the path of the broken link: where it leads, and the links that lead to it.
    let mut broken: BTreeMap<&Utf8Path, (Followed<'_>, Vec<&Utf8Path>)> = BTreeMap::new();
    for path in layer.files.iter().filter(|(_, file)| file.kind.is_link()).map(|(path, _)| path) {
        let followed = links::follow(layer, path);
        let at = match &followed.end {
            End::File(_) | End::Folder(_) => continue,
            // In a circle, only the links of the circle itself are reported.
            End::Endless if is_circle(&followed.links) && !leads_back(path, &followed) => continue,
            End::Endless => path,
            End::Outside(place) if target.python.runtime().is_library(place) => continue,
            End::Outside(_) | End::Nothing => followed.stopped_at.unwrap_or(path),
        };
        broken.entry(at).or_insert_with(|| (followed, Vec::new())).1.push(path);
    }
    broken.into_iter().filter_map(|(path, (followed, names))| broken_link(path, &followed, &names, layer)).collect()
}

fn is_circle(followed: &[&Utf8Path]) -> bool {
    followed.iter().collect::<BTreeSet<_>>().len() < followed.len()
}

fn leads_back(path: &Utf8Path, followed: &Followed<'_>) -> bool {
    followed.links.iter().skip(1).any(|link| *link == path)
}

fn broken_link(path: &Utf8Path, followed: &Followed<'_>, names: &[&Utf8Path], layer: &Layer) -> Option<Finding> {
    let file = &layer.files[path];
    let Kind::Link { target } = &file.kind else { return None };
    let finding_of = |code, what: &str, help: &str| {
        let message = format!("`{path}` is a link to `{target}`, {what}");
        Finding::warning(code, path.as_str(), message, help).blames(file.distribution())
    };
    let help = "make it a relative link to a file in the layer, or replace it with the file itself";
    let finding = match followed.end {
        End::Outside(_) if target.is_absolute() => {
            return Some(finding_of("link-outside", "which is outside the layer", help));
        }
        End::Outside(_) => return Some(finding_of("link-outside", "which leads out of the layer", help).into_error()),
        End::Endless if leads_back(path, followed) => {
            finding_of("dangling-link", "which leads back to the link itself", help)
        }
        End::Endless => finding_of("dangling-link", "which is reached through more links than Linux follows", help),
        _ => finding_of("dangling-link", "which does not exist", help),
    };
    // A library that cannot be loaded is an error, whatever the function does.
    Some(if names.iter().any(|name| has_library_name(name)) { finding.into_error() } else { finding })
}

/// Fine on Linux, but whoever unpacks the layer on another system loses one of the files.
fn check_case(layer: &Layer) -> Vec<Finding> {
    let mut alike: BTreeMap<String, Vec<&Utf8Path>> = BTreeMap::new();
    let mut before = Utf8Path::new("");
    for path in layer.files.keys() {
        // Paths are sorted, so only the folders that the path before did not have are new.
        for new in path.ancestors().take_while(|ancestor| !before.starts_with(ancestor)) {
            alike.entry(new.as_str().to_lowercase()).or_default().push(new);
        }
        before = path;
    }
    let mut groups: BTreeMap<&Utf8Path, BTreeSet<&Utf8Path>> = BTreeMap::new();
    for paths in alike.values().filter(|paths| paths.len() > 1) {
        // If folders differ only in case, the folders are reported and not the files in them.
        let is_reported = |path: &Utf8Path| paths.iter().filter(|other| other.parent() == path.parent()).count() > 1;
        for path in paths.iter().filter(|path| is_reported(path)) {
            let first = paths.iter().find(|other| other.parent() == path.parent()).unwrap_or(path);
            groups.entry(first).or_default().insert(path);
        }
    }
    let findings = groups.into_iter().map(|(first, paths)| {
        Finding::notice(
            "case-conflict",
            first.as_str(),
            format!("{} differ only in case", listed(paths.into_iter().map(ToString::to_string))),
            "Linux distinguishes them, but if the layer is unpacked on macOS or Windows, one overwrites the other",
        )
    });
    findings.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(layer: &Layer) -> String {
        let findings = check(layer, Target::of_tests());
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
            ("lib/into-circle", "there"),
            ("lib/libz.so", "/usr/lib64/libz.so.1.2.11"),
            ("lib/liby.so", "/usr/lib64/liby.so.1"),
            ("lib/libw.so", "libw.so.2"),
            ("lib/libw.so.2", "libw.so.2.0"),
            ("lib/libv.so", "v"),
            ("lib/v", "../v/none"),
            ("lib/libu.so", "libu.so"),
        ] {
            layer.add_link(path, target);
        }
        insta::assert_snapshot!(found(&layer), @"
        Warning dangling-link: `lib/back` is a link to `/opt/lib/there`, which leads back to the link itself
        Warning link-outside: `lib/far` is a link to `/tmp/cache`, which is outside the layer
        Error dangling-link: `lib/libu.so` is a link to `libu.so`, which leads back to the link itself
        Error dangling-link: `lib/libw.so.2` is a link to `libw.so.2.0`, which does not exist
        Warning link-outside: `lib/liby.so` is a link to `/usr/lib64/liby.so.1`, which is outside the layer
        Warning dangling-link: `lib/none` is a link to `libx.so.2`, which does not exist
        Warning dangling-link: `lib/self` is a link to `self`, which leads back to the link itself
        Warning dangling-link: `lib/there` is a link to `back`, which leads back to the link itself
        Error link-outside: `lib/up` is a link to `../../etc/passwd`, which leads out of the layer
        Error dangling-link: `lib/v` is a link to `../v/none`, which does not exist
        ");
    }

    #[test]
    fn names_that_differ_in_case_are_told_once() {
        let layer = Layer::of_paths(&["python/Crypto/a.py", "python/crypto/a.py", "python/crypto/A.py"]);
        insta::assert_snapshot!(found(&layer), @r"
        Notice case-conflict: `python/Crypto`, `python/crypto` differ only in case
        Notice case-conflict: `python/crypto/A.py`, `python/crypto/a.py` differ only in case
        ");
    }
}
