//! The distributions that Lambda's runtime includes; a function searches them after those of its layers.

mod decide;
pub(crate) mod images;

use std::fmt::{self, Display};

use camino::{Utf8Path, Utf8PathBuf};
use pep440_rs::Version;
use pep508_rs::{Requirement, VersionOrUrl};

use crate::facts;
use crate::layer::headers;
use crate::types::{DistributionName, PythonVersion, pep508};

pub use decide::{Fate, decide};

#[derive(Clone, Debug)]
pub struct Runtime {
    /// Sorted by name.
    pub packages: Vec<Package>,
    pub origin: Origin,
}

/// A distribution of the runtime.
#[derive(Clone, Debug)]
pub struct Package {
    pub name: DistributionName,
    pub version: Version,
    /// `Requires-Dist`, with markers.
    pub requires: Vec<Requirement>,
}

/// How it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Read where this program runs, which is the runtime's own image.
    Image,
    /// As somebody saw it on this day.
    Table(jiff::civil::Date),
}

impl Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image => formatter.write_str("as in this image"),
            Self::Table(date) => write!(formatter, "as of {date}"),
        }
    }
}

impl Runtime {
    /// Of the machine that this program runs on if that is the runtime's own image, else of the table.
    pub fn here(python: PythonVersion) -> Self {
        Self::find(python, Utf8Path::new("/"))
    }

    /// Reads the runtime's distributions below `root`, if it has this Python.
    fn find(python: PythonVersion, root: &Utf8Path) -> Self {
        Self::read(python, root).unwrap_or_else(Self::of_table)
    }

    /// What the table says, which is the same for all Pythons.
    pub fn of_table() -> Self {
        let table = facts::runtime_packages();
        let packages = table.packages.iter().map(|package| Package {
            name: package.name.parse().expect("the data files are checked by a test"),
            version: package.version.parse().expect("the data files are checked by a test"),
            requires: package.requires.iter().filter_map(|text| pep508::requirement(text).ok()).collect(),
        });
        Self { packages: packages.collect(), origin: Origin::Table(table.date) }
    }

    /// An image that is for builds has more than the runtime, so only what the table names counts.
    fn read(python: PythonVersion, root: &Utf8Path) -> Option<Self> {
        let library = root.join(format!("var/lang/lib/python{python}"));
        if !library.is_dir() {
            return None;
        }
        // In the order of `sys.path`.
        let folders = [root.join("var/runtime"), library.join("site-packages")];
        let names: Vec<&str> = facts::runtime_packages().packages.iter().map(|package| package.name.as_str()).collect();
        let mut packages: Vec<Package> = Vec::new();
        for package in folders.iter().flat_map(|folder| infos(folder)).filter_map(|info| read_package(&info)) {
            let is_there = packages.iter().any(|there| there.name == package.name);
            if names.contains(&package.name.to_string().as_str()) && !is_there {
                packages.push(package);
            }
        }
        packages.sort_by(|left, right| left.name.cmp(&right.name));
        let is_complete = packages.iter().any(|package| package.name.to_string() == "botocore");
        is_complete.then_some(Self { packages, origin: Origin::Image })
    }

    pub fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name.to_string() == name)
    }
}

fn infos(folder: &Utf8Path) -> Vec<Utf8PathBuf> {
    let entries = folder.read_dir_utf8().into_iter().flatten().flatten();
    let mut infos: Vec<Utf8PathBuf> = entries.map(camino::Utf8DirEntry::into_path).collect();
    infos.retain(|path| path.extension() == Some("dist-info"));
    infos.sort();
    infos
}

/// `None` if it is damaged, or of no use here.
fn read_package(info: &Utf8Path) -> Option<Package> {
    let metadata = fs_err::read_to_string(info.join("METADATA")).ok()?;
    let header = |name: &'static str| headers(&metadata, name);
    let requires = header("Requires-Dist").filter_map(|text| pep508::requirement(text).ok()).collect();
    Some(Package {
        name: header("Name").next()?.parse().ok()?,
        version: header("Version").next()?.parse().ok()?,
        requires,
    })
}

/// Whether a requirement takes this version; one with a URL takes none but its own.
pub(crate) fn accepts(requirement: &Requirement, version: &Version) -> bool {
    match &requirement.version_or_url {
        None => true,
        Some(VersionOrUrl::VersionSpecifier(versions)) => versions.contains(version),
        Some(VersionOrUrl::Url(_)) => false,
    }
}

/// `urllib3<1.27`, without its marker.
pub(crate) fn shown(requirement: &Requirement) -> String {
    match &requirement.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(versions)) => {
            let versions: Vec<String> = versions.iter().map(ToString::to_string).collect();
            format!("{}{}", requirement.name, versions.join(","))
        }
        Some(VersionOrUrl::Url(_)) => format!("{} from a URL", requirement.name),
        None => requirement.name.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install(folder: &Utf8Path, name: &str, version: &str, more: &str) {
        let info = folder.join(format!("{name}-{version}.dist-info"));
        fs_err::create_dir_all(&info).unwrap();
        fs_err::write(info.join("METADATA"), format!("Name: {name}\nVersion: {version}\n{more}")).unwrap();
    }

    #[test]
    fn a_runtime_is_read_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        let python: PythonVersion = "3.12".parse().unwrap();
        assert_eq!(Runtime::find(python, root).origin, Runtime::of_table().origin);
        let site = root.join("var/lang/lib/python3.12/site-packages");
        install(&site, "botocore", "1.99.0", "Requires-Dist: urllib3<3; python_version >= '3.10'\n\nName: wrong\n");
        install(&site, "pip", "25.0", "");
        install(&site, "six", "1.0", "");
        install(&root.join("var/runtime"), "six", "1.17.0", "");
        let runtime = Runtime::find(python, root);
        assert_eq!(runtime.origin, Origin::Image);
        let shown: Vec<String> = runtime.packages.iter().map(|it| format!("{} {}", it.name, it.version)).collect();
        assert_eq!(shown, ["botocore 1.99.0", "six 1.17.0"]);
        assert_eq!(runtime.packages[0].requires.len(), 1);
        // Another Python is another runtime.
        assert_ne!(Runtime::find("3.13".parse().unwrap(), root).origin, Origin::Image);
    }
}
