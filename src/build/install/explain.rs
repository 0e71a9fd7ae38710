//! Explains why an installer failed, and what the user can do about it.

use std::collections::BTreeMap;

use super::availability::Availability;
use super::failed_build::FailedBuild;
use super::installer::Request;
use super::unmet;
use crate::environment::certificates;
use crate::error::Failure;
use crate::manifest::{Manifest, RequirementKind};
use crate::process::output::causes;
use crate::runtime::images;
use crate::secrets::{SecretUrl, credentials, end_of_credentials, without_credentials};
use crate::types::Target;

/// Messages of the installers when the network or an index is down.
const UNREACHABLE: &[&str] = &[
    "error sending request",
    "dns error",
    "Connection refused",
    "connection refused",
    "timed out",
    "Request failed after",
    "Failed to establish a new connection",
    "Temporary failure in name resolution",
    "Max retries exceeded",
    "Network is unreachable",
    "502 Bad Gateway",
    "503 Service Unavailable",
    "504 Gateway",
];
const REFUSED: &[&str] = &[
    "401 Unauthorized",
    "403 Forbidden",
    "401 Client Error",
    "403 Client Error",
    "Missing credentials",
    "authentication credentials",
];
const CERTIFICATES: &[&str] = &["invalid peer certificate", "CERTIFICATE_VERIFY_FAILED", "certificate verify failed"];
const HASHES: &[&str] = &["Hash mismatch", "hash mismatch", "DO NOT MATCH THE HASHES"];
const NO_GIT: &[&str] = &["Git executable not found", "Cannot find command 'git'"];
const UNHASHED: &[&str] = &["require-hashes", "require hashes", "Can't verify hashes for these"];

/// The distributions that have no fitting wheel according to an installer, with the version if one was asked for.
pub(super) fn without_wheels(output: &str) -> BTreeMap<String, Option<String>> {
    let mut found = BTreeMap::new();
    let text = output.split_whitespace().collect::<Vec<_>>().join(" ");
    // uv: "hint: Wheels are required for `numpy` because building from source is disabled"
    for (_, rest) in
        text.match_indices("Wheels are required for `").map(|(at, marker)| text.split_at(at + marker.len()))
    {
        if let Some((name, _)) = rest.split_once('`') {
            found.insert(name.to_owned(), None);
        }
    }
    // uv: "Because numpy==2.3.5 has no usable wheels", "… has no wheels with a matching Python ABI tag"
    for marker in [" has no usable wheels", " has no wheels with a matching"] {
        for (at, _) in text.match_indices(marker) {
            let subject = text[..at].rsplit(' ').next().unwrap_or_default();
            if let Some((name, version)) = subject.split_once("==") {
                found.insert(name.to_owned(), Some(version.to_owned()));
            }
        }
    }
    // uv, for a URL: "Building source distributions for `x` is disabled"; for a project: "… is disabled, but attempted
    // to build `x`"
    for marker in ["Building source distributions for `", "is disabled, but attempted to build `"] {
        for (at, _) in text.match_indices(marker) {
            if let Some((name, _)) = text[at + marker.len()..].split_once('`') {
                found.entry(name.split("==").next().unwrap_or(name).to_owned()).or_insert(None);
            }
        }
    }
    found
}

/// Whether uv would have to build a project to learn its name, which it therefore cannot print.
pub(super) fn needs_nameless_build(output: &str) -> bool {
    output.lines().any(|line| line.trim_end().ends_with("Building source distributions is disabled"))
}

/// Names of the distributions that an installer says it built. uv: "Built docopt==0.6.2", "Built ours @ file:///…";
/// pip: "Successfully built docopt ours".
pub(super) fn built(output: &str) -> impl Iterator<Item = &str> {
    let of_uv = output.lines().filter_map(|line| line.trim_start().strip_prefix("Built "));
    let of_uv = of_uv.filter_map(|subject| subject.split(['=', ' ']).next());
    let of_pip = output.lines().filter_map(|line| line.trim_start().strip_prefix("Successfully built "));
    of_uv.chain(of_pip.flat_map(str::split_whitespace))
}

pub(super) fn failed_install(tool: &str, output: &str, request: &Request<'_>, wheels_only: bool) -> Failure {
    let says = |markers: &[&str]| markers.iter().any(|marker| output.contains(marker));
    let target = request.spec.target;
    if needs_nameless_build(output) {
        return Failure::user(
            "a local project must be built to find out its name, which `--only-binary` in the requirements forbids",
        )
        .hint(
            "set `name` and `version` in `[project]` of its `pyproject.toml`, or list distributions instead of `:all:`",
        );
    }
    if let Some(build) = FailedBuild::of(output) {
        return build.explain(request, None);
    }
    let causes = causes(output);
    if says(HASHES) {
        let message = match mismatched(output) {
            Some(pin) => {
                let name = pin.split("==").next().unwrap_or(&pin);
                let name = name.split(" @ ").next().unwrap_or(name);
                let place = place_of(name, request.manifest);
                let place = place.unwrap_or_else(|| "the requirements".to_owned());
                format!("the downloaded file of `{pin}` does not match the hash in {place}")
            }
            None => "a downloaded file does not match the hash in the requirements".to_owned(),
        };
        return Failure::user(message)
            .causes(causes)
            .hint("if the file was changed on purpose, update the hashes with the tool that wrote them; otherwise, find out who changed it");
    }
    if says(UNHASHED) {
        let failure = Failure::user("some requirements have a hash, so all of them must have one, but some have none");
        // A lock file has no hash for a folder or a repository.
        if !request.manifest.require_hashes || request.manifest.is_locked {
            return failure
                .causes(causes)
                .hint("pip requires this; use `installer: uv`, which checks the hashes that exist");
        }
        return failure.causes(causes).hint("give each requirement a version and a hash, including indirect ones; `uv pip compile --generate-hashes` writes them");
    }
    if let Some(host) = refusing_host(output) {
        return Failure::user(format!("the git repository at `{host}` rejected the credentials of this run"))
            .causes(causes)
            .hint("check that the token can read the repository, or check the SSH key in the agent and `known_hosts`");
    }
    if says(NO_GIT) {
        let python = request.spec.target.python;
        return Failure::user("a requirement is in a git repository, but git is not installed on this machine")
            .causes(causes)
            .causes(unmet::places(output, request.manifest))
            .hint(format!("install git, or use the action `{}`, whose image contains it", images::action(python)));
    }
    if says(REFUSED) {
        let url = url_near(REFUSED, output);
        let failure = Failure::user(format!("{} rejected the credentials of this run", named(url.as_deref(), request)));
        let index = url.and_then(|url| request.indexes.at(&url));
        let (cause, hint) = match index {
            Some(index) if request.spec.dependencies.codeartifact.is_empty() => {
                credentials::looked_for(index, request.environment)
            }
            Some(_) => (None, "check the user name, password or token of the index; for CodeArtifact, allow `codeartifact:ReadFromRepository` on the repository".to_owned()),
            None => (None, "check the user name, password or token of the index".to_owned()),
        };
        return failure.causes(causes).causes(cause).hint(hint);
    }
    if says(CERTIFICATES) {
        return Failure::system("this machine does not trust the certificate of a package index")
            .causes(causes)
            .hint(format!("set UV_SYSTEM_CERTS=true if the system trusts it; otherwise, {}", certificates::HINT));
    }
    if says(UNREACHABLE) {
        return Failure::system(format!(
            "{} could not be reached",
            named(url_near(UNREACHABLE, output).as_deref(), request)
        ))
        .causes(causes)
        .hint("check the network and the index's address, then run again; nothing was published");
    }
    let no_match = ["No matching distribution found", "Could not find a version that satisfies"];
    if says(&["is not compatible with the target"]) || (tool == "pip" && wheels_only && says(&no_match)) {
        return Failure::user(format!("the requirements cannot be met with wheels for {target}"))
            .causes(causes)
            .causes(unmet::places(output, request.manifest))
            .hint(format!("check the name and the version; if they exist, {}", images::other_ways(target)));
    }
    let failure = Failure::user(format!("{tool} could not install the requirements for {target}"));
    failure
        .causes(causes)
        .causes(unmet::places(output, request.manifest))
        .hint("correct the requirements; set LAMBDA_LAYER_DEBUG=1 to see the complete output of the tool")
}

/// The failure for `missing`, which have no wheel for the target and cannot or must not be built here.
pub(super) fn no_wheel(missing: &[Availability], manifest: &Manifest, target: Target) -> Failure {
    let names =
        missing.iter().map(|Availability { pin, .. }| format!("`{}`", format!("{} {}", pin.name, pin.version).trim()));
    let names = names.collect::<Vec<_>>().join(", ");
    let verb = if missing.len() == 1 { "has" } else { "have" };
    let mut failure = Failure::user(format!(
        "{names} {verb} no wheel that runs on Lambda's python{} (glibc {}, {})",
        target.python,
        target.glibc(),
        target.architecture
    ));
    for found in missing {
        if let Some(place) = place_of(&found.pin.name, manifest) {
            failure = failure.cause(format!("`{}` is required in {place}", found.pin.name));
        }
        failure = failure.cause(found.reason(target));
    }
    let newer = missing.iter().filter_map(|found| Some((found, found.newest_that_fits.as_ref()?)));
    let newer = newer.filter(|(found, version)| **version != found.pin.version);
    let fitting: Vec<String> = newer.map(|(found, version)| format!("`{}=={version}`", found.pin.name)).collect();
    let ways = images::other_ways(target);
    failure.hint(match fitting.len() {
        0 => ways,
        1 => format!("use {}, the newest version with a compatible wheel, or {ways}", fitting[0]),
        _ => format!("use {}, the newest versions with compatible wheels, or {ways}", fitting.join(", ")),
    })
}

/// The URL that a message is about, without credentials. Both tools print it before the problem, except for uv's
/// "Request failed after 3 retries".
fn url_near(markers: &[&str], output: &str) -> Option<String> {
    let at = markers.iter().filter_map(|marker| output.find(marker)).min().unwrap_or_default();
    let start = output[..at].rfind("http").or_else(|| Some(at + output[at..].find("http")?))?;
    let is_end = |character: char| character.is_whitespace() || "()`'\"".contains(character);
    let url = output[start..].split(is_end).next()?.trim_end_matches(':');
    Some(without_credentials(url)).filter(|url| url.contains("://"))
}

/// Describes the index that a URL belongs to, by its name and its own URL.
fn named(url: Option<&str>, request: &Request<'_>) -> String {
    let index = url.and_then(|url| request.indexes.at(url));
    let shown = index.map(SecretUrl::shown).or(url);
    match (index.and_then(SecretUrl::name), shown) {
        (Some(name), Some(url)) => format!("the package index `{name}` at `{url}`"),
        (None, Some(url)) => format!("the package index `{url}`"),
        (_, None) => "a package index".to_owned(),
    }
}

/// The server that refused git's credentials, or whose host key git does not trust.
fn refusing_host(output: &str) -> Option<String> {
    const HTTP: &[&str] =
        &["could not read Username for '", "could not read Password for '", "Authentication failed for '"];
    const SSH: &[&str] = &[": Permission denied (publickey", "Host key verification failed"];
    let after = |marker: &&str| Some(output.split_once(*marker)?.1.split('\'').next().unwrap_or_default());
    if let Some(url) = HTTP.iter().find_map(after) {
        return Some(without_credentials(url));
    }
    let before = SSH.iter().find_map(|marker| Some(output.split_once(marker)?.0))?;
    let url = &before[before.rfind("ssh://")? + "ssh://".len()..];
    let is_end = |character: char| character.is_whitespace() || "'`\"".contains(character);
    let url = url.split(is_end).next().unwrap_or_default();
    // uv prints `****` instead of the user.
    Some(format!("ssh://{}", &url[end_of_credentials(url).map_or(0, |at| at + 1)..]))
}

/// Whether an index may have refused pip or been down: pip tells the reason only in verbose mode.
pub(super) fn hides_its_reason(output: &str) -> bool {
    output.contains("No matching distribution found")
}

/// The pages of an index that pip could not fetch, from its verbose output, as errors.
pub(super) fn reasons_of_pip(output: &str) -> String {
    let reasons = output.lines().map(str::trim).filter(|line| line.starts_with("Could not fetch URL"));
    reasons.flat_map(|line| ["ERROR: ", line.trim_end_matches(" - skipping"), "\n"]).collect()
}

/// Whether one of several indexes may have refused uv.
pub(super) fn misses_a_name(output: &str) -> bool {
    output.contains("was not found in the package registry") || output.contains("no version of ")
}

/// uv's hints about indexes that refuse access, as errors.
pub(super) fn refusals_of_uv(output: &str) -> String {
    let hints = output.lines().filter_map(|line| line.trim().strip_prefix("hint: "));
    let refusals = hints.filter(|hint| REFUSED.iter().any(|marker| hint.contains(marker)));
    refusals.flat_map(|hint| ["error: ", hint, "\n"]).collect()
}

/// The distribution, as `name==version`, whose file has the wrong hash.
fn mismatched(output: &str) -> Option<String> {
    // uv: "Hash mismatch for `urllib3==2.8.0`"; pip: "    urllib3==2.8.0 from https://…:" before the two hashes
    let uv = output.split_once("Hash mismatch for `").and_then(|(_, rest)| rest.split_once('`')).map(|(pin, _)| pin);
    let pip = || {
        let mut words = output.split_once("DO NOT MATCH THE HASHES")?.1.lines().map(str::split_whitespace);
        words.find_map(|mut words| words.next().filter(|_| words.next() == Some("from")))
    };
    uv.or_else(pip).map(str::to_owned)
}

/// The file and line of the requirement for a distribution.
pub(super) fn place_of(name: &str, manifest: &Manifest) -> Option<String> {
    let asks = |requirement: &&crate::manifest::Requirement| match &requirement.kind {
        RequirementKind::Named(named) => named.name.to_string() == name,
        RequirementKind::Url { .. } | RequirementKind::Path { .. } => false,
    };
    let requirement = manifest.requirements.iter().find(asks)?;
    Some(format!("{}:{}", requirement.file, requirement.line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_without_wheels_are_found() {
        let output = "error: No solution found when resolving dependencies\n  cause: Because numpy==2.3.5 has no usable wheels and you require numpy==2.3.5, we\n  can conclude that your requirements are unsatisfiable.\n\nhint: Wheels are required for `numpy` because building from source is disabled for all packages (i.e., with `--no-build`)\n";
        assert_eq!(without_wheels(output), BTreeMap::from([("numpy".to_owned(), Some("2.3.5".to_owned()))]));
        for output in [
            "error: Failed to download and build `docopt @ https://host/docopt-0.6.2.tar.gz`\n  cause: Building source distributions for `docopt` is disabled\n",
            "error: Building source distributions is disabled, but attempted to build `docopt`\n",
        ] {
            assert_eq!(without_wheels(output), BTreeMap::from([("docopt".to_owned(), None)]));
        }
        assert!(without_wheels("error: Failed to fetch: https://host/").is_empty());
    }

    #[test]
    fn causes_keep_what_belongs_to_them() {
        let output = "Using CPython\nerror: Failed to download `requests==2.32.3`\n  cause: Hash mismatch for `requests==2.32.3`\n\n         Expected:\n           sha256:55\n\n         Computed:\n           sha256:70\n";
        assert_eq!(
            causes(output),
            [
                "Failed to download `requests==2.32.3`",
                "Hash mismatch for `requests==2.32.3` Expected: sha256:55 Computed: sha256:70"
            ]
        );
        assert_eq!(causes("one\n\ntwo\n"), ["one", "two"]);
    }
}
