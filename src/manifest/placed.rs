//! Resolves paths in requirement files: for pip and uv, some are relative to the working directory and some to the
//! folder of the file.

use camino::{Utf8Path, Utf8PathBuf};

use super::lines::Line;
use super::options::{Place, place_of};
use super::requirement::{Local, from_here};
use super::requirements::Reader;
use crate::error::Failure;
use crate::files;
use crate::manifest::local_packages::Shelf;
use crate::secrets::without_credentials;

impl Reader<'_> {
    /// Adds a location of packages: a URL, or a folder or page of this machine.
    pub(super) fn place(
        &mut self,
        file: &Utf8Path,
        name: &str,
        value: &str,
        line: &Line,
        is_respelled: bool,
    ) -> Result<(), Failure> {
        let shelf = if name == "--find-links" { Shelf::Flat } else { Shelf::Index };
        let (written, shown) = match place_of(value) {
            Place::Url => {
                self.manifest.secrets.add_urls_in(value);
                (value.to_owned(), without_credentials(value))
            }
            Place::Local(path) => {
                let path = if shelf == Shelf::Flat { self.beside_or_here(file, &path) } else { path };
                let full = self.folder.join(&path);
                if !full.exists() {
                    let failure = Failure::user(format!("`{name}` refers to `{path}`, which does not exist"));
                    return Err(
                        failure.hint(format!("give the path of a folder in the repository, or remove `{name}`"))
                    );
                }
                let shown = files::shown(&full, self.folder, self.workspace).to_string();
                self.manifest.packages.insert(path.clone(), shelf);
                (from_here(&path), shown)
            }
        };
        self.manifest.options.push(format!("{name} {shown}"));
        let text = format!("{name} {written}");
        // uv allows at most one in a text; nested files may repeat it.
        let is_known = name == "--index-url" && self.lines.contains(&text);
        if is_known {
            self.must_join |= is_respelled;
        } else if name == "--index-url" {
            self.must_join |= is_respelled;
            self.lines.push(text);
        } else {
            self.hand_on(line, (is_respelled || written != value).then_some(text));
        }
        Ok(())
    }

    /// The path in a requirement, relative to the working directory. For pip and uv it is relative to that, while users
    /// often mean the folder of the file.
    pub(super) fn placed(&self, file: &Utf8Path, path: &Utf8Path) -> Utf8PathBuf {
        let is_here = !self.is_beside && self.folder.join(path).exists();
        if is_here { path.to_owned() } else { self.beside_or_here(file, path) }
    }

    /// Whether a line has a path that exists only relative to the folder of its file.
    pub(super) fn is_moved(&self, file: &Utf8Path, text: &str) -> bool {
        Local::read(text).is_some_and(|local| self.placed(file, Utf8Path::new(&local.path)) != local.path)
    }

    /// Prefers the folder of the file, as pip does for `--find-links`.
    fn beside_or_here(&self, file: &Utf8Path, path: &Utf8Path) -> Utf8PathBuf {
        let beside = beside(file, path.as_str());
        if self.folder.join(&beside).exists() { beside } else { path.to_owned() }
    }
}

/// The path of a file that another one names, relative to the working directory.
pub(super) fn beside(file: &Utf8Path, name: &str) -> Utf8PathBuf {
    let name = name.strip_prefix("file://").unwrap_or(name);
    let path = file.parent().unwrap_or(Utf8Path::new("")).join(name);
    // `a/../b.txt` is `b.txt`; a path that climbs out of the folder stays as written.
    if path.is_relative() { files::normalize(&path).unwrap_or(path) } else { path }
}
