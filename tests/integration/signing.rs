//! Signed layers. moto knows profiles and signs nothing: what AWS Signer answers, and what Lambda says of a signed
//! version, is told by the proxy.

use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use aws_sdk_signer::config::{BehaviorVersion, Credentials, Region};

use crate::account::{Account, EU};
use crate::harness::{Run, Sandbox};
use crate::proxy::Rule;

const SIGNED: &str = "lambda-layers/shared/signed/made-by-the-test.zip";
const JOBS: &str = "/signing-jobs";

struct Signer {
    account: Account,
    runtime: tokio::runtime::Runtime,
}

impl Signer {
    /// With a bucket that keeps versions, the profile `layers`, and a job that is done at the second look.
    fn new() -> Self {
        let signer = Self::without_versions();
        signer.sign_from_now_on();
        signer
    }

    fn sign_from_now_on(&self) {
        self.keep_versions();
        self.account.put_object(EU, SIGNED, b"a signed zip");
        let proxy = &self.account.proxy;
        proxy.rule(Rule::on("POST", JOBS).reply(200, "content-type: application/json", r#"{"jobId":"j-1"}"#));
        let waits = Rule::on("GET", JOBS).times(1);
        proxy.rule(waits.reply(200, "content-type: application/json", r#"{"jobId":"j-1","status":"InProgress"}"#));
        let done = format!(
            r#"{{"jobId":"j-1","status":"Succeeded","signedObject":{{"s3":{{"bucketName":"layers-eu-west-1","key":"{SIGNED}"}}}}}}"#
        );
        proxy.rule(Rule::on("GET", JOBS).reply(200, "content-type: application/json", &done));
        self.lambda_finds_signatures("POST", "layers");
    }

    fn without_versions() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("can be built");
        let signer = Self { account: Account::with_buckets(&[EU]), runtime };
        let config = aws_sdk_signer::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(Credentials::for_tests())
            .endpoint_url(signer.account.moto.url())
            .region(Region::new(EU));
        let client = aws_sdk_signer::Client::from_conf(config.build());
        let request = client.put_signing_profile().profile_name("layers").platform_id("AWSLambda-SHA384-ECDSA");
        signer.runtime.block_on(request.send()).expect("can be made");
        // moto has another name for it than S3.
        let named = Rule::on("GET", "?versioning").replace("GetBucketVersioningResponse", "VersioningConfiguration");
        signer.account.proxy.rule(named);
        signer
    }

    fn keep_versions(&self) {
        let keeps = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        let s3 = self.account.s3(EU);
        let request = s3.put_bucket_versioning().bucket("layers-eu-west-1").versioning_configuration(keeps);
        self.runtime.block_on(request.send()).expect("can be changed");
    }

    /// From now on Lambda says of all versions that they were signed by this profile.
    fn versions_are_signed_by(&self, profile: &'static str) {
        self.lambda_finds_signatures("GET", profile);
    }

    fn lambda_finds_signatures(&self, method: &'static str, profile: &str) {
        let signed = format!(
            r#""SigningJobArn": "arn:aws:signer:eu-west-1:123456789012:/signing-jobs/j-1", "SigningProfileVersionArn": "arn:aws:signer:eu-west-1:123456789012:/signing-profiles/{profile}/v1", "CodeSha256""#
        );
        self.account.proxy.rule(Rule::on(method, "/layers/shared/versions").replace(r#""CodeSha256""#, &signed));
    }

    fn publish(&self, sandbox: &Sandbox) -> Run {
        self.account.publish(sandbox, &["--signing-profile", "layers"])
    }
}

fn six() -> Sandbox {
    Sandbox::with_requirements("six==1.17.0\n")
}

#[test]
fn the_signed_zip_is_published_and_the_other_one_is_what_counts() {
    let (signer, sandbox) = (Signer::new(), six());
    let outcome = signer.publish(&sandbox).in_actions(&[]).run().success();
    let versions = signer.account.versions(EU);
    let signed = lambda_layer::types::Digest::of(b"a signed zip").base64();
    assert_eq!(versions[0].code_sha256, signed);
    let unsigned = &outcome.outputs()["code-sha256"];
    assert_ne!(*unsigned, signed);
    assert!(versions[0].description.ends_with(&format!("sha256={unsigned}")), "{}", versions[0].description);
    let state = signer.account.state(EU);
    assert_eq!(state["contents"][unsigned]["versions"]["123456789012/eu-west-1"]["version"], 1);

    signer.versions_are_signed_by("layers");
    signer.publish(&sandbox).run().success().says("shared unchanged");
    signer.account.publish(&sandbox, &[]).run().success().says("shared unchanged");
    // Nor does a lost state change what a version is.
    signer.account.delete_object(EU, crate::account::STATE);
    signer.publish(&sandbox).run().success().says("shared unchanged");
    assert_eq!(signer.account.numbers(EU), [1]);
    assert_eq!(signer.account.proxy.seen("POST", JOBS).len(), 1);
}

#[test]
fn what_somebody_put_in_the_place_of_the_zip_is_not_signed() {
    let (signer, sandbox) = (Signer::new(), six());
    let other = "x-amz-checksum-sha256: 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\r\nx-amz-version-id: v2";
    // The first asks whether it is there.
    signer.account.proxy.rule_first(Rule::on("HEAD", ".zip").after(1).reply(200, other, ""));
    let outcome = signer.publish(&sandbox).run().code(2);
    outcome.says("was replaced after the upload").says("find out what else writes to the bucket");
    assert!(signer.account.proxy.seen("POST", JOBS).is_empty());
    assert!(signer.account.numbers(EU).is_empty());
}

#[test]
fn what_was_signed_once_is_published_again_without_a_job() {
    let (signer, sandbox) = (Signer::new(), six());
    let outcome = signer.publish(&sandbox).in_actions(&[]).run().success();
    let hash: lambda_layer::types::ContentHash = outcome.outputs()["code-sha256"].parse().expect("is a hash");
    let key = format!("lambda-layers/shared/signed/layers/{}/j-1.zip", hash.0.hex());
    signer.account.put_object(EU, &key, b"signed before");
    signer.account.delete_version(EU, 1);
    signer.publish(&sandbox).run().success();
    let before = lambda_layer::types::Digest::of(b"signed before").base64();
    assert_eq!(signer.account.versions(EU)[0].code_sha256, before);
    assert_eq!(signer.account.proxy.seen("POST", JOBS).len(), 1);
}

#[test]
fn a_version_that_is_not_signed_is_not_enough() {
    let (signer, sandbox) = (Signer::new(), six());
    signer.account.publish(&sandbox, &[]).run().success();
    let outcome = signer.publish(&sandbox).run().success();
    let outcome = outcome.says("version 1 in eu-west-1 is not signed as requested, or no longer exists");
    outcome.says("arn:aws:lambda:eu-west-1:123456789012:layer:shared:2");
    signer.versions_are_signed_by("layers");
    signer.publish(&sandbox).run().success().says("shared unchanged");
    assert_eq!(signer.account.numbers(EU), [1, 2]);
}

#[test]
fn a_zip_from_before_the_bucket_kept_versions_is_uploaded_again() {
    let (signer, sandbox) = (Signer::without_versions(), six());
    signer.account.publish(&sandbox, &[]).run().success();
    let uploads = signer.account.proxy.seen("PUT", ".zip").len();
    signer.sign_from_now_on();
    signer.publish(&sandbox).run().success();
    assert_eq!(signer.account.proxy.seen("PUT", ".zip").len(), uploads + 1);
    assert_eq!(signer.account.numbers(EU), [1, 2]);
}

#[test]
fn a_bucket_without_versions_is_noticed_before_anything_is_built() {
    let (signer, sandbox) = (Signer::without_versions(), six());
    let trap = sandbox.trap(&["uv", "pip", "python3"]);
    let outcome = signer.publish(&sandbox).path_first(&trap).run().code(1);
    insta::assert_snapshot!(outcome.told(), @"
    exit: 1
    --- stdout
    --- stderr
      [time]  Check for changes                a build is needed
      this layer has not been published before
    error: the bucket `layers-eu-west-1` has no versioning, which AWS Signer requires
    hint: run `aws s3api put-bucket-versioning --bucket layers-eu-west-1 --versioning-configuration Status=Enabled`
    ");
    assert_eq!(sandbox.trapped(), "");
}

#[test]
fn a_profile_that_is_not_there_is_noticed_before_anything_is_built() {
    let (signer, sandbox) = (Signer::new(), six());
    let profile = Rule::on("GET", "/signing-profiles/layer");
    signer.account.proxy.rule(profile.refuse(404, "ResourceNotFoundException", "no such profile"));
    let outcome = signer.account.publish(&sandbox, &["--signing-profile", "layer"]).run().code(1);
    insta::assert_snapshot!(outcome.told(), @"
    exit: 1
    --- stdout
    --- stderr
      [time]  Check for changes                a build is needed
      this layer has not been published before
    error: the signing profile `layer` does not exist in eu-west-1
    hint: run `aws signer put-signing-profile --profile-name layer --platform-id AWSLambda-SHA384-ECDSA --region eu-west-1`
    ");
}

#[test]
fn a_job_that_fails_says_why() {
    let (signer, sandbox) = (Signer::without_versions(), six());
    signer.keep_versions();
    let proxy = &signer.account.proxy;
    proxy.rule(Rule::on("POST", JOBS).reply(200, "content-type: application/json", r#"{"jobId":"j-1"}"#));
    let failed = r#"{"jobId":"j-1","status":"Failed","statusReason":"Access denied on the destination bucket"}"#;
    proxy.rule(Rule::on("GET", JOBS).reply(200, "content-type: application/json", failed));
    let outcome = signer.publish(&sandbox).run().code(1);
    outcome.says("Access denied on the destination bucket");
    assert!(signer.account.numbers(EU).is_empty());
}

#[test]
fn a_zip_without_a_signature_is_noticed() {
    let (signer, sandbox) = (Signer::new(), six());
    let refused = Rule::on("POST", "/layers/shared/versions").replace("SigningJobArn", "Nothing");
    signer.account.proxy.rule_first(refused);
    signer.publish(&sandbox).run().code(2).says("found no signature of AWS Signer");
}

#[test]
fn a_profile_that_cannot_sign_layers_is_noticed_before_anything_is_built() {
    let (signer, sandbox) = (Signer::new(), six());
    let trap = sandbox.trap(&["uv", "pip"]);
    for (profile, said) in [
        (
            r#"{"profileName":"layers","platformId":"AmazonFreeRTOS-Default","status":"Active"}"#,
            "error: the signing profile `layers` in eu-west-1 is for AmazonFreeRTOS-Default\nhint: set `signing-profile` to a profile for AWSLambda",
        ),
        (
            r#"{"profileName":"layers","platformId":"AWSLambda-SHA384-ECDSA","status":"Canceled"}"#,
            "error: the signing profile `layers` in eu-west-1 is no longer active\nhint: set `signing-profile` to another one: a cancelled",
        ),
    ] {
        let answer = Rule::on("GET", "/signing-profiles/layers");
        signer.account.proxy.rule_first(answer.reply(200, "content-type: application/json", profile));
        signer.publish(&sandbox).path_first(&trap).run().code(1).says(said);
    }
    assert_eq!(sandbox.trapped(), "");
    assert!(signer.account.numbers(EU).is_empty());
}
