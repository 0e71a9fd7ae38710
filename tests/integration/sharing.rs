//! Who may use a version: granted, revoked, and left alone.

use crate::account::{Account, EU, LAYER, US};
use crate::harness::{Outcome, Run, Sandbox};
use crate::packages::wheel;
use crate::proxy::Rule;

/// In the path of requests about policies.
const POLICY: &str = "/policy";

struct Shared {
    account: Account,
    sandbox: Sandbox,
}

impl Shared {
    fn new(regions: &[&str]) -> Self {
        let sandbox = Sandbox::with_requirements("./six-1.0-py3-none-any.whl\n");
        wheel(&sandbox.path(""), "six", "1.0");
        let account = Account::with_buckets(regions);
        // moto compares the revision of a removal with a list, so it never fits.
        account.proxy.rule(Rule::on("DELETE", POLICY).drop_query());
        Self { account, sandbox }
    }

    fn publish(&self, principals: &str) -> Outcome {
        self.account.publish(&self.sandbox, &["--share-with", principals]).run().success()
    }

    fn share(&self, arguments: &[&str]) -> Run {
        let run = self.sandbox.run(&["share", "--registry", "aws", "--layer-name", LAYER]);
        self.account.seen_by(run.args(&["--bucket", "layers-{region}"]).args(arguments))
    }

    /// Requests that ask for policies or change them.
    fn requests(&self) -> Vec<String> {
        let asked = ["GET", "POST", "DELETE"].iter().flat_map(|method| self.account.proxy.seen(method, POLICY));
        asked.map(|seen| format!("{} {}", seen.method, seen.region)).collect()
    }
}

/// The rows of what was done.
pub(crate) fn rows(outcome: &Outcome) -> String {
    let words = ["done ", "unchanged ", "would be done ", "failed "];
    let lines = outcome.stdout.lines().filter(|line| words.iter().any(|word| line.trim_start().starts_with(word)));
    let lines = lines.filter(|line| !line.contains("arn:aws:lambda"));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_new_version_is_shared_and_a_second_run_asks_once() {
    let shared = Shared::new(&[EU]);
    let outcome = shared.publish("210987654321,org:o-a1b2c3d4e5");
    insta::assert_snapshot!(rows(&outcome), @"
    done eu-west-1 version 1 shared with 210987654321
    done eu-west-1 version 1 shared with org:o-a1b2c3d4e5
    ");
    assert_eq!(shared.account.statements(EU, 1), ["lambda-layer-210987654321", "lambda-layer-org-o-a1b2c3d4e5"]);
    let before = shared.requests().len();
    let outcome = shared.publish("210987654321,org:o-a1b2c3d4e5");
    insta::assert_snapshot!(rows(&outcome), @"unchanged eu-west-1 version 1 shared with 210987654321, org:o-a1b2c3d4e5");
    assert_eq!(shared.requests().len(), before + 1, "one look at the policy");
}

#[test]
fn who_is_not_named_any_more_is_revoked_and_statements_of_others_stay() {
    let shared = Shared::new(&[EU]);
    shared.publish("210987654321,333333333333");
    shared.account.share_by_hand(EU, 1, "partner", "210987654321");
    shared.account.share_by_hand(EU, 1, "everybody", "*");
    let outcome = shared.share(&["--share-with", "org:o-a1b2c3d4e5", "--dry-run"]).run().success();
    insta::assert_snapshot!(rows(&outcome), @"
    would be done eu-west-1 version 1 shared with org:o-a1b2c3d4e5
    would be done eu-west-1 version 1 no longer shared with 210987654321 (the statement `partner`, which was not created by lambda-layer, still grants access)
    would be done eu-west-1 version 1 no longer shared with 333333333333 (the statement `everybody`, which was not created by lambda-layer, shares it with everybody)
    ");
    assert_eq!(shared.account.statements(EU, 1).len(), 4, "a dry run changes nothing");
    let outcome = shared.share(&["--share-with", "org:o-a1b2c3d4e5"]).run().success();
    insta::assert_snapshot!(rows(&outcome), @"
    done eu-west-1 version 1 shared with org:o-a1b2c3d4e5
    done eu-west-1 version 1 no longer shared with 210987654321 (the statement `partner`, which was not created by lambda-layer, still grants access)
    done eu-west-1 version 1 no longer shared with 333333333333 (the statement `everybody`, which was not created by lambda-layer, shares it with everybody)
    ");
    assert_eq!(shared.account.statements(EU, 1), ["everybody", "lambda-layer-org-o-a1b2c3d4e5", "partner"]);
    let removals = shared.account.proxy.seen("DELETE", POLICY);
    assert_eq!(removals.len(), 2, "{removals:?}");
    assert!(removals.iter().all(|removal| removal.path.contains("?RevisionId=")), "{removals:?}");
    let grants = shared.account.proxy.seen("POST", "?RevisionId=");
    assert_eq!(grants.len(), 2, "all but the first, which found no policy: {grants:?}");
}

#[test]
fn nobody_takes_everything_back() {
    let shared = Shared::new(&[EU]);
    let run = shared.account.publish(&shared.sandbox, &["--share-with", "public"]).in_actions(&[]);
    let outcome = run.run().success().says("`share-with` contains `public`: every AWS account can use this version");
    let row = outcome.summary().lines().filter(|line| line.starts_with("| done")).collect::<String>();
    insta::assert_snapshot!(row, @"| done | eu-west-1 | version 1 | shared with public |");
    assert_eq!(shared.account.statements(EU, 1), ["lambda-layer-public"]);
    insta::assert_snapshot!(rows(&shared.share(&["--share-with", "nobody"]).run().success()), @"done eu-west-1 version 1 no longer shared with public");
    assert_eq!(shared.account.statements(EU, 1), Vec::<String>::new());
    insta::assert_snapshot!(rows(&shared.share(&["--share-with", "nobody"]).run().success()), @"unchanged eu-west-1 version 1 shared with nobody");
}

#[test]
fn a_region_that_refuses_does_not_stop_the_others() {
    let shared = Shared::new(&[EU, US]);
    shared.account.publish(&shared.sandbox, &["--regions", "eu-west-1,us-east-1"]).run().success();
    let no = Rule::on("POST", POLICY).in_region(EU).refuse(403, "AccessDeniedException", "no");
    shared.account.proxy.rule(no);
    let both = ["--share-with", "210987654321", "--regions", "eu-west-1,us-east-1"];
    let outcome = shared.share(&both).run().code(2);
    insta::assert_snapshot!(rows(&outcome), @"
    failed eu-west-1 version 1 share with 210987654321
    done us-east-1 version 1 shared with 210987654321
    ");
    let statement = r#""Action": "lambda:AddLayerVersionPermission", "Resource": "arn:aws:lambda:eu-west-1:123456789012:layer:shared:*""#;
    outcome.says(statement);
    assert_eq!(shared.account.statements(US, 1), ["lambda-layer-210987654321"]);
    shared.account.proxy.behave();
    insta::assert_snapshot!(rows(&shared.share(&both).run().success()), @"
    done eu-west-1 version 1 shared with 210987654321
    unchanged us-east-1 version 1 shared with 210987654321
    ");
    assert_eq!(shared.account.statements(EU, 1), ["lambda-layer-210987654321"]);
}

#[test]
fn an_answer_that_got_lost_and_another_run_share_nothing_twice() {
    let shared = Shared::new(&[EU]);
    shared.account.publish(&shared.sandbox, &[]).run().success();
    // moto would add the statement again, where AWS says that it is there.
    let conflict = Rule::on("POST", POLICY).times(1);
    shared.account.proxy.rule(Rule::on("POST", POLICY).times(1).lose_answer());
    shared.account.proxy.rule(conflict.refuse(
        409,
        "ResourceConflictException",
        "The statement id (x) provided already exists",
    ));
    let outcome = shared.share(&["--share-with", "210987654321"]).run().success();
    insta::assert_snapshot!(rows(&outcome), @"done eu-west-1 version 1 shared with 210987654321");
    assert_eq!(shared.account.statements(EU, 1), ["lambda-layer-210987654321"]);
}

/// Kills a run before the request that so many of its kind went through before, and finishes with another.
fn killed_at(method: &'static str, after: usize) {
    let shared = Shared::new(&[EU]);
    shared.account.proxy.rule(Rule::on(method, POLICY).after(after).hold());
    let run = shared.account.publish(&shared.sandbox, &["--share-with", "210987654321,333333333333"]).start();
    shared.account.proxy.wait_for_held();
    run.kill();
    shared.account.proxy.forget_held();
    assert_eq!(shared.account.statements(EU, 1).len(), after);
    shared.publish("210987654321,333333333333").says("shared unchanged");
    assert_eq!(shared.account.statements(EU, 1), ["lambda-layer-210987654321", "lambda-layer-333333333333"]);
    assert_eq!(shared.account.numbers(EU), [1]);
}

#[test]
fn a_run_that_was_killed_before_it_shared_is_finished_by_the_next() {
    killed_at("GET", 0);
}

#[test]
fn a_run_that_was_killed_between_two_grants_is_finished_by_the_next() {
    killed_at("POST", 1);
}

#[test]
fn older_versions_are_shared_by_their_number() {
    let shared = Shared::new(&[EU]);
    shared.account.publish(&shared.sandbox, &[]).run().success();
    wheel(&shared.sandbox.path(""), "six", "1.1");
    shared.sandbox.write("requirements.txt", "./six-1.1-py3-none-any.whl\n");
    shared.account.publish(&shared.sandbox, &[]).run().success();
    shared.share(&["--share-with", "210987654321", "--layer-version", "1"]).run().success().says("version 1");
    assert_eq!(shared.account.statements(EU, 1), ["lambda-layer-210987654321"]);
    assert_eq!(shared.account.statements(EU, 2), Vec::<String>::new());
    shared
        .share(&["--share-with", "210987654321", "--layer-version", "7"])
        .run()
        .code(1)
        .says("`shared` has no version 7");
}

#[test]
fn a_region_without_the_version_is_named_and_the_others_are_shared() {
    let shared = Shared::new(&[EU, US]);
    shared.account.publish(&shared.sandbox, &["--regions", EU]).run().success();
    shared.account.publish_by_hand(US, LAYER, crate::cleanup::EMPTY_ZIP, &["python3.13"]);
    let arguments = ["--regions", "eu-west-1,us-east-1", "--share-with", "210987654321"];
    let outcome = shared.share(&arguments).run().code(1);
    let outcome = outcome.says("the content of version 1 of `shared` in eu-west-1 is not published in us-east-1");
    outcome.says("publish it there first");
    assert_eq!(shared.account.statements(EU, 1), ["lambda-layer-210987654321"]);
}
