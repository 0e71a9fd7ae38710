//! The command `merge`: the results of several jobs as one summary, one comment and one release.

mod gather;

use camino::Utf8PathBuf;
use secrecy::ExposeSecret as _;

use super::comment::{self, Wanted};
use super::results;
use crate::cli::{Cli, Inputs};
use crate::console::Console;
use crate::environment::Environment;
use crate::error::{Failure, counted};
use crate::github::PullRequest;
use crate::report::{Report, RunReport};
use crate::secrets::Secrets;
use crate::spec::{CommentWhen, MergeSpec, Verb, VersionCommandSpec};
use crate::{config, release, report};
use gather::{Gathered, gather};

/// # Errors
/// There are no results, the plan failed, or what GitHub says.
pub fn run(cli: &Cli, environment: &Environment, console: &Console) -> anyhow::Result<RunReport> {
    let spec = MergeSpec::resolve(cli.command.inputs(), environment)?;
    if let Some(token) = &spec.github.token {
        let mut secrets = Secrets::default();
        secrets.add("", token.expose_secret());
        console.hide(&secrets);
    }
    let step = console.step("Read the results");
    let files = results::read(&spec.results, &spec.shown)?;
    let count = files.len();
    // The plan knows the file; this job may have no checkout.
    let config = files.iter().find_map(|(_, results)| results.config.clone());
    let config = config.or_else(|| config::path(cli, environment).map(Utf8PathBuf::into_string));
    let Gathered { layers, twice } = gather(files.into_iter().map(|(_, results)| results).collect())?;
    step.done(format!("{} in {}", counted(layers.len(), "layer"), counted(count, "file")));
    for name in twice {
        console.warning(&format!("there are two results for `{name}`; is it in the matrix twice?"));
    }
    let run = RunReport::new("merge", layers);
    if run.layers.is_empty() {
        let hint = "make sure that the plan or at least one job covers a layer";
        return Err(Failure::user(format!("the results in `{}` contain no layer", spec.shown)).hint(hint).into());
    }
    let specs = if spec.github.release { releases(&run, cli, environment)? } else { Vec::new() };
    super::runtime()?.block_on(async {
        let layers = if spec.github.release {
            Box::pin(release::of_results(run.layers, specs, environment, console)).await
        } else {
            run.layers
        };
        comment_on(RunReport { layers, ..run }, config.as_deref(), &spec, environment, console).await
    })
}

/// The releases to write, one for each published layer, as `lambda-layers.yml` or the inputs describe them.
fn releases(run: &RunReport, cli: &Cli, environment: &Environment) -> Result<Vec<VersionCommandSpec>, Failure> {
    let resolve = |inputs: &Inputs| VersionCommandSpec::resolve(Verb::Release, inputs, environment);
    if config::path(cli, environment).is_some() {
        return Ok(config::resolve(cli, environment, resolve)?.specs);
    }
    let of_layer = |report: &Report| {
        let layer_name = Some(report.layer_name.clone());
        resolve(&Inputs { layer_name, ..cli.command.inputs().clone() })
    };
    run.layers.iter().filter(|report| report.published).map(of_layer).collect()
}

/// Posts the comment, if the layers were previewed.
async fn comment_on(
    run: RunReport,
    config: Option<&str>,
    spec: &MergeSpec,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<RunReport> {
    let is_preview = run.layers.iter().any(|report| report.command == "preview");
    // A plan without changes starts no jobs, but a comment about an earlier commit has to be corrected.
    let is_plan = run.layers.iter().all(|report| report.command == "plan");
    let is_corrected = is_plan && PullRequest::of_event(environment).is_ok();
    if !is_preview && !is_corrected {
        return Ok(run);
    }
    let wanted = Wanted {
        marker: report::set_marker(config.unwrap_or(config::FILE)),
        always: spec.github.comment == CommentWhen::Always,
        never: spec.github.comment == CommentWhen::Never,
        is_worth: run.layers.iter().any(|report| comment::is_worth(report, spec.github.comment_threshold)),
        report_url: spec.github.report_url.clone(),
    };
    let comment = comment::post(&run, &wanted, spec.github.token.as_ref(), environment, console).await?;
    Ok(RunReport { comment, ..run })
}
