//! The meaning of a manifest for one target: with markers evaluated, without order and comments.

use std::collections::{BTreeMap, BTreeSet};

use pep508_rs::{MarkerEnvironment, MarkerEnvironmentBuilder, MarkerTree, VersionOrUrl};
use serde::{Deserialize, Serialize};

use super::{Manifest, Requirement, RequirementKind};
use crate::secrets::without_credentials;
use crate::types::{Digest, Target};

/// The part of a fingerprint that comes from dependency files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Meaning {
    pub requirements: BTreeSet<String>,
    pub constraints: BTreeSet<String>,
    pub options: Vec<String>,
    /// The settings of uv, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
}

impl Meaning {
    pub fn of(manifest: &Manifest, target: Target) -> Self {
        let environment = marker_environment(target);
        let texts = |requirements: &[Requirement]| {
            requirements.iter().filter_map(|requirement| canonical(requirement, &environment)).collect()
        };
        Self {
            requirements: texts(&manifest.requirements),
            constraints: texts(&manifest.constraints),
            options: manifest.options.clone(),
            settings: manifest.settings.meaning(),
        }
    }

    /// Whether nothing is required for this target.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty() && !self.options.iter().any(|option| option.starts_with("--requirement "))
    }

    /// Requirements whose version the installer chooses.
    pub fn unpinned(&self) -> impl Iterator<Item = &str> {
        let is_pinned = |text: &str| {
            text.contains("==") && !text.contains(".*") || text.contains("bytes:") || text.contains("hashes:")
        };
        self.requirements.iter().map(String::as_str).filter(move |text| !is_pinned(text))
    }
}

/// The normalized text of a requirement; `None` if its marker excludes this target.
fn canonical(requirement: &Requirement, environment: &MarkerEnvironment) -> Option<String> {
    if !requirement.marker().evaluate(environment, &[]) {
        return None;
    }
    let text = match &requirement.kind {
        RequirementKind::Named(named) => canonical_name(named),
        RequirementKind::Url { url, .. } => url.clone(),
        RequirementKind::Path { text, digest, .. } => format!("{text} bytes:{}", digest.hex()),
    };
    let settings = requirement.settings.iter().map(|setting| format!(" {setting}"));
    let text = settings.fold(text, |text, setting| text + &setting);
    if requirement.hashes.is_empty() {
        return Some(text);
    }
    let hashes: Vec<&str> = requirement.hashes.iter().map(String::as_str).collect();
    Some(format!("{text} hashes:{}", Digest::of(hashes.join(" ").as_bytes()).hex()))
}

/// The requirement in a normalized spelling: `name[extras]specifiers` or `name @ url`.
fn canonical_name(named: &pep508_rs::Requirement) -> String {
    let mut named = named.clone();
    named.marker = MarkerTree::TRUE;
    named.extras.sort();
    named.extras.dedup();
    let Some(VersionOrUrl::VersionSpecifier(specifiers)) =
        named.version_or_url.take_if(|found| matches!(found, VersionOrUrl::VersionSpecifier(_)))
    else {
        return without_credentials(&named.to_string());
    };
    let mut parts: Vec<String> = specifiers.iter().map(ToString::to_string).collect();
    parts.sort();
    format!("{named}{}", parts.join(","))
}

/// The values of PEP 508 markers in the Lambda runtime. `platform_release` and `platform_version` differ from host to
/// host, and are left empty.
pub(crate) fn marker_environment(target: Target) -> MarkerEnvironment {
    let full = target.python.release().to_string();
    let python = target.python.to_string();
    MarkerEnvironment::try_from(MarkerEnvironmentBuilder {
        implementation_name: "cpython",
        implementation_version: &full,
        os_name: "posix",
        platform_machine: target.architecture.machine(),
        platform_python_implementation: "CPython",
        platform_release: "",
        platform_system: "Linux",
        platform_version: "",
        python_full_version: &full,
        python_version: &python,
        sys_platform: "linux",
    })
    .expect("versions of runtimes are valid")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;
    use crate::error::Problems;
    use crate::manifest::{Asked, Exports, ParsedLocks, Selection};
    use camino::Utf8PathBuf;

    /// The manifest made of `requirements.txt` and other files.
    fn manifest(files: &[(&str, &str)]) -> Result<Manifest, crate::error::Failure> {
        let folder = tempfile::tempdir().expect("can be made");
        let root = Utf8PathBuf::try_from(folder.path().to_owned()).expect("is UTF-8");
        for (name, text) in files {
            fs_err::create_dir_all(root.join(name).parent().expect("has a parent")).expect("can be made");
            fs_err::write(root.join(name), text).expect("can be written");
        }
        let mut problems = Problems::default();
        let environment = Environment::new([("TOKEN".to_owned(), "s3cret-token".to_owned())].into(), root.clone());
        let parsed = ParsedLocks::default();
        let asked = Asked {
            parsed: &parsed,
            requirements: &["requirements.txt".into()],
            constraints: &[],
            selection: &Selection::default(),
            target: Target::of_tests(),
            folder: &root,
            workspace: &root,
            environment: &environment,
        };
        let manifest = Manifest::read(&asked, &Exports::new(), &mut problems);
        problems.into_result().map(|()| manifest)
    }

    fn meaning(files: &[(&str, &str)]) -> Meaning {
        let target =
            Target { python: "3.13".parse().expect("is known"), architecture: "arm64".parse().expect("is known") };
        Meaning::of(&manifest(files).expect("is readable"), target)
    }

    fn failure(files: &[(&str, &str)]) -> String {
        let failure = manifest(files).expect_err("is refused");
        [vec![failure.message], failure.causes, failure.hint.into_iter().collect()].concat().join("\n")
    }

    #[test]
    fn order_comments_and_spelling_mean_nothing() {
        let one = meaning(&[(
            "requirements.txt",
            "Typing_Extensions >= 4, <5\nrequests[socks,use-chardet-on-py3]==2.32.3\n",
        )]);
        let other = meaning(&[(
            "requirements.txt",
            "# later\nrequests[use_chardet_on_py3, socks] == 2.32.3  # pinned\n\ntyping-extensions<5,>=4\n",
        )]);
        assert_eq!(one, other);
    }

    #[test]
    fn markers_are_decided_for_the_target() {
        let text =
            "a==1; python_version < '3.12'\nb==1; platform_machine == 'aarch64'\nc==1; sys_platform == 'win32'\n";
        assert_eq!(meaning(&[("requirements.txt", text)]).requirements, ["b==1".to_owned()].into());
    }

    #[test]
    fn everything_pip_allows_is_read() {
        let text = "--index-url https://user:${TOKEN}@host/simple\n--extra-index-url=https://two/simple\n--pre\n--no-binary :all:\n\
            --trusted-host host\n--prefer-binary\n-r more/base.txt\n-c more/pins.txt\nsix==1.17.0 \\\n  --hash=sha256:AA \\\n  --hash sha256:bb\n\
            https://user:pass@host/wheel-1-py3-none-any.whl\ngit+https://github.com/a/b@v1#egg=b\npkg @ https://host/pkg.zip ; python_version > '3'\n./local\n-e ./local\n";
        let text = text.replace("sha256:AA", &format!("sha256:{}", "AA".repeat(32)));
        let text = text.replace("sha256:bb", &format!("sha256:{}", "bb".repeat(32)));
        let files = [
            ("requirements.txt", text.as_str()),
            ("more/base.txt", "attrs\n-rdeep.txt"),
            ("more/deep.txt", "idna~=3.0"),
            ("more/pins.txt", "attrs<30"),
            ("local/pyproject.toml", ""),
        ];
        insta::assert_json_snapshot!(meaning(&files));
        let manifest = manifest(&files).expect("is readable");
        assert!(manifest.require_hashes && manifest.pre);
        assert_eq!(manifest.trusted_hosts, ["host"]);
        assert_eq!(manifest.secrets.redact("s3cret-token pass"), "*** ***");
        let files: Vec<_> = manifest.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(files, ["requirements.txt", "more/base.txt", "more/deep.txt", "more/pins.txt"]);
    }

    #[test]
    fn local_files_count_by_their_bytes() {
        let one = meaning(&[("requirements.txt", "./pkg"), ("pkg/setup.py", "x = 1"), ("pkg/build/a.o", "1")]);
        let other = meaning(&[("requirements.txt", "./pkg"), ("pkg/setup.py", "x = 2"), ("pkg/build/a.o", "1")]);
        let built = meaning(&[("requirements.txt", "./pkg"), ("pkg/setup.py", "x = 1"), ("pkg/build/a.o", "2")]);
        assert_ne!(one, other);
        assert_eq!(one, built);
    }

    #[test]
    fn what_cannot_be_read_is_named_with_file_and_line() {
        let text = "requests==\n--indx-url x\nok==1\n-r missing.txt\nsix --hash=sha256\n-r\n";
        insta::assert_snapshot!(failure(&[("requirements.txt", text), ("missing.text", "")]));
    }

    #[test]
    fn a_file_that_includes_itself_is_refused() {
        let files = [("requirements.txt", "-r a/b.txt"), ("a/b.txt", "-r ../requirements.txt")];
        insta::assert_snapshot!(failure(&files), @r"
        `requirements.txt` includes itself: requirements.txt → a/b.txt → requirements.txt
        remove one of the `-r` lines
        ");
    }

    #[test]
    fn unpinned_requirements_are_told_apart() {
        let meaning = meaning(&[("requirements.txt", "a==1\nb>=1\nc==1.*\nd\n")]);
        assert_eq!(meaning.unpinned().collect::<Vec<_>>(), ["b>=1", "c==1.*", "d"]);
    }
}
