//! What `docs/iam.md` has for a command is enough to run it, and its hints name what is missing.

use serde_json::json;

use crate::account::{Account, EU, LAYER, STATE};
use crate::budgets::zip_of_megabytes;
use crate::github_server::GitHub;
use crate::harness::{FileServer, Outcome, Run, Sandbox};
use crate::packages::wheel;
use crate::policy::Policy;
use crate::proxy::Rule;

const PARAMETER: &str = "/layers/{layer}/latest";

struct Published {
    account: Account,
    sandbox: Sandbox,
}

impl Published {
    /// With two versions, and the function `orders` on the first.
    fn new() -> Self {
        let published = Self { account: Account::with_buckets(&[EU]), sandbox: Sandbox::new() };
        // moto compares the revision of a removal with a list, so it never fits.
        published.account.proxy.rule(Rule::on("DELETE", "/policy").drop_query());
        published.publish("1.0", &["--share-with", "210987654321"]).success();
        let first = format!("arn:aws:lambda:{EU}:123456789012:layer:{LAYER}:1");
        published.account.make_function(EU, "orders", &zip_of_megabytes(1), &[&first]);
        published.publish("1.1", &[]).success();
        published
    }

    fn publish(&self, version: &str, arguments: &[&str]) -> Outcome {
        wheel(&self.sandbox.path(""), "six", version);
        self.sandbox.write("requirements.txt", format!("./six-{version}-py3-none-any.whl\n"));
        self.account.publish(&self.sandbox, arguments).run()
    }

    fn run(&self, command: &str, arguments: &[&str]) -> Run {
        let base = [command, "--registry", "aws", "--layer-name", LAYER, "--bucket", "layers-{region}"];
        self.account.seen_by(self.sandbox.run(&base).args(arguments))
    }

    /// Runs with these parts of the page alone, with a state and without one: a command may ask for more then.
    #[track_caller]
    fn is_enough(&self, ids: &[&str], run: impl Fn(&Self) -> Run) {
        for is_there in [true, false] {
            if !is_there {
                self.account.delete_object(EU, STATE);
            }
            let refused = Policy::of(ids).apply(&self.account.proxy);
            run(self).run().success();
            let refused = refused.lock().expect("no thread panics");
            assert!(refused.is_empty(), "{refused:#?}");
        }
    }
}

#[test]
fn publish_needs_no_more_than_its_parts() {
    let published = Published::new();
    published.is_enough(&["publishing"], |published| {
        wheel(&published.sandbox.path(""), "six", "1.2");
        published.sandbox.write("requirements.txt", "./six-1.2-py3-none-any.whl\n");
        published.account.publish(&published.sandbox, &[])
    });
    let parts = ["publishing", "sharing", "attaching", "parameters", "clean-up"];
    published.is_enough(&parts, |published| {
        wheel(&published.sandbox.path(""), "six", "1.3");
        published.sandbox.write("requirements.txt", "./six-1.3-py3-none-any.whl\n");
        published
            .account
            .publish(&published.sandbox, &["--share-with", "210987654321", "--attach-to", "orders"])
            .args(&["--ssm-parameter", PARAMETER, "--keep-versions", "1"])
    });
}

#[test]
fn plan_needs_no_more_than_its_part() {
    let published = Published::new();
    published.is_enough(&["plan-on-its-own"], |published| {
        published.account.run(&published.sandbox, "plan", &["--bucket", "layers-{region}"])
    });
    published.is_enough(&["plan-on-its-own"], |published| {
        published.account.run(&published.sandbox, "plan", &["--bucket", "layers-{region}", "--verify"])
    });
}

#[test]
fn share_needs_no_more_than_its_part() {
    let published = Published::new();
    published.is_enough(&["share-on-its-own"], |published| published.run("share", &["--share-with", "111111111111"]));
    let revoke = ["--share-with", "nobody", "--layer-version", "1"];
    published.is_enough(&["share-on-its-own"], |published| published.run("share", &revoke));
    assert!(published.account.statements(EU, 1).is_empty());
}

#[test]
fn attach_needs_no_more_than_its_part() {
    let published = Published::new();
    published.account.tag_function(EU, "orders", "layer", "shared");
    published.is_enough(&["attach-on-its-own"], |published| published.run("attach", &["--attach-to", "orders"]));
    let tagged = ["--attach-to", "tag:layer=shared", "--layer-version", "1"];
    published.is_enough(&["attach-on-its-own"], |published| published.run("attach", &tagged));
}

#[test]
fn label_needs_no_more_than_its_part() {
    let published = Published::new();
    let with_parameter = ["--labels", "production", "--ssm-parameter", PARAMETER];
    published.is_enough(&["label-on-its-own"], |published| published.run("label", &["--labels", "blue"]));
    Policy::of(&["publishing"]).apply(&published.account.proxy);
    published.publish("1.4", &[]).success();
    published.is_enough(&["label-on-its-own", "parameters"], |published| published.run("label", &with_parameter));
}

#[test]
fn release_needs_no_more_than_its_part() {
    let (published, github) = (Published::new(), GitHub::start(&json!({})));
    // moto has no address that a version can be downloaded from.
    published.account.run(&published.sandbox, "build", &["--output", "served/layer.zip"]).run().success();
    let files = FileServer::start(&published.sandbox.path("served"));
    let location = format!("{}/layer.zip?", files.url());
    published.account.proxy.rule(Rule::on("GET", "shared/versions/").replace("s3://", &location));
    published.is_enough(&["release-on-its-own"], |published| {
        let run = github.reach(published.run("release", &[])).env("GITHUB_TOKEN", "ghs_7oken");
        run.env("GITHUB_SHA", "0123456789abcdef0123456789abcdef01234567")
    });
}

#[test]
fn cleanup_needs_no_more_than_its_part() {
    let published = Published::new();
    published.is_enough(&["clean-up"], |published| {
        published.run("cleanup", &["--keep-versions", "1", "--apply", "--ssm-parameter", PARAMETER])
    });
}

#[test]
fn usage_needs_no_more_than_its_part() {
    let published = Published::new();
    published.is_enough(&["usage-on-its-own"], |published| published.run("usage", &["--ssm-parameter", PARAMETER]));
    published.is_enough(&["plan-on-its-own", "usage-on-its-own"], |published| {
        wheel(&published.sandbox.path(""), "six", "1.6");
        published.sandbox.write("requirements.txt", "./six-1.6-py3-none-any.whl\n");
        let page = ["--bucket", "layers-{region}", "--report", "page.html", "--report-usage"];
        published.account.run(&published.sandbox, "preview", &page)
    });
}

#[test]
fn what_is_missing_is_named_as_aws_names_it() {
    let published = Published::new();
    Policy::of(&["publishing"]).without("s3:ListBucket").apply(&published.account.proxy);
    published.account.delete_object(EU, STATE);
    let outcome = published.publish("1.5", &[]).code(2);
    let statement = r#"hint: allow it: {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::layers-eu-west-1"}"#;
    let outcome = outcome.says(statement);
    assert!(!outcome.stderr.contains("without which"), "{}", outcome.stderr);
    let attach = ["--attach-to", "orders"];
    Policy::of(&["attach-on-its-own"]).without("lambda:GetLayerVersion").apply(&published.account.proxy);
    let outcome = published.run("attach", &attach).run();
    assert_ne!(outcome.code, Some(0));
    outcome.says(
        r#""Action": "lambda:GetLayerVersion", "Resource": "arn:aws:lambda:eu-west-1:123456789012:layer:shared:*""#,
    );
}
