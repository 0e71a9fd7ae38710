//! Validates all inputs of a layer: [`Spec::resolve`].

use super::follow_up::AfterInputs;
use super::{Reading, Spec, Task};
use crate::cli::{self, Inputs, given, lines, list};
use crate::environment::Environment;
use crate::error::Failure;
use crate::manifest::{ParsedLocks, Selection};
use crate::types::Target;

impl Spec {
    /// Validates all inputs.
    ///
    /// # Errors
    /// One failure that lists every problem.
    pub fn resolve(
        task: Task,
        inputs: &Inputs,
        parsed: &ParsedLocks,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        // Every input is named, so that a new one does not compile until something reads it.
        #[rustfmt::skip]
        let Inputs {
            layer_name, layer_version, subject, working_directory,
            requirements, groups, extras, no_deps, installer, index_url, extra_index_urls, codeartifact, constraints,
            refresh, python_version, architecture, compatible_runtimes, compatible_architectures,
            include, source, build_script, exclude, exclude_files, runtime_packages, slim, strip, bytecode, layout,
            registry, regions, roles, external_id, allowed_account_ids, bucket, state, description, license,
            republish, signing_profile,
            share_with, attach_to, ssm_parameter, labels, move_labels, remove_labels,
            keep_versions, keep_days, keep_labels, include_unknown, apply,
            // `checks`, `documents` and `github` read these.
            smoke_test: _, fail_on: _, max_zipped_size: _, max_unzipped_size: _, max_import_time: _, allow_licenses: _,
            deny_licenses: _, budget_functions: _, verify_cache: _,
            vulnerabilities: _, ignore_vulnerabilities: _, vulnerability_database: _,
            report: _, report_usage: _, sbom: _, third_party_licenses: _,
            comment: _, comment_threshold: _, baseline: _, report_url: _, github_token: _, release: _, release_tag: _,
            summary, dry_run, verify, output, runs_on, native,
            // These concern the whole run: `config`, `commands::results` and `commands::since` read them.
            config: _, layers: _, since: _, jobs: _, results, outdated: _,
        } = inputs;
        let mut reading = Reading::new(given(working_directory.as_ref()), environment);
        let layer = reading.layer(task, given(layer_name.as_ref()));
        reading.refuse_layer_version(given(layer_version.as_ref()));
        reading.refuse_subject(given(subject.as_ref()));
        let python = reading.python(given(python_version.as_ref()), &list(requirements), &list(source));
        let target = Target {
            python: python.version,
            architecture: reading.parsed(given(architecture.as_ref()), cli::DEFAULT_ARCHITECTURE),
        };
        let layout = reading.parsed(given(layout.as_ref()), cli::DEFAULT_LAYOUT);
        let mut content = reading.content(&lines(include), &list(source), &list(exclude), layout);
        content.build_script = reading.build_script(given(build_script.as_ref()));
        content.exclude_files = reading.globs("exclude-files", &lines(exclude_files));
        content.runtime_packages = reading.parsed(given(runtime_packages.as_ref()), cli::DEFAULT_RUNTIME_PACKAGES);
        content.slim = reading.parsed(given(slim.as_ref()), cli::DEFAULT_SLIM);
        content.strip = reading.boolean("strip", given(strip.as_ref()), false);
        content.bytecode = reading.parsed(given(bytecode.as_ref()), cli::DEFAULT_BYTECODE);
        let checks = reading.checks(inputs, task == Task::Preview);
        let selection = Selection::new(&list(groups), &list(extras));
        let constraints = list(constraints);
        let mut dependencies = reading.manifest(&list(requirements), &constraints, selection, &content, target, parsed);
        let target = Target { python: dependencies.manifest.python(target.python), ..target };
        dependencies.no_deps = reading.boolean("no-deps", given(no_deps.as_ref()), false);
        dependencies.refresh = reading.boolean("refresh", given(refresh.as_ref()), false);
        dependencies.installer = reading.parsed(given(installer.as_ref()), cli::DEFAULT_INSTALLER);
        reading.refuse_settings(&dependencies);
        let builds_projects = !content.projects.is_empty();
        let (extra, repositories, known) = (list(extra_index_urls), list(codeartifact), &parsed.1);
        let index_url = given(index_url.as_ref());
        reading.indexes(&mut dependencies, index_url, &extra, &repositories, builds_projects, known);
        reading.refuse_settings_of_uv(&dependencies, target);
        let declaration = reading.declaration(
            &list(compatible_runtimes),
            &list(compatible_architectures),
            (given(description.as_ref()), given(license.as_ref()), given(republish.as_ref())),
            target,
        );
        let accounts = reading.accounts(&list(roles), given(external_id.as_ref()), &list(allowed_account_ids));
        let mut registry =
            reading.registry(task, given(registry.as_ref()), &list(regions), given(bucket.as_ref()), accounts);
        reading.refuse_removed_labels(&list(remove_labels));
        reading.signing_profile(given(signing_profile.as_ref()), &mut registry);
        let follow_up = reading.follow_up(
            &AfterInputs {
                share_with,
                attach_to,
                ssm_parameter: ssm_parameter.as_ref(),
                labels,
                move_labels: move_labels.as_ref(),
                keep_versions: keep_versions.as_ref(),
                keep_days: keep_days.as_ref(),
                keep_labels,
                include_unknown: include_unknown.as_ref(),
                apply: apply.as_ref(),
            },
            &registry,
        );
        let state = reading.state(given(state.as_ref()), &registry);
        reading.refuse_labels_without_state(&follow_up.labelling, &state);
        reading.refuse_kept_labels_without_state(&follow_up, &state);
        let output = reading.output(task, given(output.as_ref()), &layer);
        let documents = reading.documents(inputs);
        let github = reading.github(task, inputs);
        let dry_run = reading.boolean("dry-run", given(dry_run.as_ref()), false);
        let verify = reading.boolean("verify", given(verify.as_ref()), false);
        let runs_on = reading.runs_on(&lines(runs_on), target.architecture);
        let native = reading.native(given(native.as_ref()));
        // Only validated here: `main` reads it again, because a failed run writes a summary, too.
        reading.boolean("summary", given(summary.as_ref()), true);
        let Reading { folder, workspace, problems, .. } = reading;
        let start = environment.current_directory.clone();
        let results = given(results.as_ref()).map(|folder| start.join(folder));
        problems.into_result()?;
        #[rustfmt::skip]
        let spec = Self {
            task, layer, target, python, folder, workspace, start, dependencies, content, checks, declaration,
            registry, state, follow_up, documents, github, output, dry_run, verify, results, runs_on, native,
        };
        Ok(spec)
    }
}
