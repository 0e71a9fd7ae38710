//! The inputs, validated: if a [`Spec`] exists it can be worked with, and all that was wrong was said at once.

mod content;
mod destination;

use camino::{Utf8Path, Utf8PathBuf};

pub use content::{Content, Include, Layout};
pub use destination::{BUCKET_PREFIX, RegistryChoice, StatePlace};

use crate::environment::Environment;
use crate::error::{Failure, Problems, alternatives};
use crate::facts;
use crate::inputs::{self, Inputs, given, lines, list};
use crate::manifest::Manifest;
use crate::registry::description::Declaration;
use crate::secrets::{SecretUrl, Secrets};
use crate::types::{Architecture, LayerName, Target};

/// The command a run was started with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    Publish,
    Build,
    Plan,
}

/// One layer, and what to do with it.
#[derive(Debug)]
pub struct Spec {
    pub task: Task,
    pub layer: LayerName,
    pub target: Target,
    /// The working directory, absolute; relative paths start here.
    pub folder: Utf8PathBuf,
    /// The repository, absolute; nothing outside gets into a layer.
    pub workspace: Utf8PathBuf,
    pub dependencies: Dependencies,
    pub content: Content,
    pub declaration: Declaration,
    pub registry: RegistryChoice,
    pub state: StatePlace,
    /// Where the finished zip goes, as given and from the working directory.
    pub output: Option<Utf8PathBuf>,
    pub dry_run: bool,
    pub verify: bool,
    pub summary: bool,
}

#[derive(Debug)]
pub struct Dependencies {
    /// Paths as given, from the working directory.
    pub requirements: Vec<Utf8PathBuf>,
    pub constraints: Vec<Utf8PathBuf>,
    pub manifest: Manifest,
    pub no_deps: bool,
    pub installer: InstallerChoice,
    pub index_url: Option<SecretUrl>,
    pub extra_index_urls: Vec<SecretUrl>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum InstallerChoice {
    Uv,
    Pip,
}

impl Spec {
    /// # Errors
    /// One failure of the user's with everything that is wrong.
    pub fn resolve(task: Task, inputs: &Inputs, environment: &Environment) -> Result<Self, Failure> {
        // Taken apart completely: an input that nothing handles does not compile.
        let Inputs {
            layers,
            layer_name,
            layer_version,
            working_directory,
            requirements,
            no_deps,
            installer,
            index_url,
            extra_index_urls,
            constraints,
            python_version,
            architecture,
            compatible_runtimes,
            compatible_architectures,
            include,
            source,
            exclude,
            layout,
            registry,
            regions,
            bucket,
            state,
            description,
            license,
            summary,
            dry_run,
            verify,
            output,
        } = inputs;
        let mut problems = Problems::default();

        let layer = problems.check(layer(task, given(layer_name.as_ref()), &list(layers)));
        if let Some(version) = given(layer_version.as_ref()) {
            let failure = Failure::user(format!(
                "`layer-version` is `{version}`, but this command makes a version and does not act on one"
            ));
            problems.push(failure.hint("leave it out; the number comes from the registry"));
        }
        let python = problems.check(given(python_version.as_ref()).unwrap_or(inputs::DEFAULT_PYTHON_VERSION).parse());
        let architecture = problems.check(given(architecture.as_ref()).unwrap_or(inputs::DEFAULT_ARCHITECTURE).parse());
        let target = python.zip(architecture).map(|(python, architecture)| Target { python, architecture });

        let folder = problems.check(folder(given(working_directory.as_ref()), environment));
        let workspace = folder.as_ref().map(|folder| environment.workspace(folder));
        let places = folder.as_deref().zip(workspace.as_deref());

        let layout = problems.check(Layout::parse(given(layout.as_ref()).unwrap_or(inputs::DEFAULT_LAYOUT)));
        let content = places.map(|(folder, workspace)| {
            Content::resolve(
                &lines(include),
                &list(source),
                &list(exclude),
                layout.unwrap_or(Layout::Python),
                folder,
                workspace,
                &mut problems,
            )
        });
        let no_deps = boolean("no-deps", no_deps.as_ref(), false, &mut problems);
        let dependencies = places.map(|(folder, workspace)| {
            let found = files_or_found(
                &list(requirements),
                folder,
                content.as_ref().is_some_and(|content| !content.source.is_empty()),
                &mut problems,
            );
            let constraints: Vec<Utf8PathBuf> = list(constraints).into_iter().map(Utf8PathBuf::from).collect();
            let manifest = Manifest::read(&found, &constraints, folder, workspace, environment, &mut problems);
            Dependencies {
                requirements: found,
                constraints,
                manifest,
                no_deps,
                installer: installer_choice(given(installer.as_ref()), &mut problems),
                index_url: index_url_of(given(index_url.as_ref()), environment, &mut problems),
                extra_index_urls: extra_index_urls_of(&list(extra_index_urls), environment, &mut problems),
            }
        });

        let declaration = target.map(|target| {
            declaration(
                &list(compatible_runtimes),
                &list(compatible_architectures),
                given(description.as_ref()),
                given(license.as_ref()),
                target,
                environment,
                &mut problems,
            )
        });
        let registry = folder.as_deref().map(|folder| {
            RegistryChoice::resolve(
                given(registry.as_ref()),
                &list(regions),
                given(bucket.as_ref()),
                folder,
                environment,
                &mut problems,
            )
        });
        let state = folder
            .as_deref()
            .zip(registry.as_ref())
            .map(|(folder, registry)| StatePlace::resolve(given(state.as_ref()), registry, folder, &mut problems));
        if let (Some(RegistryChoice::Directory(directory)), Task::Publish) = (&registry, task) {
            problems.check(destination::writable_folder("registry", directory));
        }
        let output = folder
            .as_deref()
            .and_then(|folder| output_path(task, given(output.as_ref()), layer.as_ref(), folder, &mut problems));
        let dry_run = boolean("dry-run", dry_run.as_ref(), false, &mut problems);
        let verify = boolean("verify", verify.as_ref(), false, &mut problems);
        let summary = boolean("summary", summary.as_ref(), true, &mut problems);

        problems.into_result()?;
        let complete = || -> Option<Self> {
            Some(Self {
                task,
                layer: layer?,
                target: target?,
                folder: folder?,
                workspace: workspace?,
                dependencies: dependencies?,
                content: content?,
                declaration: declaration?,
                registry: registry?,
                state: state?,
                output,
                dry_run,
                verify,
                summary,
            })
        };
        Ok(complete().expect("what is missing was noted as a problem"))
    }

    /// The user's secrets, from inputs and requirement files.
    pub fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        let urls = self.dependencies.index_url.iter().chain(&self.dependencies.extra_index_urls);
        urls.for_each(|url| secrets.add_url(url.exposed()));
        secrets.extend(&self.dependencies.manifest.secrets);
        secrets
    }

    /// Whether anything is to be installed.
    pub fn has_requirements(&self) -> bool {
        !self.dependencies.requirements.is_empty()
    }
}

fn layer(task: Task, name: Option<&str>, selected: &[String]) -> Result<LayerName, Failure> {
    let layer: LayerName = match (name, task) {
        (Some(name), _) => name.parse()?,
        (None, Task::Build) => "layer".parse()?,
        (None, _) => {
            return Err(
                Failure::user("`layer-name` is missing").hint("name the layer, e.g. `layer-name: shared-dependencies`")
            );
        }
    };
    match selected {
        [] => Ok(layer),
        names if names.iter().any(|name| name == layer.as_str()) => Ok(layer),
        names => {
            let names = alternatives(names.iter().map(String::as_str));
            Err(Failure::user(format!("`layers` names {names}, but the only layer is `{layer}`"))
                .hint("correct `layers` or leave it out"))
        }
    }
}

fn folder(given: Option<&str>, environment: &Environment) -> Result<Utf8PathBuf, Failure> {
    let folder = environment.current_directory.join(given.unwrap_or("."));
    let folder = folder.canonicalize_utf8().unwrap_or(folder);
    if folder.is_dir() {
        Ok(folder)
    } else {
        Err(Failure::user(format!("`working-directory` is `{}`, which is not a folder", given.unwrap_or(".")))
            .hint("was the repository checked out before this step (`actions/checkout`)?"))
    }
}

fn files_or_found(given: &[String], folder: &Utf8Path, has_source: bool, problems: &mut Problems) -> Vec<Utf8PathBuf> {
    const NAME: &str = "requirements.txt";
    if !given.is_empty() {
        return given.iter().map(Utf8PathBuf::from).collect();
    }
    if folder.join(NAME).exists() {
        return vec![NAME.into()];
    }
    if !has_source {
        let failure = Failure::user(format!("there is no `{NAME}` in `{folder}`"));
        problems
            .push(failure.hint("name the dependency file with `requirements`, or the folder with `working-directory`"));
    }
    Vec::new()
}

fn boolean(name: &str, value: Option<&String>, default: bool, problems: &mut Problems) -> bool {
    match given(value).map(str::to_lowercase).as_deref() {
        None => default,
        Some("true") => true,
        Some("false") => false,
        Some(_) => {
            let failure = Failure::user(format!(
                "`{name}` is `{}`, which is neither true nor false",
                given(value).unwrap_or_default()
            ));
            problems.push(failure.hint("write `true` or `false`"));
            default
        }
    }
}

fn installer_choice(value: Option<&str>, problems: &mut Problems) -> InstallerChoice {
    match value.unwrap_or(inputs::DEFAULT_INSTALLER) {
        "auto" | "uv" => InstallerChoice::Uv,
        "pip" => InstallerChoice::Pip,
        other => {
            problems.push(Failure::user(format!("`installer` is `{other}`")).hint("use `auto`, `uv` or `pip`"));
            InstallerChoice::Uv
        }
    }
}

/// The input, else what the tools' own variables say: they decide what gets installed, so they belong to the fingerprint.
fn index_url_of(value: Option<&str>, environment: &Environment, problems: &mut Problems) -> Option<SecretUrl> {
    let variables = ["UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"];
    let from_environment = || variables.iter().find_map(|name| Some((*name, environment.get(name)?)));
    let (name, url) = value.map(|url| ("index-url", url)).or_else(from_environment)?;
    problems.check(SecretUrl::parse(name, url))
}

fn extra_index_urls_of(values: &[String], environment: &Environment, problems: &mut Problems) -> Vec<SecretUrl> {
    let variables = ["UV_INDEX", "UV_EXTRA_INDEX_URL", "PIP_EXTRA_INDEX_URL"];
    let given = if values.is_empty() {
        let (name, urls) = variables.iter().find_map(|name| Some((*name, environment.get(name)?))).unwrap_or_default();
        urls.split_whitespace().map(|url| (name, url)).collect()
    } else {
        values.iter().map(|url| ("extra-index-urls", url.as_str())).collect::<Vec<_>>()
    };
    given.into_iter().filter_map(|(name, url)| problems.check(SecretUrl::parse(name, url))).collect()
}

fn declaration(
    runtimes: &[String],
    architectures: &[String],
    description: Option<&str>,
    license: Option<&str>,
    target: Target,
    environment: &Environment,
    problems: &mut Problems,
) -> Declaration {
    let limits = facts::limits();
    let known = &facts::lambda().compatible_runtimes;
    for runtime in runtimes.iter().filter(|runtime| !known.contains(runtime)) {
        let failure =
            Failure::user(format!("`compatible-runtimes` has `{runtime}`, which Lambda does not know for Python"));
        problems.push(failure.hint(format!("use {}", alternatives(known.iter().map(String::as_str)))));
    }
    if runtimes.len() > limits.compatible_runtimes {
        problems.push(
            Failure::user(format!("`compatible-runtimes` has {} values", runtimes.len()))
                .hint(format!("Lambda accepts at most {}", limits.compatible_runtimes)),
        );
    }
    let architectures: Vec<Architecture> =
        architectures.iter().filter_map(|name| problems.check(name.parse())).collect();
    if !architectures.is_empty() && !architectures.contains(&target.architecture) {
        let failure = Failure::user(format!(
            "`compatible-architectures` leaves out `{}`, which the layer is built for",
            target.architecture
        ));
        problems.push(failure.hint("add it, or change `architecture`"));
    }
    let longest = Declaration::longest_text();
    if let Some(text) = description.filter(|text| text.chars().count() > longest) {
        let failure = Failure::user(format!("`description` has {} characters", text.chars().count()));
        problems.push(failure.hint(format!(
            "at most {longest} fit beside fingerprint and content hash into Lambda's {}",
            limits.description_length
        )));
    }
    if let Some(text) = license.filter(|text| text.chars().count() > limits.license_length) {
        let failure = Failure::user(format!("`license` has {} characters", text.chars().count()));
        problems.push(failure.hint(format!("Lambda accepts at most {}", limits.license_length)));
    }
    let is_tag = environment.get("GITHUB_REF_TYPE") == Some("tag");
    Declaration {
        text: description
            .map_or_else(|| format!("Python {} packages for {}", target.python, target.architecture), str::to_owned),
        label: environment.get("GITHUB_REF_NAME").filter(|_| is_tag).map(str::to_owned),
        license: license.map(str::to_owned),
        compatible_runtimes: or_else(runtimes.to_vec(), || vec![format!("python{}", target.python)]),
        compatible_architectures: or_else(architectures, || vec![target.architecture]),
    }
}

fn or_else<T>(values: Vec<T>, default: impl FnOnce() -> Vec<T>) -> Vec<T> {
    if values.is_empty() { default() } else { values }
}

/// Relative to the working directory, as outputs and messages show it.
fn output_path(
    task: Task,
    given: Option<&str>,
    layer: Option<&LayerName>,
    folder: &Utf8Path,
    problems: &mut Problems,
) -> Option<Utf8PathBuf> {
    let path = match (given, task) {
        (Some(path), _) => Utf8PathBuf::from(path),
        (None, Task::Build) => Utf8PathBuf::from(format!("{}.zip", layer?)),
        (None, _) => return None,
    };
    let full = folder.join(&path);
    let checked = if full.is_dir() {
        Err(Failure::user(format!("`output` is `{path}`, which is a folder"))
            .hint(format!("name a file in it, e.g. `{}`", path.join("layer.zip"))))
    } else {
        destination::writable_folder("output", full.parent().unwrap_or(folder))
    };
    problems.check(checked).map(|()| path)
}
