//! `preview`: what is compared with what, and what a pull request is told.

use serde_json::{Value, json};

use crate::directory::{publish, versions};
use crate::github_server::GitHub;
use crate::harness::{Outcome, Run, Sandbox};
use crate::packages::wheel_of;
use crate::report_page;

/// A step on a pull request of the repository itself.
pub(crate) fn preview(sandbox: &Sandbox, github: &GitHub, inputs: &[(&str, &str)]) -> Run {
    let mut all = vec![
        ("command", "preview"),
        ("layer-name", "shared"),
        ("python-version", "3.13"),
        ("registry", ".lambda-layers"),
    ];
    all.extend_from_slice(inputs);
    event(github.reach(sandbox.run(&[]).in_actions(&all)), sandbox, "acme/layers")
}

/// The newest commit of the pull request.
pub(crate) const HEAD: &str = "0123456789abcdef0123456789abcdef01234567";

/// With pull request 7 from this repository.
pub(crate) fn event(run: Run, sandbox: &Sandbox, head: &str) -> Run {
    let payload = json!({
        "action": "synchronize",
        "number": 7,
        "pull_request": {
            "number": 7,
            "head": {"repo": {"full_name": head}, "sha": HEAD},
            "base": {"repo": {"full_name": "acme/layers"}},
        },
    });
    let path = sandbox.root().join("event.json");
    fs_err::write(&path, payload.to_string()).expect("can be written");
    run.env("GITHUB_EVENT_NAME", "pull_request").env("GITHUB_EVENT_PATH", path)
}

/// A published layer, and a change of what it is made of.
pub(crate) fn changed() -> Sandbox {
    let sandbox = Sandbox::with_requirements("six==1.16.0\nidna==3.10\n");
    publish(&sandbox).run().success();
    sandbox.write("requirements.txt", "six==1.17.0\nattrs==25.3.0\n");
    sandbox
}

fn result(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.outputs()["result"]).expect("is JSON")
}

#[test]
fn a_pull_request_is_told_what_a_change_costs() {
    let (sandbox, github) = (changed(), GitHub::start(&json!({})));
    let before = sandbox.tree();
    let outcome = preview(&sandbox, &github, &[]).run().success();
    assert!(sandbox.tree() == before, "something was changed");
    let comments = github.comments(7);
    let [(author, body)] = comments.as_slice() else { panic!("is one comment: {comments:?}") };
    assert_eq!(author, "github-actions[bot]");
    insta::assert_snapshot!(body, @r"
    <!-- lambda-layer-action:v1:shared -->
    ### 📦 Lambda layer <code>shared</code>: −152.8 KB (378.9 → 226.1 KB, under 1% of 250 MB)

    zipped 70.4 → 67.4 KB · compared with version 1

    | change | package | version | unzipped |
    |---|---|---|--:|
    | ➕ added | [<code>attrs</code>](https://pypi.org/project/attrs/)<br><sub>[requirements.txt:2](https://github.com/acme/layers/pull/7/files#diff-4d7c51b1efe9043e44439a949dfd92e5827321b34082903477fd04876edb7552R2)</sub> | [25.3.0](https://pypi.org/project/attrs/25.3.0/) | +189.0 KB |
    | ⬆️ upgraded | [<code>six</code>](https://pypi.org/project/six/)<br><sub>[requirements.txt:1](https://github.com/acme/layers/pull/7/files#diff-4d7c51b1efe9043e44439a949dfd92e5827321b34082903477fd04876edb7552R1)</sub> | 1.16.0 → [1.17.0](https://pypi.org/project/six/1.17.0/) | +16 B |
    | ➖ removed | <code>idna</code> | 3.10 | −341.9 KB |

    **Would be published** to local

    <details><summary>Contents: 2 packages</summary>

    Why: requirements: attrs==25.3.0 added; requirements: idna removed; requirements: six ==1.16.0 → ==1.17.0

    | package | version | unzipped | compared with the largest |
    |---|---|--:|---|
    | <code>attrs</code> | 25.3.0 | 189.0 KB | `████████████████████` |
    | <code>six</code> | 1.17.0 | 37.1 KB | `███▉                ` |

    </details>

    <sub>python3.13 on x86_64 · commit [0123456](https://github.com/acme/layers/pull/7/commits/0123456789abcdef0123456789abcdef01234567) · [run](https://github.com/acme/layers/actions/runs/42) · written by lambda-layer-action 1.0.0 · <code>comment: never</code> turns this off</sub>
    ");
    let outputs = outcome.outputs();
    assert_eq!(outputs["comment"].trim_end(), body.trim_end());
    assert_eq!(outputs["comment-url"], "https://github.com/acme/layers/pull/7#issuecomment-101");
    assert_eq!((outputs["changed"].as_str(), outputs["published"].as_str()), ("true", "false"));
    assert_eq!(result(&outcome)["before"]["name"], "version 1");
    assert!(outcome.summary().contains("upgraded"), "{}", outcome.summary());
    assert_eq!(
        github.requests(),
        ["GET /repos/acme/layers/issues/7/comments?per_page=100", "POST /repos/acme/layers/issues/7/comments"]
    );
    assert_eq!(versions(&sandbox), [1]);
}

#[test]
fn an_upgrade_links_to_what_its_authors_say_about_it() {
    let (sandbox, github) = (Sandbox::new(), GitHub::start(&json!({})));
    let require = |idna: &str, own: &str| {
        let metadata = format!(
            "Metadata-Version: 2.4\nName: own\nVersion: {own}\nProject-URL: Changelog, https://acme.example/secret\n"
        );
        let info = format!("own-{own}.dist-info/METADATA");
        wheel_of(&sandbox.path(""), "own", own, &[("own.py", ""), (info.as_str(), metadata.as_str())]);
        sandbox.write("requirements.txt", format!("idna=={idna}\n./own-{own}-py3-none-any.whl\n"));
    };
    require("3.6", "1.0");
    publish(&sandbox).run().success();
    require("3.10", "2.0");
    preview(&sandbox, &github, &[("report", "page.html")]).run().success();
    let body = &github.comments(7)[0].1;
    let linked = regex::Regex::new(r"3\.10/\)<br><sub>\[changelog\]\(https://github\.com/[\w./-]+\)</sub> \|");
    assert!(linked.expect("is valid").is_match(body), "{body}");
    assert!(body.contains("| ⬆️\u{a0}upgraded,\u{a0}major | <code>own</code>"), "{body}");
    assert!(!body.contains("acme.example"), "it is no package of a public index: {body}");
    let page = report_page::data(&sandbox.read("page.html"));
    let changes = page["changes"]["rows"].as_array().expect("is a list");
    let of = |name: &str| &changes.iter().find(|row| row[1] == name).expect("has a row")[6];
    assert!(of("idna").as_str().is_some_and(|url| url.starts_with("https://github.com/")), "{changes:?}");
    assert!(of("own").is_null(), "{changes:?}");
}

#[test]
fn what_a_compiled_file_was_asked_for_stands_first_with_what_it_brings() {
    let (sandbox, github) = (Sandbox::with_requirements("idna==3.10\n"), GitHub::start(&json!({})));
    publish(&sandbox).run().success();
    let compiled = "# This file was autogenerated by uv\nidna==3.10\n    # via -r in.txt\n\
        python-dateutil==2.9.0.post0\n    # via -r in.txt\nsix==1.17.0\n    # via python-dateutil\n";
    sandbox.write("requirements.txt", compiled);
    let outcome = preview(&sandbox, &github, &[("report-url", "https://acme.example/a_(b)/page.html")]).run().success();
    let body = &github.comments(7)[0].1;
    let (open, folded) = body.split_once("<details>").expect("has details");
    let row = open.lines().find(|line| line.contains("python-dateutil")).expect("has a row");
    assert!(
        row.contains("[requirements.txt:4](") && row.ends_with("| [six](https://pypi.org/project/six/) |"),
        "{row}"
    );
    assert!(open.matches("\n| ➕").count() == 1 && folded.contains("<code>six</code>"), "{body}");
    assert!(body.contains("[report page](https://acme.example/a_%28b%29/page.html)"), "{body}");
    let outcome = outcome.says("requirements.txt:4, brings six");
    let asked = &result(&outcome)["provenance"];
    assert_eq!(asked["python-dateutil"]["line"], 4);
    assert_eq!((&asked["six"]["line"], &asked["six"]["index"]), (&Value::Null, &json!("https://pypi.org/simple")));
    // With another place to take packages from, they may be private, and nothing of them is linked.
    sandbox.write("wheels/readme.txt", "");
    sandbox.write("requirements.txt", format!("--find-links wheels\n{compiled}"));
    let comment = preview(&sandbox, &github, &[]).run().success().outputs()["comment"].clone();
    assert!(comment.contains("<code>python-dateutil</code>") && !comment.contains("https://pypi.org/"), "{comment}");
}

#[test]
fn a_report_page_has_an_address_that_everybody_may_see() {
    let (sandbox, github) = (changed(), GitHub::start(&json!({})));
    for (url, why) in [
        ("http://h/page", "does not start with `https://`"),
        ("javascript:alert(1)", "does not start with `https://`"),
        ("https://", "is not a valid URL"),
        ("https://me:s3cr3tpassw0rd@h/page", "contains credentials"),
        ("https://h/page?X-Amz-Signature=0123456789abcdef", "has a part behind `?` or `#`"),
        ("page.html", "is not a valid URL"),
    ] {
        let outcome = preview(&sandbox, &github, &[("report-url", url)]).run().code(1).says("`report-url` is");
        assert!(outcome.stdout.contains(why), "{url}: {}", outcome.stdout);
        let told = outcome.stdout.lines().filter(|line| !line.starts_with("::add-mask::"));
        let is_secret = |line: &str| line.contains("s3cr3tpassw0rd") || line.contains("0123456789abcdef");
        assert!(!told.clone().any(is_secret), "{}", told.collect::<Vec<_>>().join("\n"));
    }
    assert!(github.comments(7).is_empty());
}

#[test]
fn what_did_not_change_is_not_built() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    publish(&sandbox).run().success();
    let github = GitHub::start(&json!({}));
    let trap = sandbox.trap(&["uv", "pip", "pip3", "python", "python3", "python3.13"]);
    let outcome = preview(&sandbox, &github, &[]).path_first(&trap).run().success();
    assert_eq!(sandbox.trapped(), "");
    assert!(github.comments(7).is_empty());
    assert_eq!((outcome.outputs()["changed"].as_str(), outcome.outputs()["comment-url"].as_str()), ("false", ""));
    assert!(
        outcome.summary().starts_with("### 💤 Lambda layer <code>shared</code> does not change"),
        "{}",
        outcome.summary()
    );
    // Always means always.
    preview(&sandbox, &github, &[("comment", "always")]).path_first(&trap).run().success();
    assert!(github.comments(7)[0].1.contains("does not change"));
}

#[test]
fn a_layer_that_is_refused_is_told_before_the_run_fails() {
    let (sandbox, github) = (changed(), GitHub::start(&json!({})));
    let inputs = [("max-unzipped-size", "1 KB"), ("comment-threshold", "200 MB")];
    let outcome = preview(&sandbox, &github, &inputs).run().code(1);
    let body = &github.comments(7)[0].1;
    assert!(
        body.contains("❌ Lambda layer <code>shared</code> would be refused") && body.contains("max-unzipped-size"),
        "{body}"
    );
    assert_eq!(outcome.outputs()["comment-url"], "https://github.com/acme/layers/pull/7#issuecomment-101");
}

#[test]
fn only_new_findings_are_called_new() {
    let sandbox = Sandbox::with_requirements("six==1.16.0\n");
    sandbox.write("own/x.dat", "");
    let include = ["--include", "own=extensions"];
    publish(&sandbox).args(&include).run().success();
    sandbox.write("requirements.txt", "six==1.17.0\n");
    let github = GitHub::start(&json!({}));
    preview(&sandbox, &github, &[("include", "own=extensions")]).run().success();
    let body = &github.comments(7)[0].1;
    let (head, details) = body.split_once("<details>").expect("has details");
    assert!(!head.contains("extension-not-executable") && details.contains("extension-not-executable"), "{body}");
    preview(&sandbox, &github, &[("include", "own=extensions\nown/x.dat=extensions/more")]).run().success();
    let body = &github.comments(7)[0].1;
    let (head, _) = body.split_once("<details>").expect("has details");
    assert!(head.contains("**1 new finding**") && head.contains("| extensions/more |"), "{body}");
}

/// Without credentials, as a pull request from a fork has none.
fn without_credentials(run: Run) -> Run {
    run.env("AWS_EC2_METADATA_DISABLED", "true").env("INPUT_REGISTRY", "aws").env("INPUT_REGIONS", "eu-west-1")
}

#[test]
fn without_credentials_the_baseline_is_what_counts() {
    let sandbox = Sandbox::with_requirements("six==1.16.0\n");
    sandbox.run(&["build", "--layer-name", "shared", "--python-version", "3.13"]).run().success();
    let inputs = [("command", "build"), ("layer-name", "shared"), ("python-version", "3.13")];
    let built = sandbox.run(&[]).in_actions(&inputs).run().success();
    sandbox.write("base.json", &built.outputs()["result"]);
    sandbox.write("requirements.txt", "six==1.17.0\n");
    for (baseline, is_known) in [("shared.zip", false), ("base.json", true)] {
        let github = GitHub::start(&json!({}));
        without_credentials(preview(&sandbox, &github, &[("baseline", baseline)])).run().success();
        let body = &github.comments(7)[0].1;
        assert!(body.contains("| ⬆️\u{a0}upgraded | [<code>six</code>](https://pypi.org/project/six/)"), "{body}");
        assert!(body.contains("**Would be published** to eu-west-1"), "{body}");
        assert!(body.contains("the inputs differ from those of the baseline"), "{body}");
        sandbox.write("requirements.txt", "six==1.16.0\n");
        let outcome = without_credentials(preview(&sandbox, &github, &[("baseline", baseline)])).run().success();
        assert_eq!(outcome.outputs()["changed"], "false");
        assert_eq!(outcome.stdout.contains("Install"), !is_known, "{}", outcome.stdout);
        sandbox.write("requirements.txt", "six==1.17.0\n");
    }
    let github = GitHub::start(&json!({}));
    let outcome = without_credentials(preview(&sandbox, &github, &[])).run().success();
    let body = &github.comments(7)[0].1;
    assert!(body.contains("there is nothing to compare with"), "{body}");
    assert!(outcome.stdout.contains("::notice"), "{}", outcome.stdout);
}

#[test]
fn a_wrong_baseline_is_named() {
    let sandbox = Sandbox::with_requirements("six==1.16.0\n");
    let github = GitHub::start(&json!({}));
    sandbox.write("other.json", r#"{"layer-name": "other", "unzipped-size": 5}"#);
    sandbox.write("failed.json", r#"{"error": {"error": "x"}}"#);
    sandbox.write("half.json", r#"{"layer-name": "sha"#);
    for (file, said) in [
        ("other.json", "belongs to the layer `other`"),
        ("failed.json", "does not describe a layer"),
        ("half.json", "neither a zip nor the output `result`"),
        ("none.json", "which is not a file"),
    ] {
        without_credentials(preview(&sandbox, &github, &[("baseline", file)])).run().code(1).says(said);
    }
    assert!(github.requests().is_empty());
}
