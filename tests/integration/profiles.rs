//! Whose credentials a run has: profiles of a laptop, endpoints that a company prescribes, and regions by their names.

use crate::account::{Account, EU, LAYER, US};
use crate::harness::{Run, Sandbox};
use crate::packages::wheel;
use crate::proxy::Rule;

/// `acme` as the AWS CLI names the file of that session.
const SSO_FILE: &str = "293abb6b76d7791c0732cc517d38c4b5c734b87f.json";
const SSO: &str = "\
[profile layers]
sso_session = acme
sso_account_id = 123456789012
sso_role_name = publisher
region = eu-west-1
[sso-session acme]
sso_start_url = https://acme.awsapps.com/start
sso_region = eu-central-1
sso_registration_scopes = sso:account:access
";
const USER: &str = "arn:aws:iam::123456789012:user/somebody";
const NEVER: &str = "2099-01-01T00:00:00Z";
const LONG_AGO: &str = "2020-01-01T00:00:00Z";

struct Laptop {
    account: Account,
    sandbox: Sandbox,
}

impl Laptop {
    /// With this in `~/.aws/config`.
    fn new(config: &str) -> Self {
        let sandbox = Sandbox::with_requirements("./six-1.0-py3-none-any.whl\n");
        wheel(&sandbox.path(""), "six", "1.0");
        let laptop = Self { account: Account::with_buckets(&[EU]), sandbox };
        laptop.write(".aws/config", config);
        laptop
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.sandbox.root().join("home").join(path);
        fs_err::create_dir_all(path.parent().expect("has a parent")).expect("can be made");
        fs_err::write(path, text).expect("can be written");
    }

    fn logged_in_to_sso(config: &str, until: &str) -> Self {
        let laptop = Self::new(config);
        let token = serde_json::json!({
            "startUrl": "https://acme.awsapps.com/start", "region": "eu-central-1",
            "accessToken": "a-bearer-token", "expiresAt": until,
        });
        laptop.write(&format!(".aws/sso/cache/{SSO_FILE}"), &token.to_string());
        let credentials = serde_json::json!({"roleCredentials": {
            "accessKeyId": "OFSSO", "secretAccessKey": "s", "sessionToken": "t", "expiration": 4_070_908_800_000_i64,
        }});
        let portal = Rule::on("GET", "/federation/credentials");
        laptop.account.proxy.rule(portal.reply(200, "content-type: application/json", &credentials.to_string()));
        laptop
    }

    fn logged_in(until: &str) -> Self {
        let laptop = Self::new(&format!("[profile layers]\nlogin_session = {USER}\nregion = eu-west-1\n"));
        let token = serde_json::json!({
            "accessToken": {
                "accessKeyId": "OFLOGIN", "secretAccessKey": "s", "sessionToken": "t", "accountId": "123456789012",
                "expiresAt": until,
            },
            "tokenType": "aws_sigv4", "refreshToken": "r", "idToken": "i",
            "clientId": "arn:aws:signin:::devtools/same-device", "dpopKey": "none",
        });
        let name = lambda_layer::types::Digest::of(USER.as_bytes()).hex();
        laptop.write(&format!(".aws/login/cache/{name}.json"), &token.to_string());
        laptop
    }

    fn process(script: &str) -> Self {
        let laptop = Self::new("");
        laptop.sandbox.program("credentials", script);
        let program = laptop.sandbox.root().join("credentials");
        laptop.write(".aws/config", &format!("[profile layers]\ncredential_process = {program}\nregion = eu-west-1\n"));
        laptop
    }

    fn publish(&self) -> Run {
        let base = ["publish", "--registry", "aws", "--layer-name", LAYER, "--python-version", "3.13"];
        let run = self.sandbox.run(&base).args(&["--bucket", "layers-{region}"]).env("AWS_PROFILE", "layers");
        run.env("AWS_ENDPOINT_URL", self.account.proxy.url()).env("AWS_EC2_METADATA_DISABLED", "true")
    }

    /// Publishes with the access key of whoever this is.
    #[track_caller]
    fn publishes_as(&self, key: &str) {
        self.publish().run().success();
        assert_eq!(self.account.numbers(EU), [1]);
        let keys: Vec<String> = self.account.proxy.seen("POST", "/layers/").into_iter().map(|seen| seen.key).collect();
        assert_eq!(keys, [key]);
    }
}

#[test]
fn a_session_of_single_sign_on_publishes() {
    let laptop = Laptop::logged_in_to_sso(SSO, NEVER);
    laptop.publishes_as("OFSSO");
    let asked = laptop.account.proxy.seen("GET", "/federation/credentials");
    assert!(!asked.is_empty(), "the session was not used");
    assert!(asked.iter().all(|asked| asked.path.contains("role_name=publisher")), "{asked:?}");
}

#[test]
fn a_process_that_gives_credentials_publishes() {
    let laptop = Laptop::process(
        r#"echo '{"Version": 1, "AccessKeyId": "OFPROCESS", "SecretAccessKey": "s", "SessionToken": "t", "Expiration": "2099-01-01T00:00:00Z"}'"#,
    );
    laptop.publishes_as("OFPROCESS");
}

#[test]
fn a_login_of_the_console_publishes() {
    Laptop::logged_in(NEVER).publishes_as("OFLOGIN");
}

#[test]
fn a_session_that_ended_says_how_to_begin_another() {
    let outcome = Laptop::logged_in_to_sso(SSO, LONG_AGO).publish().run().code(2);
    outcome.says("error: the single sign-on session of the profile has expired").says("hint: run `aws sso login`");
    let outcome = Laptop::new(SSO).publish().run().code(2);
    outcome.says("error: the single sign-on session of the profile has expired").says("hint: run `aws sso login`");
    let outcome = Laptop::logged_in(LONG_AGO).publish().run().code(2);
    outcome.says("error: the login session of the profile has expired").says("hint: run `aws login`");
    let outcome = Laptop::process("echo broken >&2\nexit 3\n").publish().run().code(2);
    outcome.says("the `credential_process` of the profile returned no credentials").says("hint: run it separately");
}

#[test]
fn a_session_that_aws_refuses_says_what_to_correct() {
    let refused = |status: u16, code: &str, message: &str| {
        let laptop = Laptop::logged_in_to_sso(SSO, NEVER);
        let body = serde_json::json!({"__type": code, "message": message}).to_string();
        let headers = format!("x-amzn-errortype: {code}\r\ncontent-type: application/json");
        laptop.account.proxy.rule_first(Rule::on("GET", "/federation/credentials").reply(status, &headers, &body));
        laptop.publish().run().code(2)
    };
    let revoked = refused(401, "UnauthorizedException", "Session token not found or invalid");
    revoked.says("error: the single sign-on session of the profile has expired").says("hint: run `aws sso login`");
    let another = refused(403, "ForbiddenException", "No access");
    another.says("does not grant the role of the profile").says("hint: correct `sso_account_id` and `sso_role_name`");
    let unknown = Laptop::new(&SSO.replace("sso_session = acme", "sso_session = other")).publish().run().code(2);
    unknown.says("error: could not load the AWS profile").says("cause: ProfileFile provider").says("`~/.aws/config`");
    let missing = Laptop::new("").publish().args(&["--regions", EU]).run().code(2);
    missing.says("error: there are no AWS credentials").says("`aws configure list-profiles`");
}

/// A job that may ask GitHub for a token.
fn in_a_job(laptop: &Laptop, arguments: &[&str]) -> Run {
    let base = ["publish", "--registry", "aws", "--layer-name", LAYER, "--python-version", "3.13"];
    let answer = r#"{"value": "a.b.c"}"#;
    laptop.account.proxy.rule(Rule::on("GET", "/token").reply(200, "content-type: application/json", answer));
    let run = laptop.sandbox.run(&base).args(arguments).env("AWS_ENDPOINT_URL", laptop.account.proxy.url());
    run.env("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/token?api-version=2.0", laptop.account.proxy.url()))
        .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t0ken")
        .env("GITHUB_REPOSITORY", "acme/layers")
        .env("AWS_EC2_METADATA_DISABLED", "true")
}

#[test]
fn each_partition_has_its_audience() {
    for (partition, region, audience) in [
        ("aws", EU, "sts.amazonaws.com"),
        ("aws-us-gov", "us-gov-west-1", "sts.amazonaws.com"),
        ("aws-cn", "cn-north-1", "sts.amazonaws.com.cn"),
    ] {
        let laptop = Laptop::new("");
        let refused = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
        laptop.account.proxy.rule(Rule::on("POST", "").reply(403, "content-type: text/xml", refused));
        let role = format!("arn:{partition}:iam::123456789012:role/layers");
        let outcome = in_a_job(&laptop, &["--roles", &role, "--regions", region]).run().code(1);
        let outcome = outcome.says(&format!(r#":aud": "{audience}""#));
        let asked = laptop.account.proxy.seen("GET", "/token");
        assert_eq!(asked.len(), 1, "{}", outcome.stderr);
        assert!(asked[0].path.ends_with(&format!("&audience={audience}")), "{}", asked[0].path);
    }
}

#[test]
fn endpoints_for_fips_and_dual_stack_are_not_for_github() {
    for (config, variable) in [
        ("", Some("AWS_USE_FIPS_ENDPOINT")),
        ("", Some("AWS_USE_DUALSTACK_ENDPOINT")),
        ("[default]\nuse_fips_endpoint = true\n", None),
        ("[default]\nuse_dualstack_endpoint = true\n", None),
    ] {
        let laptop = Laptop::new(config);
        let role = ["--roles", "arn:aws:iam::123456789012:role/layers", "--regions", EU];
        let run = in_a_job(&laptop, &role);
        let run = match variable {
            Some(variable) => run.env(variable, "true"),
            None => run,
        };
        // STS itself has no such endpoint here.
        let outcome = run.run().code(2);
        assert_eq!(laptop.account.proxy.seen("GET", "/token").len(), 1, "{}", outcome.stderr);
        outcome.says("`use_fips_endpoint` and `use_dualstack_endpoint`");
    }
}

#[test]
fn sts_is_asked_in_the_first_region_of_the_run() {
    let laptop = Laptop::new("[profile layers]\nregion = eu-central-1\nsts_regional_endpoints = legacy\n");
    laptop.account.make_bucket("layers-us-east-1", US);
    let run = laptop.publish().args(&["--regions", "us-east-1,eu-west-1", "--allowed-account-ids", "123456789012"]);
    let run = run.env("AWS_ACCESS_KEY_ID", "testing").env("AWS_SECRET_ACCESS_KEY", "testing");
    run.env("AWS_REGION", "eu-central-1").env("AWS_STS_REGIONAL_ENDPOINTS", "legacy").run().success();
    let asked = laptop.account.proxy.seen("POST", "/");
    let asked: Vec<&str> = asked.iter().filter(|seen| seen.path == "/").map(|seen| &*seen.region).collect();
    assert!(!asked.is_empty() && asked.iter().all(|region| *region == US), "{asked:?}");
}

/// Nothing but `regions` says where STS is.
#[test]
fn a_token_in_a_file_needs_no_other_region() {
    let laptop = Laptop::new("");
    laptop.sandbox.write("token", "a.b.c");
    let base = ["publish", "--registry", "aws", "--layer-name", LAYER, "--python-version", "3.13"];
    let run = laptop.sandbox.run(&base).args(&["--bucket", "layers-{region}", "--regions", EU]);
    let run = run.env("AWS_ENDPOINT_URL", laptop.account.proxy.url()).env("AWS_EC2_METADATA_DISABLED", "true");
    run.env("AWS_WEB_IDENTITY_TOKEN_FILE", laptop.sandbox.path("token"))
        .env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/layers")
        .run()
        .success();
    assert_eq!(laptop.account.numbers(EU), [1]);
}

#[test]
fn a_region_that_may_be_new_is_tried_and_a_slip_is_not() {
    let laptop = Laptop::new("");
    let nothing = Rule::on("GET", "/layers/").reply(200, "content-type: application/json", r#"{"LayerVersions": []}"#);
    laptop.account.proxy.rule(nothing);
    let plan = |arguments: &[&str]| laptop.account.run(&laptop.sandbox, "plan", arguments);
    let warning = "warning: `eu-west-9` is not in the list of regions with Lambda, and is assumed to be a new one; did you mean `eu-west-";
    plan(&["--regions", "eu-west-9"]).run().success().says(warning);
    plan(&[]).env("AWS_REGION", "eu-west-9").run().success().says(warning);
    let regions: Vec<String> =
        laptop.account.proxy.seen("GET", "/layers/").into_iter().map(|seen| seen.region).collect();
    assert_eq!(regions, ["eu-west-9", "eu-west-9"]);
    for slip in ["eu-wset-1", "eu-west1", "eu"] {
        let outcome = plan(&["--regions", slip]).run().code(1);
        outcome.says(&format!("error: `{slip}` is not a region in which Lambda is available"));
    }
    let outcome = plan(&["--regions", "eu-west-9"]).env("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    outcome.env("AWS_MAX_ATTEMPTS", "1").run().code(2).says("hint: check that the region `eu-west-9` exists");
    plan(&["--regions", "eu-wset-1"]).run().code(1).says("hint: did you mean `eu-west-1`?");
    let outcome = plan(&["--regions", EU]).run().success();
    assert!(!outcome.stderr.contains("warning: `eu"), "{}", outcome.stderr);
}
