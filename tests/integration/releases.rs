//! A git tag and a GitHub release for a published version, with its files; doing it again brings it up to date.

use serde_json::{Value, json};

use crate::account::{Account, EU, STATE};
use crate::github_server::GitHub;
use crate::harness::{Run, Sandbox};
use crate::packages::wheel;
use crate::proxy::Rule;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_requirements("./six-1.0-py3-none-any.whl\n");
    wheel(&sandbox.path(""), "six", "1.0");
    wheel(&sandbox.path(""), "six", "2.0");
    sandbox
}

fn run(github: &GitHub, sandbox: &Sandbox, command: &str, arguments: &[&str]) -> Run {
    let base = [command, "--registry", "registry", "--layer-name", "shared"];
    let run = github.reach(sandbox.run(&base).args(arguments)).env("GITHUB_TOKEN", "ghs_7oken");
    run.env("GITHUB_SHA", "0123456789abcdef0123456789abcdef01234567")
}

/// Requests that change something, without their paths' beginning.
fn changes(github: &GitHub) -> Vec<String> {
    let requests = github.requests().into_iter().filter(|request| !request.starts_with("GET"));
    requests.map(|request| request.replace("/repos/acme/layers/", "")).collect()
}

#[test]
fn a_version_is_released_once_with_its_files() {
    let (github, sandbox) = (GitHub::start(&json!({})), sandbox());
    run(&github, &sandbox, "publish", &["--python-version", "3.13"]).run().success();
    let outcome = run(&github, &sandbox, "release", &[]).in_actions(&[]).run().success();
    let outcome = outcome.says("new, with shared-1.json, shared-1.cdx.json, shared-1.zip");
    let link = "[The release on GitHub](https://github.com/acme/layers/releases/tag/layer/shared/v1)";
    assert!(outcome.summary().contains(link), "{}", outcome.summary());
    assert_eq!(outcome.outputs()["release-url"], "https://github.com/acme/layers/releases/tag/layer/shared/v1");
    assert_eq!(
        changes(&github),
        [
            "POST releases",
            "POST releases/1/assets?name=shared-1.json",
            "POST releases/1/assets?name=shared-1.cdx.json",
            "POST releases/1/assets?name=shared-1.zip",
            "PATCH releases/1",
        ]
    );
    let release = &github.releases()[0];
    assert_eq!(release["draft"], false);
    assert_eq!(release["make_latest"], "false");
    assert_eq!(release["target_commitish"], "0123456789abcdef0123456789abcdef01234567");
    let zip =
        lambda_layer::types::Digest::of(&fs_err::read(sandbox.path("registry/shared/1/layer.zip")).expect("is there"));
    let digests: Vec<&Value> =
        release["assets"].as_array().expect("is a list").iter().map(|asset| &asset["digest"]).collect();
    assert_eq!(digests[2], &json!(format!("sha256:{}", zip.hex())));
    insta::with_settings!({filters => vec![(r"[A-Za-z0-9+/]{43}=", "[hash]")]}, {
        insta::assert_snapshot!(release["body"].as_str().expect("is text"), @r#"
        <!-- lambda-layer:begin {"layer":"shared","version":1,"code-sha256":"[hash]"} -->
        | account | region | layer version |
        |---|---|---|
        | 000000000000 | local | <code>arn:aws:lambda:local:000000000000:layer:shared:1</code> |

        python3.13 on x86\_64 · **367 B** unzipped · 1.2 KB zipped · content hash <code>[hash]</code>
        <!-- lambda-layer:end -->
        "#);
    });

    let requests = github.requests().len();
    run(&github, &sandbox, "release", &[]).run().success().says("shared unchanged");
    assert_eq!(changes(&github).len(), 5, "the second run changes nothing");
    assert!(github.requests().len() <= requests + 2);
}

#[test]
fn a_publish_releases_and_says_what_changed_since_the_last_one() {
    let (github, sandbox) = (GitHub::start(&json!({})), sandbox());
    let publish = || run(&github, &sandbox, "publish", &["--python-version", "3.13", "--release"]);
    publish().run().success();
    sandbox.write("requirements.txt", "./six-2.0-py3-none-any.whl\n");
    publish().run().success().says("new, with shared-2.json");
    let body = github.releases()[0]["body"].as_str().expect("is text").to_owned();
    assert!(body.contains("### Packages since <code>layer/shared/v1</code>"), "{body}");
    assert!(body.contains("| upgraded | six | 1.0 → 2.0 |"), "{body}");
    publish().run().success().says("shared unchanged");
    assert_eq!(github.releases().len(), 2);
}

#[test]
fn what_people_wrote_stays() {
    let (github, sandbox) = (GitHub::start(&json!({})), sandbox());
    run(&github, &sandbox, "publish", &["--python-version", "3.13", "--release"]).run().success();
    let body = github.releases()[0]["body"].as_str().expect("is text").to_owned();
    let edited =
        format!("Read this first!\r\n\r\n{}\r\nThanks.", body.replace("region", "Region").replace('\n', "\r\n"));
    let release = json!({"id": 4, "tag_name": "layer/shared/v1", "body": edited, "draft": false,
        "assets": [{"id": 1, "name": "notes.pdf", "size": 9, "state": "uploaded", "digest": null}]});
    let github = GitHub::start(&json!({"releases": [release]}));
    run(&github, &sandbox, "release", &[])
        .run()
        .success()
        .says("release notes, shared-1.json, shared-1.cdx.json, shared-1.zip");
    let release = &github.releases()[0];
    assert_eq!(release["body"].as_str(), Some(&*format!("Read this first!\n\n{body}\nThanks.")));
    assert_eq!(release["assets"].as_array().map(Vec::len), Some(4));
}

#[test]
fn a_run_that_was_killed_is_finished() {
    let sandbox = sandbox();
    let draft = json!({"id": 9, "tag_name": "layer/shared/v1", "body": "", "draft": true,
        "assets": [{"id": 1, "name": "shared-1.zip", "size": 3, "state": "open", "digest": null}]});
    let github = GitHub::start(&json!({"releases": [draft]}));
    run(&github, &sandbox, "publish", &["--python-version", "3.13", "--release"]).run().success();
    assert_eq!(github.releases().len(), 1);
    let release = &github.releases()[0];
    assert_eq!((&release["draft"], release["assets"].as_array().map(Vec::len)), (&json!(false), Some(3)));
    assert!(changes(&github).contains(&"DELETE releases/assets/1".to_owned()));
}

#[test]
fn a_token_that_may_not_is_told_and_the_version_stays() {
    let refused = json!({"method": "POST", "path": "/releases", "status": 403, "times": 9,
        "message": "Resource not accessible by integration"});
    let (github, sandbox) = (GitHub::start(&json!({"faults": [refused]})), sandbox());
    let outcome = run(&github, &sandbox, "publish", &["--python-version", "3.13", "--release"]).run().code(1);
    insta::assert_snapshot!(outcome.told(), @r"
    exit: 1
    --- stdout

      six 1.0      367 B  ████████████████████████

      size          367 B (under 1% of 250 MB), zipped 1.2 KB
      fingerprint   [sha256]
      content hash  [base64]
      zip           registry/shared/1/layer.zip
      published     arn:aws:lambda:local:000000000000:layer:shared:1

      failed         github  release layer/shared/v1

    shared published
    --- stderr
      [time]  Check for changes                a build is needed
      this layer has not been published before
      [time]  Install with uv 0.13.8           1 distribution for python3.13 on x86_64
      [time]  Pack the zip                     4 files, 367 B → 1.2 KB
      [time]  Check the layer                  1 finding
    warning: `six 1.0` in the layer hides version 1.17.0 in the runtime: `python-dateutil 2.9.0.post0` in the runtime needs `six>=1.5` (add `python-dateutil` to the requirements, pin `six>=1.5`, or leave `six` to the runtime (`runtime-packages: drop` or `exclude: six`)) [shadows-runtime]
      [time]  Publish                          1 version
    error: 1 change to `shared` failed
    cause: release layer/shared/v1 in github: GitHub refused `POST /repos/acme/layers/releases` (403): Resource not accessible by integration
    hint: give the job `permissions: contents: write`; the next run does only what is missing
    ");
    assert!(sandbox.path("registry/shared/1/layer.zip").exists());
}

#[test]
fn without_a_token_nothing_is_built() {
    let sandbox = sandbox();
    let publish =
        sandbox.run(&["publish", "--registry", "registry", "--layer-name", "shared", "--release"]).run().code(1);
    insta::assert_snapshot!(publish.told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: 2 problems with the input
    cause: a release needs a GitHub token, but none is given (set `github-token: ${{ github.token }}`, or the environment variable GITHUB_TOKEN)
    cause: a release needs a GitHub repository, but GITHUB_REPOSITORY is not set (set GITHUB_REPOSITORY to `OWNER/NAME`)
    hint: nothing was built or published; correct all of them and run again
    ");
    assert!(!sandbox.path("registry").exists());
    let release = sandbox.run(&["release", "--registry", "registry", "--layer-name", "shared", "--release-tag", "v1"]);
    insta::assert_snapshot!(release.run().code(1).told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: 3 problems with the input
    cause: `release-tag` is `v1`, which is the same for every version (include `{version}` in the tag)
    cause: a release needs a GitHub token, but none is given (set `github-token: ${{ github.token }}`, or the environment variable GITHUB_TOKEN)
    cause: a release needs a GitHub repository, but GITHUB_REPOSITORY is not set (set GITHUB_REPOSITORY to `OWNER/NAME`)
    hint: nothing was built or published; correct all of them and run again
    ");
}

#[test]
fn the_tag_of_another_layer_is_refused() {
    let (github, sandbox) = (GitHub::start(&json!({})), sandbox());
    let tag = ["--python-version", "3.13", "--release", "--release-tag", "v{version}"];
    run(&github, &sandbox, "publish", &tag).run().success();
    let other = [&["--layer-name=other"], &tag[..]].concat();
    let base = ["publish", "--registry", "registry"];
    let outcome = github.reach(sandbox.run(&base).args(&other)).env("GITHUB_TOKEN", "ghs_7oken").run().code(1);
    outcome.says("the release `v1` belongs to version 1 of `shared`");
    assert_eq!(github.releases().len(), 1);
}

/// Two layers in a file, with a tag for both.
fn together(sandbox: &Sandbox) {
    wheel(&sandbox.path(""), "idna", "1.0");
    sandbox.write("idna.txt", "./idna-1.0-py3-none-any.whl\n");
    let file = "defaults:\n  python-version: '3.13'\n  registry: registry\n  release-tag: v{version}\n  bytecode: none\n\
        \x20 smoke-test: 'off'\nlayers:\n  - layer-name: six\n  - layer-name: idna\n    requirements: idna.txt\n";
    sandbox.write("lambda-layers.yml", file);
}

/// One release, with a part and files of each.
#[track_caller]
fn is_of_both(github: &GitHub) {
    let releases = github.releases();
    let [release] = releases.as_slice() else { panic!("is one release: {releases:?}") };
    assert_eq!((&release["tag_name"], &release["name"]), (&json!("v1"), &json!("v1")));
    let body = release["body"].as_str().expect("is text");
    assert_eq!(body.matches("<!-- lambda-layer:begin").count(), 2, "{body}");
    assert!(body.contains("## six 1") && body.contains("## idna 1"), "{body}");
    let assets = release["assets"].as_array().expect("is a list");
    let mut names: Vec<&str> = assets.iter().filter_map(|asset| asset["name"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["idna-1.cdx.json", "idna-1.json", "idna-1.zip", "six-1.cdx.json", "six-1.json", "six-1.zip"]);
}

#[test]
fn layers_with_the_same_tag_share_a_release() {
    let (github, sandbox) = (GitHub::start(&json!({})), sandbox());
    together(&sandbox);
    let publish = || {
        let run = github.reach(sandbox.run(&["publish", "--release"])).env("GITHUB_TOKEN", "ghs_7oken");
        run.run().success()
    };
    publish();
    is_of_both(&github);
    let changed = changes(&github).len();
    publish();
    assert_eq!(changes(&github).len(), changed, "the second run changes nothing");
}

#[test]
fn what_jobs_published_is_released_once_they_are_merged() {
    let (github, sandbox) = (GitHub::start(&json!({})), sandbox());
    together(&sandbox);
    for layer in ["six", "idna"] {
        let results = format!("results/{layer}");
        sandbox.run(&["publish", "--layers", layer, "--results", &results]).run().success();
    }
    let merge = || {
        let run = sandbox.run(&["merge", "--results", "results", "--release"]).in_actions(&[]);
        github.reach(run).env("GITHUB_TOKEN", "ghs_7oken").run().success()
    };
    let outcome = merge();
    is_of_both(&github);
    assert_eq!(outcome.outputs()["release-url"], "https://github.com/acme/layers/releases/tag/v1");
    let changed = changes(&github).len();
    merge();
    assert_eq!(changes(&github).len(), changed, "the second run changes nothing");
}

#[test]
fn a_tag_that_started_the_run_may_be_that_of_the_release() {
    let (github, sandbox) = (GitHub::start(&json!({})), sandbox());
    let publish = |tag: &str| {
        let arguments = ["--python-version", "3.13", "--release", "--release-tag", "v1.4.0"];
        let run = run(&github, &sandbox, "publish", &arguments);
        run.env("GITHUB_REF_TYPE", "tag").env("GITHUB_REF_NAME", tag).run()
    };
    publish("v2").code(1).says("`release-tag` is `v1.4.0`, which is the same for every version");
    publish("v1.4.0").success();
    assert_eq!(github.releases()[0]["tag_name"], "v1.4.0");
}

#[test]
fn a_dry_run_makes_nothing() {
    let (github, sandbox) = (GitHub::start(&json!({})), sandbox());
    run(&github, &sandbox, "publish", &["--python-version", "3.13", "--release", "--dry-run"]).run().success();
    run(&github, &sandbox, "publish", &["--python-version", "3.13"]).run().success();
    run(&github, &sandbox, "release", &["--dry-run"]).run().success().says("would be done");
    assert_eq!(changes(&github), Vec::<String>::new());
}

#[test]
fn a_tag_run_labels_the_version_with_the_tag() {
    let (github, sandbox) = (GitHub::start(&json!({})), sandbox());
    let tagged = |tag: &str| {
        let publish = run(&github, &sandbox, "publish", &["--python-version", "3.13"]);
        publish.env("GITHUB_REF_TYPE", "tag").env("GITHUB_REF_NAME", tag).run().success()
    };
    tagged("v1.4.0").says("label v1.4.0");
    let labels = || {
        let state = fs_err::read(sandbox.path("registry/state/shared.json")).expect("is there");
        let state: Value = serde_json::from_slice(&state).expect("is JSON");
        state["labels"].as_object().map(|labels| labels.keys().cloned().collect::<Vec<_>>()).unwrap_or_default()
    };
    assert_eq!(labels(), ["v1.4.0"]);
    tagged("2026").says("the git tag `2026` is a number, so it cannot be a label of the version");
    assert_eq!(labels(), ["v1.4.0"]);
}

#[test]
fn a_release_writes_about_the_version_what_is_asked_for() {
    let (github, sandbox) = (GitHub::start(&json!({})), sandbox());
    run(&github, &sandbox, "publish", &["--python-version", "3.13"]).run().success();
    let papers =
        ["--sbom", "out/layer.cdx.json", "--third-party-licenses", "out/LICENSES", "--report", "out/layer.html"];
    let outcome = run(&github, &sandbox, "release", &papers).in_actions(&[]).run().success();
    assert_eq!(outcome.outputs()["sbom-path"], "out/layer.cdx.json");
    assert_eq!(outcome.outputs()["layer-arn"], "arn:aws:lambda:local:000000000000:layer:shared:1");
    assert_eq!(sandbox.json("out/layer.cdx.json")["components"][0]["purl"], "pkg:pypi/six@1.0");
    assert!(sandbox.read("out/layer.html").contains("six"));
    let sbom = lambda_layer::types::Digest::of(sandbox.read("out/layer.cdx.json").as_bytes()).hex();
    assert_eq!(github.releases()[0]["assets"][1]["digest"], format!("sha256:{sbom}"), "it is the one of the release");
    assert!(sandbox.read("out/LICENSES").contains("six 1.0"));
}

#[test]
fn a_state_that_cannot_be_read_any_more_takes_no_arn_away() {
    let (github, sandbox, account) = (GitHub::start(&json!({})), sandbox(), Account::with_buckets(&[EU]));
    account.publish(&sandbox, &["--regions", EU]).run().success();
    account.proxy.begin_again();
    // The first reading decides, the second is for the release.
    account.proxy.rule(Rule::on("GET", STATE).after(1).refuse_as_s3(403, "AccessDenied", "Access Denied"));
    let publish = account.publish(&sandbox, &["--regions", EU, "--release"]).in_actions(&[]);
    let outcome = github.reach(publish).env("GITHUB_TOKEN", "ghs_7oken").run().code(2);
    let outputs = outcome.outputs();
    assert_eq!(outputs["layer-arn"], account.versions(EU)[0].arn);
    assert!(outcome.summary().contains("| failed | github | release |"), "{}", outcome.summary());
    assert_eq!(changes(&github), Vec::<String>::new());
}

#[test]
fn a_version_whose_zip_is_gone_is_not_released() {
    let (github, sandbox) = (GitHub::start(&json!({})), sandbox());
    run(&github, &sandbox, "publish", &["--python-version", "3.13"]).run().success();
    let release = || run(&github, &sandbox, "release", &[]).run();
    sandbox.write("registry/shared/1/layer.zip", "half of it");
    let outcome = release().code(1).says("layer:shared:1` is not a zip: it has no zip directory at its end");
    outcome.says("hint: give the zip of a layer, a folder, or an ARN; the next run does only what is missing");
    fs_err::remove_file(sandbox.path("registry/shared/1/layer.zip")).expect("is there");
    let outcome = release().code(2).says("could not download any version for the release: `arn:aws:lambda:local:");
    outcome.says(
        "hint: correct the version, or set `registry` to the right folder; the next run does only what is missing",
    );
    assert!(github.releases().iter().all(|release| release["draft"] == true), "{:?}", github.releases());
}

#[test]
fn a_tag_needs_what_is_known_of_the_version() {
    let (github, sandbox) = (GitHub::start(&json!({})), sandbox());
    run(&github, &sandbox, "publish", &["--python-version", "3.13"]).run().success();
    fs_err::remove_dir_all(sandbox.path("registry/state")).expect("is there");
    let outcome = run(&github, &sandbox, "release", &["--release-tag", "{layer}-{python}-{version}"]).run().code(1);
    let outcome = outcome.says("but it is not known for which Python version the layer was built");
    outcome.says("hint: use a template without `{python}` and `{arch}`");
    assert_eq!(changes(&github), Vec::<String>::new());
}

#[test]
fn a_github_that_is_down_is_named_and_the_version_stays() {
    let down = json!({"method": "GET", "path": "/releases", "status": 502, "times": 99, "message": "Bad Gateway"});
    let (github, sandbox) = (GitHub::start(&json!({"faults": [down]})), sandbox());
    let publish = |run: Run| run.run().code(2);
    let arguments = ["--python-version", "3.13", "--release"];
    let outcome = publish(run(&github, &sandbox, "publish", &arguments));
    let outcome = outcome.says("GitHub failed to process `GET /repos/acme/layers/releases` (502): Bad Gateway");
    outcome.says("hint: run again, or see https://www.githubstatus.com for known problems");
    assert!(sandbox.path("registry/shared/1/layer.zip").exists());

    let dead = format!("http://127.0.0.1:{}", crate::harness::dead_port());
    let outcome = publish(run(&github, &sandbox, "release", &[]).env("GITHUB_API_URL", dead));
    let outcome = outcome.says("GitHub did not respond to `GET /repos/acme/layers/releases`");
    outcome.says("hint: check that the address in GITHUB_API_URL is correct, and that this machine can reach it");
    let outcome = run(&github, &sandbox, "release", &[]).env("GITHUB_API_URL", "ftp://github.test").run().code(1);
    outcome
        .says("GITHUB_API_URL is `ftp://github.test`, which is not a valid address")
        .says("set it to an address such as `https://github.example");
}

#[test]
fn merge_releases_only_layers_that_it_knows() {
    let (github, sandbox) = (GitHub::start(&json!({})), sandbox());
    together(&sandbox);
    for layer in ["six", "idna"] {
        let results = format!("results/{layer}");
        sandbox.run(&["publish", "--layers", layer, "--results", &results]).run().success();
    }
    let file = sandbox.read("lambda-layers.yml").replace("  - layer-name: idna\n    requirements: idna.txt\n", "");
    sandbox.write("lambda-layers.yml", file);
    let run = sandbox.run(&["merge", "--results", "results", "--release"]).in_actions(&[]);
    let outcome = github.reach(run).env("GITHUB_TOKEN", "ghs_7oken").run().code(1);
    let outcome = outcome.says("`idna` is not one of the layers to release");
    outcome.says("give `merge` the same `config` as its jobs, and check out the repository");
    assert_eq!(github.releases()[0]["tag_name"], "v1", "the other one is released");
}
