//! The command `release` and the input of the same name: a git tag and a GitHub release for a published version, with
//! its ARNs, its changes and its files. A second run updates the release.

mod assets;
mod notes;
mod together;

use crate::console::Console;
use crate::documents;
use crate::environment::Environment;
use crate::error::{Failure, counted};
use crate::github::release::{Release, Wanted};
use crate::github::{ApiError, Client, release};
use crate::registry::connections::Connections;
use crate::registry::state::State;
use crate::registry::{publish, version_list};
use crate::release::assets::Assets;
use crate::release::notes::{Mark, Notes, Previous};
use crate::report::{DestinationReport, Outcome, Report};
use crate::spec::{GithubChoice, RegistryChoice, Spec, Task, VersionCommandSpec};
use crate::types::{LayerName, LayerVersionArn, Place};
use crate::versions::select::Choice;
use crate::versions::{Change, ChangeKind, ChangeOutcome, change, select};

pub use together::{of_results, together};

/// What is to be released, and where.
struct Subject<'a> {
    layer: &'a LayerName,
    choice: &'a Choice,
    state: &'a State,
    registry: &'a RegistryChoice,
    github: &'a GithubChoice,
    /// The inputs, if this run published the version.
    spec: Option<&'a Spec>,
    /// All layers of the run; they may share a tag.
    layers: &'a [LayerName],
    dry_run: bool,
}

/// Releases what a publish run published everywhere, if that was asked for. Failures go into the report instead of
/// ending the run, because the versions exist and their ARNs are needed.
pub async fn follow(
    report: Report,
    spec: &Spec,
    layers: &[LayerName],
    connections: &Connections,
    environment: &Environment,
    console: &Console,
) -> Report {
    if !spec.github.release || spec.task != Task::Publish || report.failure().is_some() {
        return report;
    }
    let choice = Choice { content: report.code_sha256, versions: report.placed() };
    let (change, release_url) = if choice.versions.is_empty() {
        (row("a release", "for the version that would be published", ChangeOutcome::Would), None)
    } else {
        let released = of_publish(&choice, spec, layers, connections, environment, console).await;
        released.unwrap_or_else(|error| (row("release", "", ChangeOutcome::Failed).failed(&error), None))
    };
    Report { changes: [report.changes, vec![change]].concat(), release_url, ..report }
}

async fn of_publish(
    choice: &Choice,
    spec: &Spec,
    layers: &[LayerName],
    connections: &Connections,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<(Change, Option<String>)> {
    let registry = connections.registry(&spec.registry, &spec.state, environment).await?;
    let store = connections.store(&spec.state, &registry, environment).await?;
    let state = publish::read(&registry, &store, &spec.layer, console).await?.state;
    let subject = Subject {
        layer: &spec.layer,
        choice,
        state: &state,
        registry: &spec.registry,
        github: &spec.github,
        spec: Some(spec),
        layers,
        dry_run: spec.dry_run,
    };
    Ok(subject.release(environment, console).await)
}

/// Releases a version that exists already.
///
/// # Errors
/// The registry or the state cannot be read, or there is no such version. What GitHub refuses goes into the report.
pub async fn run(
    spec: &VersionCommandSpec,
    layers: &[LayerName],
    connections: &Connections,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<Report> {
    let step = console.step("Read");
    let mut registry = connections.registry(&spec.registry, &spec.state, environment).await?;
    let store = connections.store(&spec.state, &registry, environment).await?;
    let state = publish::read(&registry, &store, &spec.layer, console).await?.state;
    registry.identify(&state).await?;
    let choice = select::choose(&spec.version, &spec.layer, &state, &registry, console).await?;
    step.done(counted(state.contents.len(), "content"));
    let subject = Subject {
        layer: &spec.layer,
        choice: &choice,
        state: &state,
        registry: &spec.registry,
        github: &spec.github,
        spec: None,
        layers,
        dry_run: spec.dry_run,
    };
    let (change, release_url) = subject.release(environment, console).await;
    let changes = vec![change];
    let versions = Some(version_list::output(&state, &store));
    let report = subject.described(Report::of_version_command(spec, change::count(&changes), changes));
    let report = Report { versions, release_url, ..report };
    let place = documents::Place { start: &environment.current_directory, workspace: &spec.workspace };
    Ok(documents::write_published(report, &spec.registry, &spec.documents, place, environment, console).await)
}

impl Subject<'_> {
    /// Gives the row for the report, and the URL of the release.
    async fn release(&self, environment: &Environment, console: &Console) -> (Change, Option<String>) {
        let step = console.step("Release");
        let arns: Vec<&LayerVersionArn> =
            self.choice.versions.iter().filter_map(|chosen| chosen.arn.as_ref().ok()).collect();
        let Some(version) = arns.first().map(|arn| arn.version()) else {
            let error = Failure::user(format!("`{}` has no version to release", self.layer));
            let error = error.hint("publish it first, or correct `layer-name` or the region");
            step.skip();
            return (row("release", "", ChangeOutcome::Failed).failed(&error.into()), None);
        };
        let tag = self.github.release_tag.fill(self.layer, version, self.target());
        let subject = format!("release {tag}");
        match Box::pin(self.create_or_update(&tag, version, &arns, environment, console)).await {
            Ok((outcome, detail, url)) => {
                step.done(&tag);
                (row(&subject, &detail, outcome), url)
            }
            Err(error) => {
                step.skip();
                (row(&subject, "", ChangeOutcome::Failed).failed(&error), None)
            }
        }
    }

    /// Adds what the state knows of the version.
    fn described(&self, report: Report) -> Report {
        let known =
            self.choice.content.and_then(|content| self.state.contents.get(&content)).cloned().unwrap_or_default();
        let destinations = self.choice.versions.iter().filter_map(|chosen| {
            let arn = chosen.arn.as_ref().ok()?.clone();
            Some(DestinationReport::new(&chosen.place, Outcome::Unchanged, Some(arn)))
        });
        let (python, architecture) = self.target().unzip();
        Report {
            python_version: python.and_then(|python| python.parse().ok()),
            architecture: architecture.and_then(|architecture| architecture.parse().ok()),
            code_sha256: self.choice.content,
            zipped_size: known.zipped_size,
            unzipped_size: known.unzipped_size,
            distributions: known.distributions,
            destinations: destinations.collect(),
            ..report
        }
    }

    /// The target, from this run's inputs or else from the state.
    fn target(&self) -> Option<(String, String)> {
        if let Some(Spec { target, .. }) = self.spec {
            return Some((target.python.to_string(), target.architecture.to_string()));
        }
        let known = self.state.contents.get(&self.choice.content?)?;
        Some((known.python.clone()?, known.architecture.clone()?))
    }

    async fn create_or_update(
        &self,
        tag: &str,
        version: u64,
        arns: &[&LayerVersionArn],
        environment: &Environment,
        console: &Console,
    ) -> anyhow::Result<(ChangeOutcome, String, Option<String>)> {
        if self.github.release_tag.needs_target() && self.target().is_none() {
            let failure = Failure::user(format!(
                "`release-tag` is `{}`, but it is not known for which Python version the layer was built",
                self.github.release_tag
            ));
            return Err(failure.hint("use a template without `{python}` and `{arch}`").into());
        }
        let client = Client::new(self.github.token.as_ref(), environment)?;
        let newest = release::newest(&client).await.map_err(refused)?;
        let found = release::find(&client, tag, &newest).await.map_err(refused)?;
        let mark = Mark { layer: self.layer.clone(), version, code_sha256: self.choice.content };
        let is_shared = self.layers.len() > 1 && !self.github.release_tag.names_layer();
        let text = found.as_ref().and_then(|release| release.body.clone()).unwrap_or_default();
        let is_other = |other: &Mark| {
            let is_own = other.layer == mark.layer;
            if is_own { other.version != version } else { !is_shared || !self.layers.contains(&other.layer) }
        };
        if let Some(other) = Mark::all(&text).into_iter().find(is_other) {
            let failure =
                Failure::user(format!("the release `{tag}` belongs to version {} of `{}`", other.version, other.layer));
            return Err(failure.hint("set `release-tag` so that each layer has its own tags").into());
        }
        let known = self.choice.content.and_then(|content| self.state.contents.get(&content));
        let layers = if is_shared { self.layers.len() } else { 1 };
        let notes = Notes { mark, arns: arns.to_vec(), known, previous: self.previous(&newest, version), layers };
        let body = notes::text(&text, &notes);
        if self.dry_run {
            let is_as_wanted = found.as_ref().is_some_and(|release| is_published(release, &body));
            let outcome = if is_as_wanted { ChangeOutcome::Unchanged } else { ChangeOutcome::Would };
            let detail = if found.is_some() { "release notes" } else { "with files" };
            return Ok((outcome, detail.to_owned(), found.map(|release| release.html_url)));
        }
        let assets = Assets {
            notes: &notes,
            about: self.described(Report::of_version(self.layer.to_string())),
            registry: self.registry,
            spec: self.spec,
            environment,
            console,
        };
        let (release, is_new) = if let Some(release) = found {
            (release, false)
        } else {
            let name = if is_shared { tag.to_owned() } else { format!("{} {version}", self.layer) };
            let wanted = Wanted { tag, name: &name, commit: environment.get("GITHUB_SHA") };
            (release::draft(&client, wanted, &body).await.map_err(refused)?, true)
        };
        let attached = assets.attach(&client, &release).await?;
        let (release, is_edited) = if is_published(&release, &body) {
            (release, false)
        } else {
            (release::publish(&client, &release, &body).await.map_err(refused)?, true)
        };
        let detail = match (is_new, is_edited, attached.len()) {
            (true, _, _) => format!("new, with {}", attached.join(", ")),
            (false, false, 0) => {
                return Ok((ChangeOutcome::Unchanged, "no changes".to_owned(), Some(release.html_url)));
            }
            (false, _, 0) => "release notes".to_owned(),
            (false, false, _) => attached.join(", "),
            (false, true, _) => format!("release notes, {}", attached.join(", ")),
        };
        Ok((ChangeOutcome::Done, detail, Some(release.html_url)))
    }

    /// The release of the newest version that is older than this one.
    fn previous(&self, releases: &[Release], version: u64) -> Option<Previous> {
        let of_layer = releases.iter().filter(|release| !release.draft).filter_map(|release| {
            let is_older = |mark: &Mark| mark.layer == *self.layer && mark.version < version;
            Some((Mark::all(release.body.as_deref()?).into_iter().find(is_older)?, release))
        });
        let (mark, release) = of_layer.max_by_key(|(mark, _)| mark.version)?;
        let known = mark.code_sha256.and_then(|content| self.state.contents.get(&content));
        let distributions = known.map(|content| content.distributions.clone()).filter(|known| !known.is_empty());
        Some(Previous { tag: release.tag_name.clone(), distributions })
    }
}

/// Whether the release is published with this text; its files are not compared.
fn is_published(release: &Release, body: &str) -> bool {
    !release.draft && release.body.as_deref().unwrap_or_default().replace("\r\n", "\n") == body
}

fn refused(error: ApiError) -> anyhow::Error {
    error.failure.into()
}

fn row(subject: &str, detail: &str, outcome: ChangeOutcome) -> Change {
    Change::new(&Place::own("github"), ChangeKind::Release, subject, detail, outcome)
}
