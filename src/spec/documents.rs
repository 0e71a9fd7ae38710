//! The documents about a layer, the comment on a pull request, and the release.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;
use secrecy::SecretString;
use url::Url;

use super::{Reading, Task};
use crate::cli::{Inputs, given};
use crate::error::Failure;
use crate::layer::materials::Wanted;
use crate::secrets::clean;
use crate::types::{ByteSize, TagTemplate};
use crate::{cli, files};

/// The longest `report-url`, in bytes; browsers do not go far beyond it.
const LONGEST_URL: usize = 2_000;

/// The paths of the documents about a layer, absolute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Documents {
    /// An HTML page.
    pub page: Option<Utf8PathBuf>,
    /// Whether the page says who uses the layer, in runs that publish, preview or audit it.
    pub usage: bool,
    /// CycloneDX JSON.
    pub sbom: Option<Utf8PathBuf>,
    /// The texts of the licences.
    pub licenses: Option<Utf8PathBuf>,
}

impl Documents {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The data that these documents need from the layer's files.
    pub fn materials(&self) -> Wanted {
        Wanted { texts: self.licenses.is_some(), digests: self.sbom.is_some() }
    }

    pub fn paths(&self) -> impl Iterator<Item = &Utf8PathBuf> {
        [&self.page, &self.sbom, &self.licenses].into_iter().flatten()
    }
}

/// What to write on GitHub.
#[derive(Debug)]
pub struct GithubChoice {
    pub comment: CommentWhen,
    /// The change of the unzipped size, in bytes, from which on a comment is written.
    pub comment_threshold: Option<ByteSize>,
    /// The layer to compare with if the state cannot be read: a zip, or an output `result`; absolute.
    pub baseline: Option<Utf8PathBuf>,
    /// The address of the report page, to link to.
    pub report_url: Option<Url>,
    pub token: Option<SecretString>,
    pub release: bool,
    pub release_tag: TagTemplate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommentWhen {
    /// A comment if something changed. It is no failure if the token may not comment.
    Auto,
    Always,
    Never,
}

impl std::str::FromStr for CommentWhen {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        match text {
            "auto" => Ok(Self::Auto),
            "always" => Ok(Self::Always),
            "never" => Ok(Self::Never),
            _ => Err(Failure::user(format!("`comment` is `{text}`, which is not a valid value"))
                .hint("use `auto`, `always` or `never`")),
        }
    }
}

impl Reading<'_> {
    pub(super) fn documents(&mut self, inputs: &Inputs) -> Documents {
        let documents = Documents {
            page: self.paper("report", inputs.report.as_ref()),
            usage: self.boolean("report-usage", given(inputs.report_usage.as_ref()), false),
            sbom: self.paper("sbom", inputs.sbom.as_ref()),
            licenses: self.paper("third-party-licenses", inputs.third_party_licenses.as_ref()),
        };
        if documents.usage && documents.page.is_none() {
            let failure = Failure::user("`report-usage` is `true`, but `report` is missing, so there is no page");
            self.problems.push(failure.hint("set `report` to the path of the page, or remove `report-usage`"));
        }
        let output = given(inputs.output.as_ref()).map(|path| self.folder.join(path));
        let places: Vec<Utf8PathBuf> =
            documents.paths().chain(&output).filter_map(|path| files::normalize(path)).collect();
        let mut seen = BTreeSet::new();
        if let Some(path) = places.iter().find(|path| !seen.insert(*path)) {
            let shown = path.strip_prefix(&self.folder).unwrap_or(path);
            let failure = Failure::user(format!("`{shown}` is the path of two different files"));
            let hint = "give `report`, `sbom`, `third-party-licenses` and `output` different paths";
            self.problems.push(failure.hint(hint));
        }
        documents
    }

    fn paper(&mut self, input: &str, path: Option<&String>) -> Option<Utf8PathBuf> {
        let path = self.folder.join(given(path)?);
        if path.is_dir() {
            let failure = Failure::user(format!("`{input}` is `{path}`, which is a folder"));
            self.problems.push(failure.hint("give the path of a file in this folder"));
        } else {
            self.check_writable(input, path.parent().unwrap_or(&path).to_owned().as_path());
        }
        Some(path)
    }

    pub(super) fn github(&mut self, task: Task, inputs: &Inputs) -> GithubChoice {
        let comment_threshold = given(inputs.comment_threshold.as_ref()).and_then(|text| {
            let failure = || Failure::user(format!("`comment-threshold` is `{text}`, which is not a valid size"));
            self.problems.check(text.parse().map_err(|()| failure().hint("use a size such as `100 KB`")))
        });
        let baseline = given(inputs.baseline.as_ref()).map(|path| self.folder.join(path));
        if let Some(path) = baseline.as_ref().filter(|path| task == Task::Preview && !path.is_file()) {
            let failure = Failure::user(format!("`baseline` is `{path}`, which is not a file"));
            self.problems.push(failure.hint("give the path of a zip, or of a file that contains the output `result`"));
        }
        let token = given(inputs.github_token.as_ref()).or_else(|| self.environment.get("GITHUB_TOKEN"));
        let release = self.boolean("release", given(inputs.release.as_ref()), false);
        if release && task == Task::Publish {
            self.check_release(token);
        }
        let release_tag: TagTemplate = self.parsed(given(inputs.release_tag.as_ref()), cli::DEFAULT_RELEASE_TAG);
        self.check_tag(&release_tag);
        GithubChoice {
            comment: self.parsed(given(inputs.comment.as_ref()), cli::DEFAULT_COMMENT),
            comment_threshold,
            baseline,
            report_url: self.report_url(given(inputs.report_url.as_ref())),
            token: token.map(SecretString::from),
            release,
            release_tag,
        }
    }

    /// Everybody who can read the pull request sees it, so it must have no credentials.
    fn report_url(&mut self, given: Option<&str>) -> Option<Url> {
        let text = given?;
        let failure = |why: &str| {
            let failure = Failure::user(format!("`report-url` is `{}`, which {why}", clean(text)));
            failure.hint("use the output `artifact-url` of `actions/upload-artifact`, or another `https://` URL")
        };
        let url = match Url::parse(text) {
            Ok(url) if url.scheme() != "https" || url.host().is_none() => {
                Err(failure("does not start with `https://`"))
            }
            Ok(url) if !url.username().is_empty() || url.password().is_some() => Err(failure("contains credentials")),
            // What stands behind `?` and `#` may be a secret, so it is never shown, and the link would lead nowhere.
            Ok(url) if url.query().is_some() || url.fragment().is_some() => {
                Err(failure("has a part behind `?` or `#`"))
            }
            Ok(url) if url.as_str().len() > LONGEST_URL => Err(failure("is too long")),
            Ok(url) => Ok(url),
            Err(error) => Err(failure(&format!("is not a valid URL: {error}"))),
        };
        self.problems.check(url)
    }

    /// Only the tag that started the run belongs to this one version without naming it.
    fn check_tag(&mut self, tag: &TagTemplate) {
        let is_of_run = self.environment.get("GITHUB_REF_TYPE") == Some("tag")
            && self.environment.get("GITHUB_REF_NAME") == Some(&tag.to_string());
        if !tag.names_version() && !is_of_run {
            let failure = Failure::user(format!("`release-tag` is `{tag}`, which is the same for every version"));
            self.problems.push(failure.hint("include `{version}` in the tag"));
        }
    }

    /// Checked before anything is built.
    pub(super) fn check_release(&mut self, token: Option<&str>) {
        if token.is_none() {
            let failure = Failure::user("a release needs a GitHub token, but none is given");
            self.problems.push(
                failure.hint("set `github-token: ${{ github.token }}`, or the environment variable GITHUB_TOKEN"),
            );
        }
        if self.environment.get("GITHUB_REPOSITORY").is_none() {
            let failure = Failure::user("a release needs a GitHub repository, but GITHUB_REPOSITORY is not set");
            self.problems.push(failure.hint("set GITHUB_REPOSITORY to `OWNER/NAME`"));
        }
    }
}
