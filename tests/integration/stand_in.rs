//! The stand-in for AWS itself: what it refuses, how it is slow and late, and that a publish gets along with that.

use std::collections::BTreeMap;

use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use serde_json::json;

use crate::account::{Account, EU, LAYER, US};
use crate::harness::Sandbox;
use crate::packages::wheel;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_requirements("./six-1.0-py3-none-any.whl\n");
    wheel(&sandbox.path(""), "six", "1.0");
    sandbox
}

#[test]
fn what_the_models_refuse_is_refused_in_the_words_of_aws() {
    let account = Account::new();
    let request = account.lambda(EU).publish_layer_version().layer_name("two words").description("x".repeat(257));
    let refused = account.block_on(request.send()).expect_err("is refused").into_service_error();
    assert_eq!(refused.code(), Some("ValidationException"));
    let message = refused.message().unwrap_or_default();
    assert!(message.starts_with("3 validation errors detected: "), "{message}");
    for wanted in [
        "Value null at 'content' failed to satisfy constraint: Member must not be null",
        "at 'description' failed to satisfy constraint: Member must have length less than or equal to 256",
        "Value 'two words' at 'layerName' failed to satisfy constraint: Member must satisfy regular expression pattern: ",
    ] {
        assert!(message.contains(wanted), "{message}");
    }
    assert!(account.moto.refused().contains("lambda:PublishLayerVersion"));
}

#[test]
fn each_refusal_of_the_table_is_said_with_the_names_of_the_request() {
    let account = Account::with_buckets(&[EU]);
    let table =
        fs_err::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/aws/refusals.yml")).expect("is there");
    let rows = table.lines().filter_map(|line| line.strip_prefix("- name: "));
    let mut said = BTreeMap::new();
    for row in rows {
        account.moto.behave(&json!({ "refuse": [{ "operation": "*", "as": row }] }));
        let asked = account.lambda(EU).get_layer_version().layer_name(LAYER).version_number(7).send();
        let refused = account.block_on(asked).expect_err("is refused").into_service_error();
        let message = refused.message().unwrap_or_default().to_owned();
        assert!(!message.is_empty() && !message.contains(['{', '}']), "{row}: {message}");
        said.insert(row, message);
    }
    account.moto.behave(&json!({}));
    assert!(said.len() > 25, "{said:?}");
    insta::assert_snapshot!(said["service-control-policy"], @"User: arn:aws:sts::123456789012:assumed-role/deploy/GitHubActions is not authorized to perform: lambda:GetLayerVersion on resource: arn:aws:lambda:eu-west-1:123456789012:layer:shared:7 with an explicit deny in a service control policy");
}

#[test]
fn an_upload_that_breaks_off_is_no_upload() {
    const HEAD: &str = "PUT /layers-eu-west-1/killed.zip HTTP/1.1\r\nHost: s3.amazonaws.com\r\nAuthorization: \
        AWS4-HMAC-SHA256 Credential=testing/20260101/eu-west-1/s3/aws4_request\r\n";
    let account = Account::with_buckets(&[EU]);
    let whole = ["Content-Length: 3\r\n\r\nzip", "Transfer-Encoding: chunked\r\n\r\n3\r\nzip\r\n0\r\n\r\n"];
    let broken =
        ["Content-Length: 9\r\n\r\n", "Content-Length: 9\r\n\r\nzip", "Transfer-Encoding: chunked\r\n\r\n9\r\nzip"];
    for (bodies, stored) in [(&broken[..], 0), (&whole[..], 1)] {
        for body in bodies {
            let answer = account.moto.send(&format!("{HEAD}{body}"));
            assert_eq!(answer.contains(" 200 "), stored == 1, "{body:?}: {answer}");
            let objects = account.s3(EU).list_objects_v2().bucket("layers-eu-west-1").send();
            let objects = account.block_on(objects).expect("can be listed");
            assert_eq!(objects.contents().len(), stored, "{body:?}");
        }
    }
}

#[test]
fn lists_come_in_pages() {
    let account = Account::new();
    for _ in 0..51 {
        account.publish_by_hand(EU, LAYER, crate::cleanup::EMPTY_ZIP, &["python3.13"]);
    }
    let page = |marker: Option<String>| {
        let asked = account.lambda(EU).list_layer_versions().layer_name(LAYER).set_marker(marker).send();
        account.block_on(asked).expect("can be listed")
    };
    let first = page(None);
    assert_eq!(first.layer_versions().len(), 50);
    assert_eq!(page(first.next_marker().map(str::to_owned)).layer_versions().len(), 1);
}

#[test]
fn a_slow_busy_and_late_aws_gets_one_version_in_each_region() {
    let (account, sandbox) = (Account::with_buckets(&[EU, US]), sandbox());
    account.moto.behave(&json!({
        "seconds": { "lambda:PublishLayerVersion": [0.5, 1], "*": [0, 0.05] },
        "late": { "lambda:ListLayerVersions": 2 },
        "throttle": true,
        "clock": -90,
    }));
    let regions = ["--regions", "eu-west-1,us-east-1", "--ssm-parameter", "/layers/{layer}/latest"];
    account.publish(&sandbox, &regions).run().success().says("published");
    account.publish(&sandbox, &regions).run().success().says("shared unchanged");
    account.moto.behave(&json!({}));
    assert_eq!((account.numbers(EU), account.numbers(US)), (vec![1], vec![1]));
}
