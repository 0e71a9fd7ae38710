//! Whether the code of a distribution is in the layer: an editable install has only the path to the code.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;

use super::listed;
use crate::layer::scan::places::{Place, is_absolute};
use crate::layer::{Finding, Layer};
use crate::types::DistributionName;
use crate::{facts, files};

/// The folders outside of the layer that a distribution, or a single file, names.
#[derive(Default)]
struct Outside<'a> {
    files: BTreeSet<&'a Utf8Path>,
    /// The folders of the code.
    places: BTreeSet<&'a Utf8Path>,
}

/// One finding for each distribution: several files of an editable install name the same folder.
pub(crate) fn check(layer: &Layer) -> Vec<Finding> {
    type Whose<'a> = (Option<&'a DistributionName>, Option<&'a Utf8Path>);
    let mut elsewhere: BTreeMap<Whose<'_>, Outside<'_>> = BTreeMap::new();
    let mut copied: BTreeMap<Whose<'_>, Outside<'_>> = BTreeMap::new();
    for (path, file) in &layer.files {
        let whose = (file.distribution(), file.distribution().is_none().then_some(path.as_path()));
        for place in &file.observed.places {
            let (found, place) = match place {
                Place::Searched(place) if is_outside(path, place) => (&mut elsewhere, place),
                Place::Edited(place) if !is_in_layer(place, layer) => (&mut elsewhere, place),
                Place::Source(place) => (&mut copied, place),
                Place::Searched(_) | Place::Edited(_) => continue,
            };
            let outside = found.entry(whose).or_default();
            outside.files.insert(path);
            outside.places.insert(place);
        }
    }
    copied.retain(|whose, _| !elsewhere.contains_key(whose));
    let errors = elsewhere.iter().map(|((name, _), outside)| leads_outside(*name, outside));
    errors.chain(copied.iter().map(|((name, _), outside)| installed_from(*name, outside))).collect()
}

/// Whether a folder on Python's search path is outside of what a function has.
fn is_outside(path: &Utf8Path, place: &Utf8Path) -> bool {
    if is_absolute(place.as_str()) {
        let place = files::normalize(place).unwrap_or_default();
        return !facts::lambda().function_folders.iter().any(|folder| place.starts_with(folder));
    }
    files::normalize(&path.parent().unwrap_or(Utf8Path::new("")).join(place)).is_none()
}

fn is_in_layer(place: &Utf8Path, layer: &Layer) -> bool {
    place.strip_prefix("/opt").is_ok_and(|inside| layer.has(inside))
}

fn leads_outside(name: Option<&DistributionName>, outside: &Outside<'_>) -> Finding {
    let (files, places) = (listed(outside.files.iter().map(ToString::to_string)), shown(&outside.places));
    let subject = outside.files.first().map_or("", |path| path.as_str());
    let verb = if outside.files.len() == 1 { "points" } else { "point" };
    let of = name.map(|name| format!(" of `{name}`")).unwrap_or_default();
    let are = if outside.places.len() == 1 { "is" } else { "are" };
    Finding::error(
        "path-outside",
        subject,
        format!("{files}{of} {verb} to {places}, which {are} on the machine that installed it, not in the layer"),
        "install it as regular files: without `-e` or `--editable`; with uv, use `--no-editable`",
    )
    .blames(name)
}

fn installed_from(name: Option<&DistributionName>, outside: &Outside<'_>) -> Finding {
    let subject = outside.files.first().map_or("", |path| path.as_str());
    Finding::notice(
        "path-outside",
        subject,
        format!("`{subject}` records that it was installed from {}", shown(&outside.places)),
        "Lambda does not read this, but everyone who gets the layer can; leave the file out if they should not",
    )
    .blames(name)
}

fn shown(places: &BTreeSet<&Utf8Path>) -> String {
    listed(places.iter().map(ToString::to_string))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::as_lines;
    use crate::layer::Owner;
    use crate::layer::scan::Observed;

    /// Each file: path, distribution (or `""`), and the folder that it names.
    fn found(files: &[(&str, &str, Place)]) -> String {
        let mut layer = Layer::of_paths(&files.iter().map(|(path, ..)| *path).collect::<Vec<_>>());
        for (path, owner, place) in files {
            let file = layer.files.get_mut(Utf8Path::new(path)).expect("is there");
            file.observed = Observed { places: vec![place.clone()], ..Observed::default() };
            file.owner = match *owner {
                "" => Owner::Source,
                name => Owner::Distribution(name.parse().expect("is a name")),
            };
        }
        as_lines(&check(&layer))
    }

    #[test]
    fn one_editable_install_is_one_error() {
        let searched = |place: &str| Place::Searched(place.into());
        insta::assert_snapshot!(found(&[
            ("python/__editable__.app-1.0.pth", "app", searched("/home/me/app/src")),
            ("python/app-1.0.dist-info/direct_url.json", "app", Place::Edited("/home/me/app".into())),
            ("python/easy-install.pth", "", searched("C:\\Users\\me\\src")),
            ("python/up.pth", "", searched("../../src")),
            ("python/copied-1.0.dist-info/direct_url.json", "copied", Place::Source("/home/me/copied".into())),
        ]), @r"
        Error path-outside: `python/easy-install.pth` points to `C:\Users\me\src`, which is on the machine that installed it, not in the layer
        Error path-outside: `python/up.pth` points to `../../src`, which is on the machine that installed it, not in the layer
        Error path-outside: `python/__editable__.app-1.0.pth`, `python/app-1.0.dist-info/direct_url.json` of `app` point to `/home/me/app`, `/home/me/app/src`, which are on the machine that installed it, not in the layer
        Notice path-outside: `python/copied-1.0.dist-info/direct_url.json` records that it was installed from `/home/me/copied`
        ");
    }

    #[test]
    fn places_of_the_function_are_fine() {
        for place in ["win32\\lib", "../share/py", "/opt/share", "/var/task/vendor", "/mnt/efs/python"] {
            assert_eq!(found(&[("python/a.pth", "a", Place::Searched(place.into()))]), "", "{place}");
        }
        for place in ["/opt/../home", "/optional", "/usr/src/app", "/tmp/build", "/var/tasks"] {
            assert_ne!(found(&[("python/a.pth", "a", Place::Searched(place.into()))]), "", "{place}");
        }
        // Another layer may have the folder on the search path, but not the source of this distribution.
        let edited = |place: &str| found(&[("python/a-1.dist-info/direct_url.json", "a", Place::Edited(place.into()))]);
        assert_eq!(edited("/opt/python/a-1.dist-info"), "");
        assert_ne!(edited("/opt/runner/work/a"), "");
    }
}
