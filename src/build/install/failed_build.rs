//! Explains builds from source that failed, or whose result does not run on the target.

use std::str::FromStr as _;

use camino::Utf8Path;

use super::availability::Availability;
use super::explain;
use super::installer::Request;
use crate::error::Failure;
use crate::manifest::RequirementKind;
use crate::runtime::images;
use crate::types::DistributionName;

/// The failure, if a build for another Python or processor than this machine's did not give a pure-Python wheel.
/// `built` are the distributions that had to be built.
pub(super) fn compiled_elsewhere(output: &str, request: &Request<'_>, built: &[Availability]) -> Option<Failure> {
    let Request { spec, host, .. } = request;
    let (wheel, build) = (misfit(output), FailedBuild::of(output));
    let subject = wheel.or(build.as_ref().and_then(|build| build.subject.as_deref()))?;
    let name = DistributionName::from_str(subject.split(['-', '=', ' ']).next()?).ok()?;
    let cause = match wheel {
        Some(wheel) => format!("a build on this machine creates `{wheel}`"),
        None => format!("a build on this machine fails: {}", build?.causes.first()?),
    };
    if let Some(missing) = built.iter().find(|found| found.pin.name == name.to_string()) {
        return Some(explain::no_wheel(std::slice::from_ref(missing), request.manifest, spec.target).cause(cause));
    }
    let projects = request.manifest.requirements.iter().filter_map(|requirement| {
        let RequirementKind::Path { text, .. } = &requirement.kind else { return None };
        Some(format!("`{text}` is required in {}:{}", requirement.file, requirement.line))
    });
    wheel?;
    let failure = Failure::user(format!(
        "`{name}` contains compiled code, but Python {} on this machine cannot compile for {}",
        host.version, spec.target
    ));
    Some(failure.cause(cause).causes(projects).hint(images::other_ways(spec.target)))
}

/// The file name of a wheel that was built here but does not fit the target.
fn misfit(output: &str) -> Option<&str> {
    let (_, rest) = output.split_once("The built wheel `")?;
    let (name, rest) = rest.split_once('`')?;
    rest.trim_start().starts_with("is not compatible").then_some(name)
}

/// The failure for a project of `source` whose build did not give a wheel for the target.
pub(super) fn unbuildable_project(path: &Utf8Path, output: &str, request: &Request<'_>) -> Failure {
    let target = request.spec.target;
    if let Some(wheel) = misfit(output) {
        let python = &request.host.version;
        let message =
            format!("`{path}` contains compiled code, but Python {python} on this machine cannot compile for {target}");
        return Failure::user(message)
            .cause(format!("a build on this machine creates `{wheel}`"))
            .hint(images::other_ways(target));
    }
    let failure = match FailedBuild::of(output) {
        Some(build) => build.explain(request, None),
        None => explain::failed_install("uv", output, request, false),
    };
    Failure { message: format!("the project `{path}` in `source` could not be built"), ..failure }
}

/// What a build backend or a compiler printed when it failed.
pub(super) struct FailedBuild {
    /// For example `psycopg2==2.9.9`; `None` for a project whose name only a build would show.
    subject: Option<String>,
    causes: Vec<String>,
}

impl FailedBuild {
    /// `None` if no build failed.
    pub(super) fn of(output: &str) -> Option<Self> {
        // uv: "Failed to build `psycopg2==2.9.9`" and "[stderr]"
        // pip: "Failed to build 'psycopg2' when …" after its log
        let is_build = output.contains("The build backend returned an error") || output.contains("[end of output]");
        let quoted = |marker: &str, quote: char| {
            let (_, rest) = output.split_once(marker)?;
            rest.split(quote).next().map(str::to_owned)
        };
        let subject = quoted("Failed to build `", '`')
            .or_else(|| quoted("Failed to download and build `", '`'))
            .or_else(|| quoted("Failed to build '", '\''));
        if !is_build {
            return None;
        }
        let log = output.split_once("[stderr]").or_else(|| output.split_once("lines of output]"));
        let log = log.or_else(|| output.split_once("[stdout]")).map_or(output, |(_, log)| log);
        let log = log.split("[end of output]").next().unwrap_or_default();
        let said = |line: &&str| !line.is_empty() && !line.starts_with("hint:");
        let lines: Vec<&str> = log.lines().map(str::trim).filter(said).collect();
        let first = lines.iter().position(|line| line.to_lowercase().contains("error:"));
        let first = first.unwrap_or_else(|| lines.len().saturating_sub(8));
        Some(Self { subject, causes: lines[first..].iter().take(8).map(|line| (*line).to_owned()).collect() })
    }

    /// The distribution's normalized name; `None` for a project without a name.
    pub(super) fn name(&self) -> Option<&str> {
        self.subject.as_deref()?.split(['=', ' ']).next()
    }

    /// The failure for the user. `newest` is the newest version of the distribution with a wheel for the target.
    pub(super) fn explain(self, request: &Request<'_>, newest: Option<&str>) -> Failure {
        let place = self.name().and_then(|name| explain::place_of(name, request.manifest));
        let place = place.zip(self.name()).map(|(place, name)| format!("`{name}` is required in {place}"));
        let newest = newest.zip(self.name()).map(|(version, name)| {
            format!("use `{name}=={version}`, the newest version with a compatible wheel; otherwise, ")
        });
        let newest = newest.unwrap_or_default();
        let subject = self.subject.map_or_else(|| "a local project".to_owned(), |subject| format!("`{subject}`"));
        let failure = Failure::user(format!("{subject} could not be built from source")).causes(place);
        if !request.compilers.exist() {
            let elsewhere = images::other_ways(request.spec.target);
            return failure.causes(self.causes).cause("this machine has no compiler").hint(newest + &elsewhere);
        }
        let way = match request.spec.content.build_script {
            None => {
                "if a program or a header is missing, install it with `build-script`, e.g. `dnf install -y libpq-devel` in the action's image"
            }
            Some(_) => "if a program or a header is missing, install it with `build-script`",
        };
        failure.causes(self.causes).hint(format!("{newest}{way}"))
    }
}
