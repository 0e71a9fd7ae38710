//! What lies in the bucket is not believed to be what its key says.

use crate::account::{Account, EU};
use crate::harness::{Outcome, Run, Sandbox};
use crate::packages::wheel;

struct Bucket {
    account: Account,
    sandbox: Sandbox,
}

impl Bucket {
    fn new() -> Self {
        let sandbox = Sandbox::with_requirements("./six-1.0-py3-none-any.whl\n");
        wheel(&sandbox.path(""), "six", "1.0");
        Self { account: Account::with_buckets(&[EU]), sandbox }
    }

    fn publish(&self) -> Run {
        self.account.publish(&self.sandbox, &[])
    }

    /// Key of the zip and its bytes, without anything published.
    fn zip(&self) -> (String, Vec<u8>) {
        self.account.run(&self.sandbox, "build", &["--output", "layer.zip"]).run().success();
        let bytes = fs_err::read(self.sandbox.path("layer.zip")).expect("is there");
        let hash = lambda_layer::types::Digest::of(&bytes).hex();
        (format!("lambda-layers/shared/{hash}.zip"), bytes)
    }

    fn uploads(&self) -> usize {
        self.account.proxy.seen("PUT", ".zip").len()
    }
}

#[track_caller]
fn published(outcome: Outcome, bucket: &Bucket, key: &str, bytes: &[u8]) {
    outcome.success();
    let hash = lambda_layer::types::ContentHash(lambda_layer::types::Digest::of(bytes)).to_string();
    let versions = bucket.account.versions(EU);
    assert_eq!(versions.iter().map(|version| &version.code_sha256).collect::<Vec<_>>(), [&hash]);
    assert_eq!(bucket.account.object(EU, key), bytes);
}

#[test]
fn other_bytes_of_the_same_length_are_replaced_before_they_are_published() {
    let bucket = Bucket::new();
    let (key, bytes) = bucket.zip();
    let mut others = bytes.clone();
    let middle = others.len() / 2;
    others[middle] ^= 0xff;
    bucket.account.put_object(EU, &key, &others);
    published(bucket.publish().run(), &bucket, &key, &bytes);
    assert_eq!(bucket.uploads(), 1);
}

#[test]
fn what_an_earlier_run_uploaded_is_not_uploaded_again() {
    let bucket = Bucket::new();
    let (key, bytes) = bucket.zip();
    published(bucket.publish().run(), &bucket, &key, &bytes);
    bucket.account.delete_version(EU, 1);
    let before = bucket.uploads();
    bucket.publish().run().success();
    assert_eq!((before, bucket.uploads()), (1, 1));
}

#[test]
fn settings_of_checksums_change_nothing() {
    for value in ["when_required", "when_supported"] {
        let bucket = Bucket::new();
        let (key, bytes) = bucket.zip();
        bucket.account.put_object(EU, &key, &vec![0; bytes.len()]);
        let run = || {
            let run = bucket.publish().env("AWS_REQUEST_CHECKSUM_CALCULATION", value);
            run.env("AWS_RESPONSE_CHECKSUM_VALIDATION", value)
        };
        published(run().run(), &bucket, &key, &bytes);
        bucket.account.delete_version(EU, 1);
        run().run().success();
        assert_eq!(bucket.uploads(), 1, "{value}");
    }
}
