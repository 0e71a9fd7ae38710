//! `usage`: which functions use which version, and what is said if not everything can be read.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::account::{Account, EU, LAYER, US, VERSIONS, role};
use crate::cleanup::{EMPTY_ZIP, FUNCTIONS, account_with, rows};
use crate::directory;
use crate::harness::{Outcome, Run, Sandbox, dead_port};
use crate::osv_server::{Osv, fixtures};
use crate::packages::wheel;
use crate::proxy::Rule;
use crate::report_page::data;

fn usage(account: &Account, sandbox: &Sandbox, arguments: &[&str]) -> Run {
    let run = sandbox.run(&["usage", "--registry", "aws", "--layer-name", LAYER, "--bucket", "layers-{region}"]);
    account.seen_by(run.args(arguments))
}

fn arns(account: &Account, region: &str) -> Vec<String> {
    account.versions(region).into_iter().map(|version| version.arn).collect()
}

/// Three versions; `orders` uses the newest, its version 1 the first, and `mail` the second. Version 2 is labelled.
fn in_use() -> (Account, Sandbox) {
    let (account, sandbox) = account_with(3, &[EU]);
    let arns = arns(&account, EU);
    account.make_function(EU, "orders", EMPTY_ZIP, &[&arns[0]]);
    account.publish_function(EU, "orders");
    account.set_layers(EU, "orders", &[&arns[2]]);
    account.make_function(EU, "mail", EMPTY_ZIP, &[&arns[1]]);
    account.make_function(EU, "other", EMPTY_ZIP, &[]);
    let label = ["--labels", "production", "--layer-version", "2"];
    let run = sandbox.run(&["label", "--registry", "aws", "--layer-name", LAYER, "--bucket", "layers-{region}"]);
    account.seen_by(run.args(&label)).run().success();
    (account, sandbox)
}

#[test]
fn functions_and_their_versions_are_listed_by_layer_version() {
    let (account, sandbox) = in_use();
    let before = account.state(EU);
    let sent = |method: &str, path: &str| account.proxy.seen(method, path).len();
    let changes = || sent("PUT", "/") + sent("DELETE", "/") + sent("POST", "/20");
    let changed = changes();
    let outcome = usage(&account, &sandbox, &[]).in_actions(&[]).run().success();
    insta::assert_snapshot!(shown(&rows(&outcome)), @r"
      eu-west-1  version 3  current   [age]  1.3 KB              1 function
          orders  $LATEST
      eu-west-1  version 2  outdated  [age]  1.3 KB  production  1 function
          mail    $LATEST
      eu-west-1  version 1  outdated  [age]  1.3 KB              1 published function version
          orders  1
    shared in use: 2 functions and 1 published function version use it; 1 function and 1 published function version do not use the current version
    ");
    let result: Value = serde_json::from_str(&outcome.outputs()["result"]).expect("is JSON");
    let of = |row: &Value| (row["layer-version-arn"].clone(), row["status"].clone(), row["functions"].clone());
    let rows: Vec<_> = result["usage"]["versions"].as_array().expect("is a list").iter().map(of).collect();
    let arns = arns(&account, EU);
    let account_id = "123456789012";
    let function =
        |name: &str, version: &str| json!([{ "account": account_id, "function": name, "versions": [version] }]);
    assert_eq!(
        rows,
        [
            (json!(arns[2]), json!("current"), function("orders", "$LATEST")),
            (json!(arns[1]), json!("outdated"), function("mail", "$LATEST")),
            (json!(arns[0]), json!("outdated"), function("orders", "1")),
        ]
    );
    assert_eq!(result["usage"]["versions"][1]["labels"], json!(["production"]));
    assert!(result["usage"]["versions"][1]["zipped-size"].as_u64().is_some_and(|size| size > 1000));
    let summary = outcome.summary();
    assert!(summary.contains("| <code>mail</code> | $LATEST | eu-west-1 version 2 | outdated |"), "{summary}");
    assert_eq!((account.state(EU), account.numbers(EU)), (before, vec![1, 2, 3]));
    assert_eq!(changes(), changed, "it only reads");
}

/// The rows without what is printed for the runner.
fn shown(rows: &str) -> String {
    let lines = rows.lines().filter(|line| !line.starts_with("::") && !line.contains("Find versions in use"));
    let lines = lines.filter(|line| !line.contains("Read the state")).collect::<Vec<_>>().join("\n");
    regex::Regex::new(r"\(request [^)]*\)").expect("is valid").replace_all(&lines, "(request [id])").into_owned()
}

#[test]
fn only_what_is_behind_is_listed_if_that_is_asked_for() {
    let (account, sandbox) = in_use();
    let outcome = usage(&account, &sandbox, &["--outdated"]).run().success();
    insta::assert_snapshot!(shown(&rows(&outcome)), @r"
      eu-west-1  version 2  outdated  [age]  1.3 KB  production  1 function
          mail    $LATEST
      eu-west-1  version 1  outdated  [age]  1.3 KB              1 published function version
          orders  1
    shared in use: 2 functions and 1 published function version use it; 1 function and 1 published function version do not use the current version
    ");
    account.set_layers(EU, "mail", &[]);
    let function = r#"{"Functions": [{"FunctionName": "orders", "Version": "$LATEST", "Layers": [{"Arn": "ARN"}]}]}"#;
    let function = function.replace("ARN", &arns(&account, EU)[2]);
    account.proxy.rule(Rule::on("GET", FUNCTIONS).reply(200, "content-type: application/json", &function));
    let outcome = usage(&account, &sandbox, &["--outdated"]).run().success();
    insta::assert_snapshot!(shown(&rows(&outcome)), @"shared in use: 1 function uses the current version");
}

#[test]
fn several_layers_are_shown_one_below_the_other() {
    let (account, sandbox) = in_use();
    sandbox.write(
        "lambda-layers.yml",
        "defaults:\n  registry: aws\n  bucket: layers-{region}\nlayers:\n  - layer-name: shared\n  - layer-name: other\n",
    );
    let outcome = account.seen_by(sandbox.run(&["usage"])).run().success();
    assert_eq!(account.proxy.seen("GET", FUNCTIONS).len(), 1, "the functions are read once for all layers");
    let outcome = outcome.says("eu-west-1  version 2  outdated").says("      mail    $LATEST");
    outcome.says("no function uses it").says("2 layers: 1 in use, 1 not in use");
}

#[test]
fn versions_that_were_deleted_but_are_used_are_shown() {
    let (account, sandbox) = in_use();
    account.delete_version(EU, 1);
    let outcome = usage(&account, &sandbox, &[]).run().success();
    let deleted = outcome.stdout.lines().find(|line| line.contains("version 1")).expect("is shown");
    assert!(deleted.contains("deleted"), "{deleted}");
    outcome.says("      orders  1");
}

#[test]
fn a_region_that_cannot_be_read_hides_no_other() {
    let (account, sandbox) = account_with(2, &[EU, US]);
    account.make_function(US, "orders", EMPTY_ZIP, &[&arns(&account, US)[0]]);
    let regions = ["--regions", "eu-west-1,us-east-1"];
    account.proxy.rule(Rule::on("GET", FUNCTIONS).in_region(EU).refuse(403, "AccessDeniedException", "no"));
    let outcome = usage(&account, &sandbox, &regions).in_actions(&[]).run().code(2);
    insta::assert_snapshot!(shown(&rows(&outcome)), @r#"
      eu-west-1  version 2  current   [age]  1.3 KB  functions not read
      us-east-1  version 2  current   [age]  1.3 KB  no function
      us-east-1  version 1  outdated  [age]  1.3 KB  1 function
          orders  $LATEST
      1 older version is not in use
    shared partly read
    error: not everything that uses `shared` could be read
    cause: the functions in eu-west-1: lambda:ListFunctions failed for `*`: AccessDeniedException (HTTP 403): no (request [id])
    hint: allow it: {"Effect": "Allow", "Action": "lambda:ListFunctions", "Resource": "*"}; everything else was read and is shown
    "#);
    let outcome = outcome.says("not everything that uses `shared` could be read");
    let outcome = outcome.says("the functions in eu-west-1: ").says("lambda:ListFunctions");
    let result: Value = serde_json::from_str(&outcome.outputs()["result"]).expect("is JSON");
    assert_eq!(result["usage"]["unread"][0]["place"], "eu-west-1");
    let complete: Vec<_> = result["usage"]["versions"].as_array().expect("is a list").iter().collect();
    assert!(
        complete
            .iter()
            .all(|row| row["is-complete"] == row["layer-version-arn"].as_str().expect("is text").contains(US))
    );
    account.proxy.behave();
    account.proxy.rule(Rule::on("GET", VERSIONS).in_region(EU).refuse(403, "AccessDeniedException", "no"));
    usage(&account, &sandbox, &regions).run().code(2).says("the versions in eu-west-1: ").says("orders");
}

#[test]
fn functions_of_other_accounts_are_named_with_their_account() {
    let (account, sandbox) = (Account::new(), Sandbox::with_requirements("./some-1.0-py3-none-any.whl\n"));
    wheel(&sandbox.path(""), "some", "1.0");
    let roles = ["111111111111", "222222222222"].map(role).join(",");
    let common = ["--registry", "aws", "--layer-name", LAYER, "--roles", &roles, "--state", "state"];
    account.seen_by(sandbox.run(&["publish"]).args(&common)).run().success();
    let function = |account: &str, name: &str, layer: &str| {
        format!(
            r#"{{"FunctionName": "{name}", "FunctionArn": "arn:aws:lambda:eu-west-1:{account}:function:{name}", "Version": "$LATEST", "Layers": [{{"Arn": "arn:aws:lambda:eu-west-1:{layer}:layer:shared:1"}}]}}"#
        )
    };
    let own = format!(r#"{{"Functions": [{}]}}"#, function("111111111111", "orders", "111111111111"));
    let other = [function("222222222222", "mail", "111111111111"), function("222222222222", "far", "333333333333")];
    let other = format!(r#"{{"Functions": [{}]}}"#, other.join(", "));
    for functions in [own, other] {
        account.proxy.rule(Rule::on("GET", FUNCTIONS).times(1).reply(
            200,
            "content-type: application/json",
            &functions,
        ));
    }
    let outcome = account.seen_by(sandbox.run(&["usage"]).args(&common)).run().success();
    let text = outcome.stdout;
    assert!(text.contains("222222222222/mail") && text.contains("      orders"), "{text}");
    assert!(text.lines().any(|line| line.contains("333333333333/eu-west-1") && line.contains("unknown")), "{text}");
    assert!(text.lines().any(|line| line.contains("222222222222/eu-west-1") && line.contains("no function")), "{text}");
}

#[test]
fn thousands_of_functions_fit_everywhere_and_names_break_nothing() {
    let (account, sandbox) = account_with(1, &[EU]);
    let arn = &arns(&account, EU)[0];
    // 200 pages of 50, as Lambda lists them.
    for page in 0..200 {
        let mut functions = String::new();
        for number in 0..50 {
            let name =
                if (page, number) == (0, 0) { "a|b`<img>_".to_owned() } else { format!("function-{page}-{number}") };
            let comma = if number == 0 { "" } else { "," };
            write!(
                functions,
                r#"{comma}{{"FunctionName": "{name}", "Version": "$LATEST", "Layers": [{{"Arn": "{arn}"}}]}}"#
            )
            .expect("a String takes everything");
        }
        let next = if page == 199 { String::new() } else { format!(r#", "NextMarker": "{}""#, page + 1) };
        let body = format!(r#"{{"Functions": [{functions}]{next}}}"#);
        account.proxy.rule(Rule::on("GET", FUNCTIONS).times(1).reply(200, "content-type: application/json", &body));
    }
    let arguments = ["--results", "results"];
    let outcome = usage(&account, &sandbox, &arguments).in_actions(&[]).run().success();
    let outcome = outcome.says("10000 functions use the current version").says("and 9900 more functions");
    let result = &outcome.outputs()["result"];
    assert!(result.len() < 131_072);
    let result: Value = serde_json::from_str(result).expect("is JSON");
    assert_eq!(
        (&result["truncated"], &result["usage"]["versions"][0]["function-count"]),
        (&json!(true), &json!(10_000))
    );
    assert_eq!(result["usage"]["versions"][0]["functions"].as_array().map(Vec::len), Some(800));
    let whole = sandbox.json("results/shared.json");
    let functions = &whole["layers"][0]["report"]["usage"]["versions"][0]["functions"];
    assert_eq!(functions.as_array().map(Vec::len), Some(10_000));
    let summary = outcome.summary();
    assert!(summary.contains(r"| <code>a\|b\`&lt;img&gt;\_</code> | $LATEST |"), "{}", &summary[..2000]);
    assert!(summary.contains("| 9500 more | | | |"));
}

#[test]
fn a_folder_has_versions_and_no_functions() {
    let sandbox = Sandbox::with_requirements("./some-1.0-py3-none-any.whl\n");
    wheel(&sandbox.path(""), "some", "1.0");
    sandbox.run(&["publish", "--layer-name", LAYER]).run().success();
    let outcome = sandbox.run(&["usage", "--layer-name", LAYER]).run().success();
    outcome.says("local  version 1  current").says("shared not in use: no function uses it");
}

/// Two versions with a private wheel, the first with an `idna` that has a known vulnerability; so has `six`.
fn vulnerable() -> (Osv, Sandbox) {
    let (osv, sandbox) = (Osv::with(&fixtures()), Sandbox::new());
    wheel(&sandbox.path(""), "acme", "1.0");
    for idna in ["3.6", "3.10"] {
        sandbox.write("requirements.txt", format!("idna=={idna}\nsix==1.17.0\n./acme-1.0-py3-none-any.whl\n"));
        osv.reach(directory::publish(&sandbox)).run().success();
    }
    (osv, sandbox)
}

fn with_vulnerabilities(osv: &Osv, sandbox: &Sandbox, level: &str) -> Run {
    let arguments = ["usage", "--layer-name", LAYER, "--registry", ".lambda-layers", "--vulnerabilities", level];
    osv.reach(sandbox.run(&arguments)).in_actions(&[])
}

/// What is known of each version, the newest first.
fn known(outcome: &Outcome) -> Vec<Value> {
    let result: Value = serde_json::from_str(&outcome.outputs()["result"]).expect("is JSON");
    let versions = result["usage"]["versions"].as_array().expect("is a list");
    versions.iter().map(|version| version["known-vulnerabilities"].clone()).collect()
}

#[test]
fn known_vulnerabilities_of_each_version_are_told_if_that_is_asked_for() {
    let (osv, sandbox) = vulnerable();
    let outcome = with_vulnerabilities(&osv, &sandbox, "").run().success();
    assert_eq!((osv.seen().len(), known(&outcome)), (0, vec![Value::Null, Value::Null]));
    assert!(!outcome.stdout.contains("vulnerabilities") && !outcome.summary().contains("vulnerabilities"));

    let outcome = with_vulnerabilities(&osv, &sandbox, "warning").run().success();
    let outcome =
        outcome.says("known vulnerabilities: 1 high  no function").says(":`six 1.17.0` has the known vulnerability");
    let (six, idna) = ("GHSA-vvvv-4444-aaaa", "GHSA-jjg7-2v4v-x38h");
    assert_eq!(
        known(&outcome),
        [
            json!({"knowledge": "complete", "severities": {"high": 1}, "ids": [six], "unanswered": 0}),
            json!({"knowledge": "complete", "severities": {"high": 1, "medium": 1}, "ids": [six, idna], "unanswered": 0}),
        ]
    );
    let summary = outcome.summary();
    assert!(
        summary.contains("| layer version | status | age | zipped | labels | known vulnerabilities | used by |"),
        "{summary}"
    );
    assert!(summary.contains(" | 1 high | no function |"), "{summary}");
    // Nothing is asked twice, and nothing that is private.
    assert_eq!(osv.asked(), ["pkg:pypi/idna@3.10", "pkg:pypi/idna@3.6", "pkg:pypi/six@1.17.0"]);

    with_vulnerabilities(&osv, &sandbox, "error")
        .run()
        .code(1)
        .says("1 error in versions of `shared` that are current or in use");
    with_vulnerabilities(&osv, &sandbox, "warning").args(&["--fail-on", "warning"]).run().code(1);
    with_vulnerabilities(&osv, &sandbox, "error").args(&["--fail-on", "never"]).run().success();
    let ignored = format!("{six} 2999-01-31 we do not call it");
    let outcome =
        with_vulnerabilities(&osv, &sandbox, "error").args(&["--ignore-vulnerabilities", &ignored]).run().success();
    let outcome = outcome.says("known vulnerabilities: none, 1 ignored");
    assert_eq!(known(&outcome)[0]["ignored"], json!([six]));
}

#[test]
fn what_nobody_knows_of_a_version_is_unknown() {
    let (osv, sandbox) = vulnerable();
    let dead = format!("http://127.0.0.1:{}", dead_port());
    let down = |level: &str| with_vulnerabilities(&osv, &sandbox, level).env("LAMBDA_LAYER_OSV_URL", &dead).run();
    let outcome = down("warning").success().says("known vulnerabilities: unknown").says("did not respond");
    assert_eq!(known(&outcome)[0]["knowledge"], "unknown");
    down("error").code(1);

    // An older program did not record where the distributions are from.
    let path = sandbox.path(".lambda-layers/state/shared.json");
    let mut state = sandbox.json(".lambda-layers/state/shared.json");
    let contents = state["contents"].as_object_mut().expect("is a map").values_mut();
    contents.for_each(|content| drop(content.as_object_mut().expect("is a map").remove("standings")));
    fs_err::write(&path, state.to_string()).expect("can be written");
    let outcome = with_vulnerabilities(&osv, &sandbox, "notice").run().success();
    let outcome = outcome.says("known vulnerabilities: unknown").says("3 distributions were not looked up");
    assert_eq!((known(&outcome)[0]["unanswered"].clone(), osv.asked().len()), (json!(3), 0));

    let contents = state["contents"].as_object_mut().expect("is a map").values_mut();
    for content in contents {
        let content = content.as_object_mut().expect("is a map");
        content.remove("distributions");
        content.remove("unzipped-size");
    }
    fs_err::write(&path, state.to_string()).expect("can be written");
    let ignored = ["--ignore-vulnerabilities", "CVE-2020-1 2999-01-31 we do not call it"];
    let outcome = with_vulnerabilities(&osv, &sandbox, "error").args(&ignored).run().success();
    assert_eq!(known(&outcome)[1]["knowledge"], "unknown");
    assert!(!outcome.stdout.contains("ignore-vulnerability-unused"), "{}", outcome.stdout);
    assert!(!outcome.stdout.contains("No known vulnerabilities"), "{}", outcome.stdout);
}

#[test]
fn a_vulnerable_version_fails_a_run_only_while_something_uses_it() {
    let (osv, account) = (Osv::with(&fixtures()), Account::with_buckets(&[EU]));
    let sandbox = Sandbox::with_requirements("idna==3.6\n");
    osv.reach(account.publish(&sandbox, &[])).run().success();
    sandbox.write("requirements.txt", "idna==3.10\n");
    osv.reach(account.publish(&sandbox, &[])).run().success();
    let check = || osv.reach(usage(&account, &sandbox, &["--vulnerabilities", "error"])).run();
    check().success().says("known vulnerabilities: none");
    account.make_function(EU, "orders", EMPTY_ZIP, &[&arns(&account, EU)[0]]);
    let outcome = check().code(1).says("known vulnerabilities: 1 medium  1 function").says("use idna 3.7 or later");
    assert!(outcome.stdout.contains("shared in use"), "{}", outcome.stdout);
    sandbox.write(
        "lambda-layers.yml",
        "defaults:\n  registry: aws\n  bucket: layers-{region}\n  vulnerabilities: notice\nlayers:\n  - layer-name: shared\n  - layer-name: other\n",
    );
    let asked = osv.asked().len();
    let outcome = osv.reach(account.seen_by(sandbox.run(&["usage"]))).run().success();
    assert_eq!(osv.asked().len(), asked + 2);
    outcome.says("known vulnerabilities: 1 medium");
}

/// The part of a page about who uses the layer.
fn page(sandbox: &Sandbox) -> Value {
    data(&sandbox.read("page.html"))["usage"].clone()
}

const PAGE: &[&str] = &["--report", "page.html"];

#[test]
fn a_page_says_who_uses_the_layer() {
    let (account, sandbox) = in_use();
    let outcome = usage(&account, &sandbox, PAGE).in_actions(&[]).run().success();
    assert_eq!(outcome.outputs()["report-path"], "page.html");
    let page = data(&sandbox.read("page.html"));
    assert_eq!((&page["verdict"], &page["files"]), (&json!("in use"), &Value::Null));
    let usage = &page["usage"];
    let of = |row: &Value| (row[0].clone(), row[1].clone(), row[2].clone(), row[6].clone(), row[8].clone());
    let versions: Vec<_> = usage["versions"]["rows"].as_array().expect("is a list").iter().map(of).collect();
    let version = |number: u64, status: &str, labels: Value, users: &str| {
        (json!("eu-west-1"), json!(number), json!(status), labels, json!(users))
    };
    assert_eq!(
        versions,
        [
            version(3, "current", json!([]), "1 function"),
            version(2, "outdated", json!(["production"]), "1 function"),
            version(1, "outdated", json!([]), "1 published function version"),
        ]
    );
    // Those that are behind come first.
    let functions = json!([["mail", "$LATEST", true, 1], ["orders", "1", false, 2], ["orders", "$LATEST", true, 0]]);
    assert_eq!(usage["functions"]["rows"], functions);
    // The page does not depend on what is in the layer.
    assert_eq!(account.proxy.seen("GET", "/versions/3").len(), 0);
}

#[test]
fn names_and_numbers_of_functions_do_not_break_the_page() {
    let (account, sandbox) = account_with(1, &[EU]);
    let arn = &arns(&account, EU)[0];
    let mut functions = String::new();
    for number in 0..1_500 {
        write!(functions, r#"{{"FunctionName": "f-{number}", "Version": "$LATEST", "Layers": [{{"Arn": "{arn}"}}]}},"#)
            .expect("a String takes everything");
    }
    let hostile = "</script><script>alert(1)</script>\u{202e}";
    let body = format!(
        r#"{{"Functions": [{functions}{{"FunctionName": {}, "Version": "$LATEST", "Layers": [{{"Arn": "{arn}"}}]}}]}}"#,
        json!(hostile)
    );
    account.proxy.rule(Rule::on("GET", FUNCTIONS).reply(200, "content-type: application/json", &body));
    usage(&account, &sandbox, PAGE).run().success();
    let text = sandbox.read("page.html");
    assert_eq!((text.matches("<script").count(), text.matches("</script").count()), (2, 2));
    assert!(!text.contains('\u{202e}'));
    let page = page(&sandbox);
    assert_eq!(page["functions"]["rows"].as_array().map(Vec::len), Some(1_000));
    assert_eq!(page["functions"]["more"], 501);
    assert_eq!(page["functions"]["rows"][0][0], "</script><script>alert(1)</script>‹U+202E›");
}

#[test]
fn what_cannot_be_read_stands_on_the_page() {
    let (account, sandbox) = account_with(2, &[EU, US]);
    account.proxy.rule(Rule::on("GET", FUNCTIONS).in_region(EU).refuse(403, "AccessDeniedException", "no"));
    usage(&account, &sandbox, &["--regions", "eu-west-1,us-east-1"]).args(PAGE).run().code(2);
    let page = page(&sandbox);
    let unread = page["unread"][0].as_str().expect("is text");
    assert!(unread.starts_with("the functions in eu-west-1 could not be read: "), "{unread}");
    assert_eq!(page["versions"]["rows"][0][8], "functions not read");
    assert_eq!(page["unused"], "2 older versions are not in use");
}

#[test]
fn a_page_of_a_layer_that_nobody_uses() {
    let sandbox = Sandbox::with_requirements("./some-1.0-py3-none-any.whl\n");
    wheel(&sandbox.path(""), "some", "1.0");
    sandbox.run(&["usage", "--layer-name", LAYER]).args(PAGE).run().success();
    let empty = page(&sandbox);
    assert_eq!((&empty["summary"], &empty["versions"]["rows"]), (&json!("no function uses it"), &json!([])));
    sandbox.run(&["publish", "--layer-name", LAYER]).run().success();
    sandbox.run(&["usage", "--layer-name", LAYER]).args(PAGE).run().success();
    assert_eq!(page(&sandbox)["versions"]["rows"][0][8], "no function");
}

#[test]
fn runs_that_publish_or_preview_show_it_if_that_is_asked_for() {
    let (account, sandbox) = account_with(1, &[EU]);
    account.make_function(EU, "orders", EMPTY_ZIP, &[&arns(&account, EU)[0]]);
    let listed = || account.proxy.seen("GET", FUNCTIONS).len();
    let asked = ["--bucket", "layers-{region}", "--report", "page.html", "--report-usage"];
    wheel(&sandbox.path(""), "some", "7.0");
    sandbox.write("requirements.txt", "./some-7.0-py3-none-any.whl\n");
    account.run(&sandbox, "preview", &asked[..4]).run().success();
    assert_eq!((page(&sandbox), listed()), (Value::Null, 0));

    let outcome = account.run(&sandbox, "preview", &asked).in_actions(&[]).run().success();
    let comment = &outcome.outputs()["comment"];
    assert!(comment.contains("\n**Used by** 1 function\n"), "{comment}");
    let users = |row: &Value| (row[1].clone(), row[2].clone(), row[8].clone());
    let rows =
        |page: &Value| page["versions"]["rows"].as_array().expect("is a list").iter().map(users).collect::<Vec<_>>();
    assert_eq!(rows(&page(&sandbox)), [(json!(1), json!("current"), json!("1 function"))]);

    // The run itself attaches the new version to one of the functions.
    account.make_function(EU, "mail", EMPTY_ZIP, &[&arns(&account, EU)[0]]);
    let outcome = account.publish(&sandbox, &asked[2..]).args(&["--attach-to", "mail"]).in_actions(&[]).run().success();
    let of = |number: u64, status: &str| (json!(number), json!(status), json!("1 function"));
    assert_eq!(rows(&page(&sandbox)), [of(2, "current"), of(1, "outdated")]);
    assert!(!outcome.stdout.contains("      orders") && !outcome.summary().contains("orders"), "only the page has it");
    let result: Value = serde_json::from_str(&outcome.outputs()["result"]).expect("is JSON");
    assert_eq!(result["usage"]["function-count"], 2);

    wheel(&sandbox.path(""), "some", "8.0");
    sandbox.write("requirements.txt", "./some-8.0-py3-none-any.whl\n");
    account.proxy.rule(Rule::on("GET", FUNCTIONS).refuse(403, "AccessDeniedException", "no"));
    let outcome = account.publish(&sandbox, &asked[2..]).in_actions(&[]).run().success();
    let outcome = outcome.says("::notice").says("the report page does not show the functions in eu-west-1");
    outcome.says("lambda:ListFunctions");
    assert_eq!(rows(&page(&sandbox))[0].2, "functions not read");

    let outcome = account.run(&sandbox, "preview", &["--bucket", "layers-{region}", "--report-usage"]).run().code(1);
    insta::assert_snapshot!(outcome.stderr.trim(), @r"
    error: `report-usage` is `true`, but `report` is missing, so there is no page
    hint: set `report` to the path of the page, or remove `report-usage`
    ");
}

#[test]
fn an_audit_of_the_current_version_shows_it_if_that_is_asked_for() {
    let (osv, sandbox) = vulnerable();
    let audit = |arguments: &[&str]| {
        let run = osv.reach(sandbox.run(&["audit", "--registry", ".lambda-layers"])).args(PAGE);
        run.args(&["--python-version", "3.13", "--report-usage", "--vulnerabilities", "notice"])
            .args(arguments)
            .run()
            .success();
        page(&sandbox)
    };
    let shown = audit(&["--layer-name", LAYER]);
    let version = &shown["versions"]["rows"][0];
    assert_eq!((&version[1], &version[7], &version[8]), (&json!(2), &json!("1 high"), &json!("no function")));
    assert_eq!(shown["unused"], "1 older version is not in use");
    let zip = ".lambda-layers/shared/1/layer.zip";
    assert_eq!(audit(&[zip]), Value::Null, "nobody knows which layer a file is of");
}

#[test]
fn a_page_tells_what_is_known_of_each_version() {
    let (osv, sandbox) = vulnerable();
    with_vulnerabilities(&osv, &sandbox, "warning").args(PAGE).run().success();
    let page = data(&sandbox.read("page.html"));
    let known: Vec<_> =
        page["usage"]["versions"]["rows"].as_array().expect("is a list").iter().map(|row| &row[7]).collect();
    assert_eq!(known, ["1 high"]);
    assert_eq!(page["vulnerabilities"]["rows"][0][0], "GHSA-vvvv-4444-aaaa");
}
