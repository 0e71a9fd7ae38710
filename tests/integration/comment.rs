//! The comment on a pull request: one, in its place, and what happens where GitHub does not take it.

use serde_json::{Value, json};

use crate::github_server::GitHub;
use crate::harness::Sandbox;
use crate::preview::{HEAD, changed, event, preview};

const MARKER: &str = "<!-- lambda-layer-action:v1:shared -->";
const LIST: &str = "GET /repos/acme/layers/issues/7/comments?per_page=100";

fn fault(method: &str, path: &str, status: u16, message: &str) -> Value {
    json!({"method": method, "path": path, "status": status, "message": message})
}

#[test]
fn there_is_one_comment_and_it_follows_the_change() {
    let (sandbox, github) = (changed(), GitHub::start(&json!({})));
    preview(&sandbox, &github, &[]).run().success();
    let first = github.comments(7)[0].1.clone();
    // Nothing new: no request that changes something.
    let before = github.requests().len();
    preview(&sandbox, &github, &[]).env("GITHUB_RUN_ID", "43").run().success();
    assert_eq!(github.requests()[before..], [LIST.to_owned(), "POST /graphql".to_owned()]);
    // The same for another commit: people look for the one that they pushed last.
    let pushed = HEAD.replace('0', "9");
    let run = preview(&sandbox, &github, &[]);
    let event = sandbox.root().join("event.json");
    let payload = fs_err::read_to_string(&event).expect("was written");
    fs_err::write(&event, payload.replace(HEAD, &pushed)).expect("can be written");
    run.run().success();
    let [(_, again)] = github.comments(7).try_into().expect("is one comment");
    assert_eq!(again, first.replace(HEAD, &pushed).replace(&HEAD[..7], &pushed[..7]));
    // Another change.
    sandbox.write("requirements.txt", "six==1.17.0\nattrs==25.3.0\nidna==3.10\n");
    preview(&sandbox, &github, &[]).run().success();
    let [(_, second)] = github.comments(7).try_into().expect("is one comment");
    assert_ne!(first, second);
    // Too little to be worth a comment, but what is there must be true.
    preview(&sandbox, &github, &[("comment-threshold", "5 MB"), ("exclude", "attrs")]).run().success();
    let [(_, third)] = github.comments(7).try_into().expect("is one comment");
    assert!(!third.contains("<code>attrs</code>"), "{third}");
    // The difference goes away.
    sandbox.write("requirements.txt", "six==1.16.0\nidna==3.10\n");
    let outcome = preview(&sandbox, &github, &[]).run().success();
    let [(_, last)] = github.comments(7).try_into().expect("is one comment");
    assert!(
        last.starts_with(&format!("{MARKER}\n### 💤 Lambda layer <code>shared</code> does not change: ")),
        "{last}"
    );
    assert!(outcome.outputs()["comment-url"].ends_with("#issuecomment-101"));
}

#[test]
fn the_threshold_keeps_it_quiet_and_never_means_never() {
    let (sandbox, github) = (changed(), GitHub::start(&json!({})));
    preview(&sandbox, &github, &[("comment-threshold", "5 MB")]).run().success();
    assert_eq!(github.requests(), [LIST]);
    let outcome = preview(&sandbox, &github, &[("comment", "never")]).run().success();
    assert_eq!(github.requests(), [LIST]);
    assert!(outcome.outputs()["comment"].starts_with(MARKER));
    assert!(github.comments(7).is_empty());
}

#[test]
fn it_is_found_among_many_and_those_of_others_stay() {
    let body = |index: u64| if index == 3 { format!("{MARKER}\nmine") } else { format!("comment {index} {MARKER}") };
    let author = |index: u64| if index == 3 { "mallory" } else { "ada" };
    let mut comments: Vec<Value> =
        (1..=250).map(|index| json!({"id": index, "user": author(index), "body": body(index)})).collect();
    comments[239]["user"] = json!("github-actions[bot]");
    comments[239]["body"] = json!(format!("{MARKER}\nold"));
    comments[240]["user"] = json!("github-actions[bot]");
    comments[240]["body"] = json!("<!-- lambda-layer-action:v1:shared-2 -->\nof another layer");
    comments[241]["user"] = json!("github-actions[bot]");
    comments[241]["body"] = json!(format!("{MARKER}\nmade at the same time"));
    let (sandbox, github) = (changed(), GitHub::start(&json!({"comments": {"7": comments.clone()}})));
    let outcome = preview(&sandbox, &github, &[]).run().success();
    assert!(outcome.outputs()["comment-url"].ends_with("#issuecomment-240"));
    let left = github.comments(7);
    assert_eq!(left.len(), 249);
    for (index, (user, body)) in left.iter().enumerate().filter(|(index, _)| *index != 239) {
        let was = &comments[if index > 240 { index + 1 } else { index }];
        assert_eq!((was["user"].as_str(), was["body"].as_str()), (Some(user.as_str()), Some(body.as_str())));
    }
    assert!(left[239].1.contains("upgraded"), "{}", left[239].1);
}

#[test]
fn a_comment_of_another_user_with_the_marker_is_not_touched() {
    let theirs = json!([{"id": 5, "user": "mallory", "body": format!("{MARKER}\nclick here")}]);
    let (sandbox, github) = (changed(), GitHub::start(&json!({"comments": {"7": theirs}})));
    preview(&sandbox, &github, &[]).run().success();
    let comments = github.comments(7);
    assert_eq!(comments[0], ("mallory".to_owned(), format!("{MARKER}\nclick here")));
    assert!(comments[1].1.starts_with(MARKER) && comments[1].0 == "github-actions[bot]");
}

#[test]
fn a_token_that_may_only_read_is_no_failure() {
    let refusal = fault("POST", "/comments", 403, "Resource not accessible by integration");
    for (head, actor, hint) in [
        ("ada/layers", "ada", "comment on pull requests from forks: their own token is read-only"),
        (
            "acme/layers",
            "dependabot[bot]",
            "give the job `permissions: pull-requests: write`: without it, a pull request from Dependabot gets a read-only",
        ),
        ("acme/layers", "ada", "give the job `permissions: pull-requests: write`"),
    ] {
        let (sandbox, github) = (changed(), GitHub::start(&json!({"faults": [refusal.clone()]})));
        let run = event(preview(&sandbox, &github, &[]), &sandbox, head).env("GITHUB_ACTOR", actor);
        let outcome = run.run().success().says(hint);
        assert!(outcome.stdout.contains("::notice"), "{}", outcome.stdout);
        let summary = outcome.summary();
        assert!(summary.contains("⬆️\u{a0}upgraded") && summary.contains("No comment was written"), "{summary}");
        assert_eq!(outcome.outputs()["comment-url"], "");
        assert!(outcome.outputs()["comment"].contains("⬆️\u{a0}upgraded"));
    }
    let (sandbox, github) = (changed(), GitHub::start(&json!({"faults": [refusal]})));
    let outcome = preview(&sandbox, &github, &[("comment", "always")]).run().code(1);
    insta::assert_snapshot!(outcome.stdout.lines().last().expect("says something"), @"hint: give the job `permissions: pull-requests: write`");
}

#[test]
fn limits_are_waited_for_within_reason() {
    let secondary = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
    let soon = json!({"retry-after": "0"});
    let mut limited = fault("POST", "/comments", 403, secondary);
    limited["headers"] = soon.clone();
    let mut too_many = fault("GET", "/comments", 429, "API rate limit exceeded");
    too_many["headers"] = soon;
    let (sandbox, github) = (changed(), GitHub::start(&json!({"faults": [limited, too_many]})));
    preview(&sandbox, &github, &[]).run().success();
    assert_eq!((github.comments(7).len(), github.requests().len()), (1, 4));

    let mut long = fault("GET", "/comments", 403, "API rate limit exceeded for installation");
    long["headers"] = json!({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "4102444800"});
    let github = GitHub::start(&json!({"faults": [long]}));
    preview(&sandbox, &github, &[]).run().success().says("GitHub accepts no more requests for");
    assert_eq!(github.requests().len(), 1);
}

#[test]
fn what_fails_for_a_moment_is_tried_again_and_nothing_is_made_twice() {
    let mut lost = fault("POST", "issues/7/comments", 502, "Server Error");
    lost["done"] = json!(true);
    let faults = json!([fault("GET", "/comments", 500, "Server Error"), lost]);
    let (sandbox, github) = (changed(), GitHub::start(&json!({"faults": faults})));
    let outcome = preview(&sandbox, &github, &[]).run().success();
    assert_eq!(github.comments(7).len(), 1, "{:?}", github.requests());
    assert!(outcome.outputs()["comment-url"].ends_with("#issuecomment-101"));

    let github = GitHub::start(&json!({"faults": [fault("POST", "issues/7/comments", 503, "Unavailable")]}));
    preview(&sandbox, &github, &[]).run().success();
    assert_eq!(github.comments(7).len(), 1, "{:?}", github.requests());
}

#[test]
fn refusals_are_told_with_what_to_do() {
    let mut locked = fault("POST", "/comments", 403, "Unable to create comment because issue is locked.");
    locked["times"] = json!(9);
    let invalid = fault("POST", "/comments", 422, "Validation Failed");
    let missing = fault("GET", "/comments", 404, "Not Found");
    let bad = fault("GET", "/comments", 401, "Bad credentials");
    let told = [locked, invalid, missing, bad].map(|fault| {
        let (sandbox, github) = (changed(), GitHub::start(&json!({"faults": [fault]})));
        let outcome = preview(&sandbox, &github, &[]).run().success();
        let notice = outcome.stdout.lines().find(|line| line.starts_with("::notice")).expect("is there").to_owned();
        notice.replace(&github.url(), "[GITHUB]")
    });
    insta::assert_snapshot!(told.join("\n"), @"
    ::notice title=lambda-layer::no comment was written on a pull request: GitHub refused `POST /repos/acme/layers/issues/7/comments` (403): Unable to create comment because issue is locked (check whether the pull request or the repository is locked, and check the rules of the repository and its organization); the text is in the job summary
    ::notice title=lambda-layer::no comment was written on a pull request: GitHub refused `POST /repos/acme/layers/issues/7/comments` (422): Validation Failed (correct what GitHub reports, or run again if something else was making changes at the same time); the text is in the job summary
    ::notice title=lambda-layer::no comment was written on a pull request: GitHub refused `GET /repos/acme/layers/issues/7/comments` (404): Not Found (give the job `permissions: pull-requests: write`); the text is in the job summary
    ::notice title=lambda-layer::no comment was written on a pull request: GitHub refused `GET /repos/acme/layers/issues/7/comments` (401): Bad credentials (set `github-token` to a valid token: this one is invalid or has expired); the text is in the job summary
    ");
}

#[test]
fn a_comment_that_is_deleted_in_between_is_made_anew() {
    let old = json!([{"id": 5, "user": "github-actions[bot]", "body": format!("{MARKER}\nold")}]);
    let gone = fault("PATCH", "/comments/5", 404, "Not Found");
    let (sandbox, github) = (changed(), GitHub::start(&json!({"comments": {"7": old}, "faults": [gone]})));
    preview(&sandbox, &github, &[]).run().success();
    assert_eq!(github.comments(7).len(), 2);
}

#[test]
fn an_event_without_a_pull_request_is_said_and_no_failure() {
    let sandbox = changed();
    let payload = sandbox.root().join("payload.json");
    for (name, text) in [
        ("push", r#"{"ref": "refs/heads/main"}"#),
        ("pull_request", r#"{"pull_request": {"number": 7, "#),
        ("pull_request", ""),
        ("pull_request", r#"{"pull_request": {"number": "; rm -rf /"}}"#),
    ] {
        let github = GitHub::start(&json!({}));
        fs_err::write(&payload, text).expect("can be written");
        let with_event = |inputs| {
            let run = preview(&sandbox, &github, inputs);
            run.env("GITHUB_EVENT_NAME", name).env("GITHUB_EVENT_PATH", &payload)
        };
        let outcome = with_event(&[]).run().success();
        assert!(outcome.summary().contains("No comment was written on a pull request"), "{}", outcome.summary());
        // Whoever insists hears of it before anything is built.
        let outcome = with_event(&[("comment", "always")]).run().code(1).says("`comment` is `always`, but");
        assert!(!outcome.stdout.contains("Install"), "{}", outcome.stdout);
        assert!(github.requests().is_empty());
    }
    let github = GitHub::start(&json!({}));
    let run = preview(&sandbox, &github, &[]).env("GITHUB_EVENT_PATH", sandbox.root().join("nowhere.json"));
    run.run().success().says("could not read the event's payload");
}

#[test]
fn an_enterprise_server_is_asked_below_its_folder() {
    let theirs = json!([{"id": 5, "user": "github-actions[bot]", "body": format!("{MARKER}\nold")}]);
    let world = json!({"prefix": "/api/v3", "comments": {"7": theirs}});
    let (sandbox, github) = (changed(), GitHub::start(&world));
    let graphql = github.url().replace("/v3", "/graphql");
    preview(&sandbox, &github, &[]).env("GITHUB_GRAPHQL_URL", graphql).run().success();
    assert!(github.comments(7)[0].1.contains("upgraded"));
    assert!(github.requests().iter().all(|request| request.contains(" /api/")), "{:?}", github.requests());
}

#[test]
fn the_token_is_in_nothing_that_is_said() {
    let (sandbox, github) = (changed(), GitHub::start(&json!({})));
    let outcome = preview(&sandbox, &github, &[]).env("RUNNER_DEBUG", "1").run().success();
    let said: Vec<&str> = outcome.stdout.lines().filter(|line| !line.starts_with("::add-mask::")).collect();
    assert!(!said.join("\n").contains("ghs_7oken") && !outcome.summary().contains("ghs_7oken"));
    assert!(!outcome.outputs().values().any(|value| value.contains("ghs_7oken")));
    let wrong = preview(&sandbox, &github, &[("comment", "always")]).env("INPUT_GITHUB-TOKEN", "two words");
    wrong.run().code(1).says("`github-token` contains a character that is not allowed in a token");
    let none = preview(&sandbox, &github, &[]).env("INPUT_GITHUB-TOKEN", "");
    none.run().success().says("no GitHub token is given");
}

#[test]
fn what_comes_from_outside_is_text_in_a_comment() {
    let sandbox = Sandbox::with_requirements("six==1.16.0\n");
    let name =
        "@octocat #1 acme/x#2 :tada: <img src=x> [a](b) `c` | d\r\n::set-output name=x::y --> \u{202e}txt.exe 🎉";
    let long = name.repeat(100);
    let rows: Vec<Value> =
        (0..300).map(|index| json!({"name": format!("{index}{long}"), "version": long, "size": index})).collect();
    let baseline = json!({"layer-name": "shared", "unzipped-size": 9, "distributions": rows});
    sandbox.write("base.json", baseline.to_string());
    let github = GitHub::start(&json!({}));
    let inputs = [("baseline", "base.json")];
    let outcome = preview(&sandbox, &github, &inputs).run().success();
    let body = github.comments(7)[0].1.clone();
    assert!(body.len() <= 65_536 && body.contains("➖\u{a0}removed") && body.contains(" more | | "), "{body}");
    for wrong in ["@octocat", "#1", "x#2", ":tada:", "<img", "[a]", "`c`", "\n::", "\r", "\u{202e}"] {
        assert!(!body.contains(wrong), "`{wrong}` in {body}");
        assert!(!outcome.summary().contains(wrong), "`{wrong}` in {}", outcome.summary());
    }
    assert!(
        !outcome.stdout.split(['\n', '\r']).any(|line| line.trim_start().starts_with("::set-output")),
        "{}",
        outcome.stdout
    );
}

#[test]
fn a_proxy_stands_in_between() {
    let (sandbox, github) = (changed(), GitHub::start(&json!({})));
    let run = preview(&sandbox, &github, &[]).env("GITHUB_API_URL", "http://api.github.test");
    run.env("http_proxy", github.url())
        .env("HTTP_PROXY", github.url())
        .env("no_proxy", "")
        .env("NO_PROXY", "")
        .run()
        .success();
    assert_eq!(github.comments(7).len(), 1);
    assert!(github.requests()[0].starts_with("GET http://api.github.test/repos/"), "{:?}", github.requests());
}

#[test]
fn a_run_of_no_repository_says_what_is_missing() {
    let (sandbox, github) = (changed(), GitHub::start(&json!({})));
    let outcome = preview(&sandbox, &github, &[]).env("GITHUB_REPOSITORY", "").run().success();
    outcome.says(
        "::notice title=lambda-layer::no comment was written on a pull request: this run does not belong to a GitHub repository \
         (set GITHUB_REPOSITORY to `OWNER/NAME`); the text is in the job summary",
    );
    assert!(github.requests().is_empty());
}
