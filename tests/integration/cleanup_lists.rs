//! Clean-up by lists that have many pages, break off, or cannot be read.

use serde_json::json;

use crate::account::{EU, LAYER, US, VERSIONS};
use crate::cleanup::{EMPTY_ZIP, FUNCTIONS, account_with, aged, cleanup, rows};
use crate::proxy::Rule;

/// One version of ours and so many of others, and functions; the last of each is used by the last of the other.
fn paged(others: usize, functions: usize, size: usize, pages: (usize, usize)) {
    let (account, sandbox) = account_with(1, &[EU]);
    let zip = EMPTY_ZIP;
    let arns: Vec<String> = (0..others).map(|_| account.publish_by_hand(EU, LAYER, zip, &["python3.13"])).collect();
    for number in 0..functions {
        let layers: &[&str] = if number + 1 == functions { &[&arns[0]] } else { &[] };
        account.make_function(EU, &format!("function-{number}"), zip, layers);
    }
    account.moto.behave(&json!({ "pages": size }));
    let asked = |path| account.proxy.seen("GET", path).len();
    let before = (asked(VERSIONS), asked(FUNCTIONS));
    let arguments = ["--keep-versions", "1", "--include-unknown"];
    let outcome = cleanup(&account, &sandbox, &arguments).run().success();
    assert_eq!((asked(VERSIONS) - before.0, asked(FUNCTIONS) - before.1), pages, "each page once");
    let gone = others - 2;
    outcome.says(&format!("shared planned: {gone} versions would be removed, 3 kept"));
    cleanup(&account, &sandbox, &arguments).args(&["--apply"]).run().success();
    let kept = [1, 2, i64::try_from(others).expect("is small") + 1];
    assert_eq!(account.numbers(EU), kept, "the current, the used and the newest");
}

#[test]
fn lists_are_read_to_their_end_in_pages_of_ten() {
    paged(24, 12, 10, (3, 2));
}

#[test]
fn lists_are_read_to_their_end_in_pages_of_fifty() {
    paged(59, 51, 50, (2, 2));
}

#[test]
fn a_list_of_functions_that_breaks_off_removes_nothing() {
    let (account, sandbox) = account_with(3, &[EU]);
    for number in 0..12 {
        account.make_function(EU, &format!("function-{number}"), EMPTY_ZIP, &[]);
    }
    account.proxy.rule(Rule::on("GET", "Marker=").hang_up());
    account.moto.behave(&json!({ "pages": 10 }));
    let arguments = ["--keep-versions", "1", "--apply"];
    let outcome = cleanup(&account, &sandbox, &arguments).env("AWS_MAX_ATTEMPTS", "1").run().code(2);
    insta::assert_snapshot!(rows(&outcome), @r"
      unchanged      eu-west-1  all versions   0 of 3 to remove; 1.9 MB of code storage
      failed         eu-west-1  the functions  not read: nothing is removed in eu-west-1
      kept           eu-west-1  version 3      [age], 1.3 KB, kept because: the functions in eu-west-1 could not be read; the newest; the current version
      kept           eu-west-1  version 2      [age], 1.3 KB, kept because: the functions in eu-west-1 could not be read
      kept           eu-west-1  version 1      [age], 1.3 KB, kept because: the functions in eu-west-1 could not be read
    shared failed
    ");
    assert_eq!(account.numbers(EU), [1, 2, 3]);
}

#[test]
fn a_list_that_names_the_same_page_twice_is_not_whole() {
    let (account, sandbox) = account_with(2, &[EU]);
    account.proxy.rule(Rule::on("GET", FUNCTIONS).reply(
        200,
        "content-type: application/json",
        r#"{"Functions": [], "NextMarker": "again"}"#,
    ));
    let outcome = cleanup(&account, &sandbox, &["--keep-versions", "1", "--apply"]).run().code(2);
    outcome.says("lambda:ListFunctions returned the same next page twice");
    assert_eq!(account.numbers(EU), [1, 2]);
}

#[test]
fn a_removal_that_is_throttled_is_tried_again() {
    let (account, sandbox) = account_with(3, &[EU]);
    account.proxy.rule(Rule::on("DELETE", VERSIONS).times(2).refuse(429, "TooManyRequestsException", "slow down"));
    cleanup(&account, &sandbox, &["--keep-versions", "1", "--apply"]).run().success().says("2 versions removed");
    assert_eq!(account.numbers(EU), [3]);
}

#[test]
fn where_functions_cannot_be_read_nothing_goes_and_elsewhere_it_does() {
    let (account, sandbox) = account_with(2, &[EU, US]);
    account.proxy.rule(Rule::on("GET", FUNCTIONS).in_region(US).refuse(403, "AccessDeniedException", "no"));
    let arguments = ["--keep-versions", "1", "--apply", "--regions", "eu-west-1,us-east-1"];
    let outcome = cleanup(&account, &sandbox, &arguments).run().code(2);
    insta::assert_snapshot!(rows(&outcome), @r"
      done           eu-west-1  all versions   1 of 2 removed, 1.3 KB; 1.9 MB of code storage
      unchanged      us-east-1  all versions   0 of 2 to remove; 1.9 MB of code storage
      failed         us-east-1  the functions  not read: nothing is removed in us-east-1
      done           eu-west-1  version 1      [age], 1.3 KB, removed because: not the newest, not in use
      kept           eu-west-1  version 2      [age], 1.3 KB, kept because: the newest; the current version
      kept           us-east-1  version 2      [age], 1.3 KB, kept because: the functions in us-east-1 could not be read; the newest; the current version
      kept           us-east-1  version 1      [age], 1.3 KB, kept because: the functions in us-east-1 could not be read
    shared failed
    ");
    insta::assert_snapshot!(outcome.stderr.lines().filter(|line| line.starts_with(['e', 'c', 'h'])).collect::<Vec<_>>().join("\n"), @r#"
    error: 1 change to `shared` failed
    cause: the functions in us-east-1: lambda:ListFunctions failed for `*`: AccessDeniedException (HTTP 403): no (request 8f3c)
    hint: allow it: {"Effect": "Allow", "Action": "lambda:ListFunctions", "Resource": "*"}; the next run does only what is missing
    "#);
    assert_eq!((account.numbers(EU), account.numbers(US)), (vec![2], vec![1, 2]));
    account.proxy.behave();
    account.proxy.rule(Rule::on("GET", VERSIONS).edit(aged));
    cleanup(&account, &sandbox, &arguments).run().success();
    assert_eq!((account.numbers(EU), account.numbers(US)), (vec![2], vec![2]));
}
