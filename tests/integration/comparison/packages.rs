//! Indexes of made packages, as `packages.yml` lists them. Each wheel and sdist has a module that says which file it is of.

use std::collections::BTreeMap;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use lambda_layer::types::Digest;
use serde::Deserialize;

use super::fixture;
use crate::packages::{sdist_of, tagged_wheel_of};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Release {
    version: String,
    #[serde(default)]
    wheels: Vec<String>,
    sdist: Option<Sdist>,
    #[serde(default)]
    requires: Vec<String>,
    requires_python: Option<String>,
    yanked: Option<String>,
    /// What the sdist requires has to be asked of its build backend.
    #[serde(default)]
    dynamic: bool,
    /// What the build of the sdist imports.
    builds_with: Option<String>,
    #[serde(default)]
    later: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Sdist {
    Pure,
    Native,
}

/// What the network has on one of the two days.
#[derive(Debug)]
pub(super) struct Packages {
    /// For the server.
    pub(super) folder: Utf8PathBuf,
    /// SHA-256 of each file, by its origin: `public/pure-1.0-py3-none-any.whl`.
    hashes: BTreeMap<String, String>,
}

impl Packages {
    pub(super) fn make(folder: Utf8PathBuf, is_later: bool) -> Self {
        let indexes: BTreeMap<String, BTreeMap<String, Vec<Release>>> =
            serde_yaml::from_str(&fixture("packages.yml")).expect("is a list of packages");
        let mut hashes = BTreeMap::new();
        for (index, names) in &indexes {
            let mut flat = String::new();
            for (name, releases) in names {
                let releases = releases.iter().filter(|release| is_later || !release.later);
                let files = releases.flat_map(|release| release.make(&folder.join(index).join("files"), index, name));
                let mut links = String::new();
                for (path, attributes) in files {
                    let file = path.file_name().expect("is a file");
                    let hash = Digest::of(&fs_err::read(&path).expect("is there")).hex();
                    let place = file.replace('+', "%2B").replace('!', "%21");
                    links += &format!("<a href=\"/{index}/files/{place}#sha256={hash}\"{attributes}>{file}</a>\n");
                    hashes.insert(format!("{index}/{file}"), hash);
                }
                page(&folder.join(index).join("simple").join(normalized(name)), &links);
                flat += &links;
            }
            page(&folder.join(index).join("flat"), &flat);
        }
        repository(&folder.join("git"), "gitlib");
        Self { folder, hashes }
    }

    /// SHA-256 of the file of an origin.
    pub(super) fn hash(&self, origin: &str) -> Option<&str> {
        self.hashes.get(origin).map(String::as_str)
    }

    /// The origin of what has this SHA-256.
    pub(super) fn of_hash(&self, wanted: &str) -> Option<&str> {
        self.hashes.iter().find(|(_, hash)| *hash == wanted).map(|(origin, _)| origin.as_str())
    }

    /// Of everything.
    pub(super) fn digest(&self) -> String {
        Digest::of(format!("{:?}", self.hashes).as_bytes()).hex()
    }
}

impl Release {
    /// Makes the files; each with the attributes of its link.
    fn make(&self, folder: &Utf8Path, index: &str, name: &str) -> Vec<(Utf8PathBuf, String)> {
        let file_name = name.replace('-', "_");
        let module = format!("{}.py", module(name));
        let code = |file: &str| match name {
            "made-backend" => fixture("backend.py"),
            // The old one has what `oldbuild` uses.
            "build-tool" if self.version.starts_with('1') => "old = True\n".to_owned(),
            _ => format!("origin = \"{index}/{file}\"\n"),
        };
        let mut attributes = String::new();
        if let Some(pythons) = &self.requires_python {
            attributes += &format!(" data-requires-python=\"{}\"", pythons.replace('>', "&gt;").replace('<', "&lt;"));
        }
        if let Some(reason) = &self.yanked {
            attributes += &format!(" data-yanked=\"{reason}\"");
        }
        let mut files = Vec::new();
        for tags in self.wheels.iter().flat_map(|pattern| expanded(pattern)) {
            let tags = match tags.split('-').collect::<Vec<_>>().as_slice() {
                ["any"] => "py3-none-any".to_owned(),
                [python, platform] => format!("{python}-{python}-{platform}"),
                _ => tags,
            };
            let metadata = self.metadata(name, "2.1");
            let file = format!("{file_name}-{}-{tags}.whl", self.version);
            let info = format!("{file_name}-{}.dist-info/METADATA", self.version);
            let contents = [(module.as_str(), code(&file)), (&info, metadata.clone())];
            let path = tagged_wheel_of(folder, &file_name, &self.version, &tags, &contents);
            let hash = Digest::of(metadata.as_bytes()).hex();
            fs_err::write(format!("{path}.metadata"), metadata).expect("can be written");
            files.push((path, format!("{attributes} data-core-metadata=\"sha256={hash}\"")));
        }
        if let Some(sdist) = self.sdist {
            let file = format!("{file_name}-{}.tar.gz", self.version);
            let project = "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n";
            let mut contents = vec![
                ("PKG-INFO", self.metadata(name, if self.dynamic { "2.1" } else { "2.2" })),
                ("pyproject.toml", project.to_owned()),
                ("backend.py", fixture("backend.py")),
                (&module, code(&file)),
            ];
            if let Some(tool) = &self.builds_with {
                contents[1].1 = project.replace("[]", &format!("[\"{tool}\"]"));
                contents[2].1 += &format!("\nfrom {} import old  # noqa\n", self::module(tool));
            }
            if sdist == Sdist::Native {
                contents.push(("native.c", "int answer(void) { return 42; }\n".to_owned()));
            }
            let contents: Vec<(&str, &str)> = contents.iter().map(|(path, text)| (*path, text.as_str())).collect();
            files.push((sdist_of(folder, &file_name, &self.version, &contents), attributes));
        }
        files
    }

    fn metadata(&self, name: &str, format: &str) -> String {
        let mut text = format!("Metadata-Version: {format}\nName: {name}\nVersion: {}\n", self.version);
        if let Some(pythons) = &self.requires_python {
            text += &format!("Requires-Python: {pythons}\n");
        }
        let of_extras = self.requires.iter().filter_map(|line| line.split("extra == '").nth(1)?.split('\'').next());
        of_extras.for_each(|extra| text += &format!("Provides-Extra: {extra}\n"));
        self.requires.iter().for_each(|line| text += &format!("Requires-Dist: {line}\n"));
        text
    }
}

/// A wheel whose name says all; `requires` are lines.
pub(super) fn wheel_named(folder: &Utf8Path, path: &str, requires: &str) {
    let file = path.rsplit('/').next().expect("has a name");
    let parts: Vec<&str> = file.trim_end_matches(".whl").splitn(3, '-').collect();
    let [name, version, tags] = parts.as_slice() else { panic!("`{path}` is not named as wheels are") };
    let mut metadata = format!("Metadata-Version: 2.1\nName: {}\nVersion: {version}\n", name.replace('_', "-"));
    requires.lines().for_each(|line| metadata += &format!("Requires-Dist: {line}\n"));
    let contents = [
        (format!("{}.py", module(name)), format!("origin = \"{path}\"\n")),
        (format!("{name}-{version}.dist-info/METADATA"), metadata),
    ];
    let contents: Vec<(&str, &String)> = contents.iter().map(|(path, text)| (path.as_str(), text)).collect();
    tagged_wheel_of(folder.join(path).parent().expect("has a folder"), name, version, tags, &contents);
}

/// The module of a distribution.
pub(super) fn module(name: &str) -> String {
    normalized(name).replace('-', "_")
}

/// As names are compared (PEP 503).
pub(super) fn normalized(name: &str) -> String {
    name.parse::<lambda_layer::types::DistributionName>().expect("is a name").to_string()
}

/// `a{1,2}b` is `a1b` and `a2b`.
fn expanded(pattern: &str) -> Vec<String> {
    let Some((start, rest)) = pattern.split_once('{') else { return vec![pattern.to_owned()] };
    let (choices, end) = rest.split_once('}').expect("is closed");
    choices.split(',').flat_map(|choice| expanded(&format!("{start}{choice}{end}"))).collect()
}

fn page(folder: &Utf8Path, links: &str) {
    fs_err::create_dir_all(folder).expect("can be made");
    let text = format!("<!DOCTYPE html>\n<html><body>\n{links}</body></html>\n");
    fs_err::write(folder.join("index.html"), text).expect("can be written");
}

/// A bare repository of two releases, tagged `v1` and `v2`: a project at its root, and another one in `packages/inner`.
fn repository(folder: &Utf8Path, name: &str) {
    let work = folder.join(name);
    fs_err::create_dir_all(work.join("packages/inner")).expect("can be made");
    git(&work, &["init", "--quiet"]);
    for version in ["1", "2"] {
        for (path, name) in [(".", name), ("packages/inner", "inner")] {
            let table = format!("version = \"{version}.0\"\n");
            project_in(&work.join(path), name, &table, &format!("git/{name}@v{version}"));
        }
        git(&work, &["add", "."]);
        git(&work, &["commit", "--quiet", "--message", version]);
        git(&work, &["tag", &format!("v{version}")]);
    }
    git(folder, &["clone", "--quiet", "--bare", name, &format!("{name}.git")]);
}

/// A project that builds with `made-backend`; `table` are lines of `[project]` and other tables.
pub(super) fn project_in(folder: &Utf8Path, name: &str, table: &str, origin: &str) {
    let version = if table.contains("version = ") { "" } else { "version = \"1.0\"\n" };
    let text = format!(
        "[build-system]\nrequires = [\"made-backend\"]\nbuild-backend = \"made_backend\"\n\n\
        [project]\nname = \"{name}\"\n{version}{table}"
    );
    fs_err::create_dir_all(folder).expect("can be made");
    fs_err::write(folder.join("pyproject.toml"), text).expect("can be written");
    let code = format!("origin = \"{origin}\"\n");
    fs_err::write(folder.join(format!("{}.py", module(name))), code).expect("can be written");
}

/// The same commits each time.
fn git(folder: &Utf8Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=me", "-c", "user.email=me@host", "-c", "init.defaultBranch=main"]);
    for date in ["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"] {
        command.env(date, "2026-01-01T00:00:00Z");
    }
    let output = command.args(arguments).current_dir(folder).output().expect("can be started");
    assert!(output.status.success(), "{arguments:?}\n{}", String::from_utf8_lossy(&output.stderr));
}
