//! What is in a layer or a folder of packages: names, versions, and the file that each is of.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::packages::{module, normalized};
use crate::zip::members;

/// By normalized name.
pub(super) type Contents = BTreeMap<String, Installed>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Installed {
    pub(super) version: String,
    /// What its module says, if it was made here: `public/pure-1.0-py3-none-any.whl`, or the path of a project.
    pub(super) origin: Option<String>,
}

/// Of a layer's zip.
pub(super) fn of_bytes(zip: &[u8]) -> Contents {
    let file = tempfile::Builder::new().suffix(".zip").tempfile().expect("can be made");
    fs_err::write(file.path(), zip).expect("can be written");
    of_zip(Utf8Path::from_path(file.path()).expect("is UTF-8"))
}

/// Of a layer in a file.
pub(super) fn of_zip(zip: &Utf8Path) -> Contents {
    let members = members(zip).into_iter();
    let texts = members.filter_map(|(name, member)| {
        let path = Utf8PathBuf::from(name.strip_prefix("python/")?);
        Some((path, String::from_utf8_lossy(&member.bytes).into_owned()))
    });
    of_texts(&texts.collect())
}

/// Of a folder that packages were installed into.
pub(super) fn of_folder(folder: &Utf8Path) -> Contents {
    let mut texts = BTreeMap::new();
    for entry in walkdir::WalkDir::new(folder).max_depth(2).into_iter().filter_map(Result::ok) {
        let path = Utf8PathBuf::try_from(entry.into_path()).expect("is UTF-8");
        if path.is_file() {
            let text = String::from_utf8_lossy(&fs_err::read(&path).expect("is readable")).into_owned();
            texts.insert(path.strip_prefix(folder).expect("is below").to_owned(), text);
        }
    }
    of_texts(&texts)
}

fn of_texts(texts: &BTreeMap<Utf8PathBuf, String>) -> Contents {
    let infos = texts.iter().filter(|(path, _)| {
        path.file_name() == Some("METADATA") && path.parent().and_then(Utf8Path::extension) == Some("dist-info")
    });
    let described = infos.map(|(_, text)| {
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let name = normalized(field("Name").expect("has a name"));
        let code = texts.get(Utf8Path::new(&format!("{}.py", module(&name))));
        let origin = code.and_then(|code| code.strip_prefix("origin = \"")?.split('"').next().map(str::to_owned));
        (name, Installed { version: field("Version").expect("has a version").to_owned(), origin })
    });
    described.collect()
}
