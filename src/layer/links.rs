//! Where the symbolic links of a layer lead, as a function would follow them (`path_resolution(7)`), and the additional
//! names that files have through links.

use std::collections::BTreeMap;
use std::iter;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::{File, Kind, Layer};

/// The most links that Linux follows while it resolves one path.
const MOST_LINKS: usize = 40;
/// The most path components while one path is resolved. Linux's limit is 4096 bytes for a path.
const MOST_PARTS: usize = 2048;
/// The most names through links to folders: with a few links, one file can have very many names.
const MOST_NAMES: usize = 100_000;

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End<'a> {
    File(&'a Utf8Path),
    /// Relative to `/opt`.
    Folder(Utf8PathBuf),
    /// The layer has nothing at that path.
    Nothing,
    /// A path outside of the layer, relative to `/`.
    Outside(Utf8PathBuf),
    /// A circle of links, or more links than Linux follows.
    Endless,
}

/// The result of following a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Followed<'a> {
    pub(crate) end: End<'a>,
    /// The links on the way, in the order in which they were followed.
    pub(crate) links: Vec<&'a Utf8Path>,
    /// The link whose target could not be resolved.
    pub(crate) stopped_at: Option<&'a Utf8Path>,
}

/// Follows a path that is relative to `/opt`.
pub(crate) fn follow<'a>(layer: &'a Layer, path: &Utf8Path) -> Followed<'a> {
    let mut links: Vec<&Utf8Path> = Vec::new();
    // A stack: the next component is at the end. Each has the link from whose target it is.
    let mut rest: Vec<(String, Option<&Utf8Path>)> = parts(path, None);
    let (mut place, mut walked) = (Utf8PathBuf::new(), 0);
    while let Some((part, of)) = rest.pop() {
        walked += 1;
        if walked > MOST_PARTS || links.len() > MOST_LINKS {
            return Followed { end: End::Endless, links, stopped_at: of };
        }
        if part == ".." {
            if !place.pop() {
                return Followed { end: End::Outside(beyond(&rest)), links, stopped_at: of };
            }
            continue;
        }
        place.push(part);
        match layer.files.get_key_value(&place) {
            Some((link, File { kind: Kind::Link { target }, .. })) => {
                links.push(link);
                place.pop();
                if let Ok(inside) = target.strip_prefix("/opt") {
                    place = Utf8PathBuf::new();
                    rest.extend(parts(inside, Some(link)));
                } else if target.is_absolute() {
                    return Followed { end: End::Outside(target.clone()), links, stopped_at: Some(link) };
                } else {
                    rest.extend(parts(target, Some(link)));
                }
            }
            Some((file, _)) if rest.is_empty() => return Followed { end: End::File(file), links, stopped_at: None },
            None if layer.has(&place) => {}
            _ => return Followed { end: End::Nothing, links, stopped_at: of },
        }
    }
    Followed { end: End::Folder(place), links, stopped_at: None }
}

/// The rest of a path that went above the layer's root.
fn beyond(rest: &[(String, Option<&Utf8Path>)]) -> Utf8PathBuf {
    let mut place = Utf8PathBuf::from("/");
    for (part, _) in rest.iter().rev() {
        if part == ".." {
            place.pop();
        } else {
            place.push(part);
        }
    }
    place
}

fn parts<'a>(path: &Utf8Path, of: Option<&'a Utf8Path>) -> Vec<(String, Option<&'a Utf8Path>)> {
    let parts = path.components().filter(|part| !matches!(part, Utf8Component::CurDir | Utf8Component::RootDir));
    let mut parts: Vec<_> = parts.map(|part| (part.as_str().to_owned(), of)).collect();
    parts.reverse();
    parts
}

/// All names of the files of a layer. A file can be loaded, started or imported by any of its names.
#[derive(Debug)]
pub(crate) struct Names<'a> {
    layer: &'a Layer,
    /// A name that a file has through links, with the path of the file.
    linked: BTreeMap<Utf8PathBuf, &'a Utf8Path>,
    /// The path of a file, with the names that it has through links.
    of_file: BTreeMap<&'a Utf8Path, Vec<Utf8PathBuf>>,
}

impl<'a> Names<'a> {
    pub(crate) fn of(layer: &'a Layer) -> Self {
        let mut linked = BTreeMap::new();
        for link in layer.files.iter().filter(|(_, file)| file.kind.is_link()).map(|(path, _)| path) {
            match follow(layer, link).end {
                End::File(file) => drop(linked.insert(link.clone(), file)),
                // A link to a folder above itself gives no new names.
                End::Folder(folder) if !link.starts_with(&folder) => {
                    let below = layer.files.range(folder.clone()..).take_while(|(path, _)| path.starts_with(&folder));
                    for (path, _) in below.take(MOST_NAMES.saturating_sub(linked.len())) {
                        let name = path.strip_prefix(&folder).map(|inside| link.join(inside));
                        if let (Ok(name), End::File(file)) = (name, follow(layer, path).end) {
                            linked.insert(name, file);
                        }
                    }
                }
                _ => {}
            }
        }
        let mut of_file: BTreeMap<&Utf8Path, Vec<Utf8PathBuf>> = BTreeMap::new();
        for (name, file) in &linked {
            of_file.entry(file).or_default().push(name.clone());
        }
        Self { layer, linked, of_file }
    }

    /// Every name with the path of its file; they differ if the name is through a link.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&Utf8Path, &'a Utf8Path, &'a File)> {
        let own = self.layer.files.iter().filter(|(_, file)| !file.kind.is_link());
        let own = own.map(|(path, file)| (path.as_path(), path.as_path(), file));
        let linked = self.linked.iter().map(|(name, path)| (name.as_path(), *path, &self.layer.files[*path]));
        own.chain(linked)
    }

    /// The names through links only.
    pub(crate) fn linked(&self) -> impl Iterator<Item = (&Utf8Path, &'a Utf8Path)> {
        self.linked.iter().map(|(name, path)| (name.as_path(), *path))
    }

    /// The path of the file, and its names through links.
    pub(crate) fn of_file<'b>(&'b self, path: &'b Utf8Path) -> impl Iterator<Item = &'b Utf8Path> {
        iter::once(path).chain(self.of_file.get(path).into_iter().flatten().map(Utf8PathBuf::as_path))
    }

    /// The file with that name.
    pub(crate) fn file(&self, name: &Utf8Path) -> Option<&'a File> {
        let path = self.linked.get(name).copied().unwrap_or(name);
        self.layer.files.get(path).filter(|file| !file.kind.is_link())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer() -> Layer {
        let mut layer = Layer::of_paths(&["lib/libx.so.4.1", "python/x/data/a.txt", "share/py/m.py"]);
        for (path, target) in [
            ("lib/libx.so", "libx.so.4"),
            ("lib/libx.so.4", "/opt/lib/./libx.so.4.1"),
            ("python/py", "../share/py"),
            ("python/again", "/opt/python/py"),
            ("python/here", "."),
            ("python/file", "py/m.py"),
            ("python/up", "x/../../share/py/m.py"),
            // The path itself does not show that it leaves the layer.
            ("python/leaves", "again/../../../etc/x"),
            ("python/below", "file/more"),
            ("python/round", "round"),
            ("python/far", "/usr/lib64/libz.so.1"),
        ] {
            layer.add_link(path, target);
        }
        layer
    }

    #[test]
    fn paths_are_followed_as_linux_does() {
        let layer = layer();
        let end = |path: &str| format!("{:?}", follow(&layer, path.into()).end);
        for (path, expected) in [
            ("lib/libx.so", r#"File("lib/libx.so.4.1")"#),
            ("python/file", r#"File("share/py/m.py")"#),
            ("python/again/m.py", r#"File("share/py/m.py")"#),
            ("python/up", r#"File("share/py/m.py")"#),
            ("python/again", r#"Folder("share/py")"#),
            ("python/here/here/x", r#"Folder("python/x")"#),
            ("", r#"Folder("")"#),
            ("python/below", "Nothing"),
            ("python/none", "Nothing"),
            ("python/leaves", r#"Outside("/etc/x")"#),
            ("../etc", r#"Outside("/etc")"#),
            ("python/far", r#"Outside("/usr/lib64/libz.so.1")"#),
            ("python/round", "Endless"),
        ] {
            assert_eq!(end(path), expected, "{path}");
        }
        assert_eq!(follow(&layer, "lib/libx.so".into()).links, ["lib/libx.so", "lib/libx.so.4"]);
        assert_eq!(follow(&layer, "python/leaves".into()).stopped_at, Some("python/leaves".into()));
    }

    #[test]
    fn a_file_has_the_names_of_links() {
        let layer = layer();
        let names = Names::of(&layer);
        let of = |path: &str| names.of_file(path.into()).map(Utf8Path::as_str).collect::<Vec<_>>().join(" ");
        assert_eq!(of("lib/libx.so.4.1"), "lib/libx.so.4.1 lib/libx.so lib/libx.so.4");
        assert_eq!(of("share/py/m.py"), "share/py/m.py python/again/m.py python/file python/py/m.py python/up");
        assert!(names.file("python/again/m.py".into()).is_some());
        assert!(names.file("python/again".into()).is_none() && names.file("python/far".into()).is_none());
    }

    #[test]
    fn very_many_names_come_to_an_end() {
        let paths: Vec<String> = (0..2000).map(|number| format!("a/{number}")).collect();
        let mut layer = Layer::of_paths(&paths.iter().map(String::as_str).collect::<Vec<_>>());
        (0..2000).for_each(|number| layer.add_link(&format!("b/{number}"), "../a"));
        assert_eq!(Names::of(&layer).linked().count(), MOST_NAMES);
    }
}
