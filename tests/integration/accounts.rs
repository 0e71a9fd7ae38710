//! Several accounts: roles that a run assumes, and roles that GitHub vouches for.

use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region};

use crate::account::{Account, EU, LAYER, MAKE_ROLE, US, VERSIONS};
use crate::budgets::zip_of_megabytes;
use crate::harness::{Run, Sandbox};
use crate::proxy::Rule;
use crate::sharing::rows;

const FIRST: &str = "111111111111";
const SECOND: &str = "222222222222";
const ROLES: &str = "arn:aws:iam::111111111111:role/layers,arn:aws:iam::222222222222:role/layers";

/// Two accounts of moto, with a bucket in each of their two regions.
struct Accounts {
    account: Account,
    runtime: tokio::runtime::Runtime,
}

impl Accounts {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("can be built");
        let accounts = Self { account: Account::new(), runtime };
        for id in [FIRST, SECOND] {
            for region in [EU, US] {
                accounts.make_bucket(id, region);
            }
        }
        accounts
    }

    /// Of somebody in this account.
    fn credentials(&self, id: &str) -> Credentials {
        let config = aws_sdk_sts::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(Credentials::for_tests())
            .endpoint_url(self.account.moto.url())
            .region(Region::new(EU));
        let sts = aws_sdk_sts::Client::from_conf(config.build());
        let request = sts.assume_role().role_arn(format!("arn:aws:iam::{id}:role/tests")).role_session_name("tests");
        let given = self.runtime.block_on(request.send()).expect("is allowed").credentials.expect("are given");
        Credentials::new(given.access_key_id, given.secret_access_key, Some(given.session_token), None, "tests")
    }

    fn make_bucket(&self, id: &str, region: &str) {
        use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(self.credentials(id))
            .endpoint_url(self.account.moto.url())
            .force_path_style(true)
            .region(Region::new(region.to_owned()));
        let place = CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(region));
        let place = (region != US).then(|| place.build());
        let s3 = aws_sdk_s3::Client::from_conf(config.build());
        let request = s3.create_bucket().bucket(format!("layers-{id}-{region}"));
        self.runtime.block_on(request.set_create_bucket_configuration(place).send()).expect("can be made");
    }

    fn lambda(&self, id: &str, region: &str) -> aws_sdk_lambda::Client {
        let config = aws_sdk_lambda::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(self.credentials(id))
            .endpoint_url(self.account.moto.url())
            .region(Region::new(region.to_owned()));
        aws_sdk_lambda::Client::from_conf(config.build())
    }

    /// A function without layers.
    fn make_function(&self, id: &str, region: &str, name: &str) {
        use aws_sdk_lambda::types::{FunctionCode, Runtime};
        self.account.moto.post_as(self.credentials(id).access_key_id(), "iam", MAKE_ROLE);
        let code = FunctionCode::builder().zip_file(zip_of_megabytes(1).into()).build();
        let request = self.lambda(id, region).create_function().function_name(name).code(code).handler("app.handler");
        let request = request.runtime(Runtime::from("python3.13")).role(format!("arn:aws:iam::{id}:role/runs"));
        self.runtime.block_on(request.send()).expect("can be made");
    }

    /// ARNs and hashes of all versions, oldest first.
    fn versions(&self, id: &str, region: &str) -> Vec<(String, String)> {
        let lambda = self.lambda(id, region);
        self.runtime.block_on(async {
            let listed = lambda.list_layer_versions().layer_name(LAYER).send().await;
            let mut versions = Vec::new();
            for version in listed.map(|listed| listed.layer_versions.unwrap_or_default()).unwrap_or_default() {
                let got = lambda.get_layer_version().layer_name(LAYER).version_number(version.version()).send().await;
                let got = got.expect("is there");
                let hash = got.content().and_then(|content| content.code_sha256()).unwrap_or_default().to_owned();
                versions.push((got.layer_version_arn().expect("has an ARN").to_owned(), hash));
            }
            versions.sort();
            versions
        })
    }

    fn publish(&self, sandbox: &Sandbox, arguments: &[&str]) -> Run {
        let regions = ["--regions", "eu-west-1,us-east-1", "--bucket", "layers-{account}-{region}"];
        self.account.run(sandbox, "publish", &regions).args(arguments)
    }
}

fn six() -> Sandbox {
    Sandbox::with_requirements("six==1.17.0\n")
}

#[test]
fn every_account_gets_the_same_bytes_in_every_region() {
    let (accounts, sandbox) = (Accounts::new(), six());
    let outcome = accounts.publish(&sandbox, &["--roles", ROLES]).in_actions(&[]).run().success();
    let mut hashes = std::collections::BTreeSet::new();
    let arns: serde_json::Value = serde_json::from_str(&outcome.outputs()["layer-version-arns"]).expect("is JSON");
    for id in [FIRST, SECOND] {
        for region in [EU, US] {
            let versions = accounts.versions(id, region);
            let [(arn, hash)] = versions.as_slice() else { panic!("{versions:?}") };
            assert_eq!(arns[format!("{id}/{region}")], arn.as_str());
            hashes.insert(hash.clone());
        }
    }
    assert_eq!(hashes.len(), 1);
    let assumed = || accounts.account.proxy.seen("POST", "/").iter().filter(|seen| seen.path == "/").count();
    assert_eq!(assumed(), 2, "each role is assumed once");
    accounts.publish(&sandbox, &["--roles", ROLES]).run().success().says("shared unchanged");
    assert_eq!(assumed(), 4);
}

#[test]
fn an_account_that_fails_takes_nothing_from_the_others() {
    let (accounts, sandbox) = (Accounts::new(), six());
    // One of the two accounts, whichever asks second.
    let refused = Rule::on("POST", VERSIONS).in_region(US).after(1).times(1);
    accounts.account.proxy.rule(refused.refuse(403, "AccessDeniedException", "no"));
    let outcome = accounts.publish(&sandbox, &["--roles", ROLES]).in_actions(&[]).run().code(2);
    let arns: serde_json::Value = serde_json::from_str(&outcome.outputs()["layer-version-arns"]).expect("is JSON");
    assert_eq!(arns.as_object().map(serde_json::Map::len), Some(3));
    let asked = accounts.account.proxy.seen("POST", VERSIONS).len();
    accounts.publish(&sandbox, &["--roles", ROLES]).run().success();
    assert_eq!(accounts.account.proxy.seen("POST", VERSIONS).len(), asked + 1);
    for id in [FIRST, SECOND] {
        assert_eq!((accounts.versions(id, EU).len(), accounts.versions(id, US).len()), (1, 1), "{id}");
    }
}

#[test]
fn versions_are_shared_and_attached_in_every_account() {
    let (accounts, sandbox) = (Accounts::new(), six());
    for id in [FIRST, SECOND] {
        accounts.make_function(id, EU, "orders");
    }
    let arn = format!("arn:aws:lambda:{EU}:{SECOND}:function:orders");
    let publish = |more: &[&str]| accounts.publish(&sandbox, &["--roles", ROLES, "--attach-to"]).args(more).run();
    insta::assert_snapshot!(rows(&publish(&[&arn, "--share-with", "333333333333"]).success()), @"
    done 111111111111/eu-west-1 version 1 shared with 333333333333
    done 111111111111/us-east-1 version 1 shared with 333333333333
    done 222222222222/eu-west-1 version 1 shared with 333333333333
    done 222222222222/us-east-1 version 1 shared with 333333333333
    done 222222222222/eu-west-1 function orders version 1, as layer 1 of 1
    ");
    insta::assert_snapshot!(rows(&publish(&["orders", "--share-with", "333333333333"]).success()), @"
    unchanged 111111111111/eu-west-1 version 1 shared with 333333333333
    unchanged 111111111111/us-east-1 version 1 shared with 333333333333
    unchanged 222222222222/eu-west-1 version 1 shared with 333333333333
    unchanged 222222222222/us-east-1 version 1 shared with 333333333333
    done 111111111111/eu-west-1 function orders version 1, as layer 1 of 1
    unchanged 222222222222/eu-west-1 function orders version 1
    ");
    let third = "arn:aws:lambda:eu-west-1:333333333333:function:orders";
    publish(&[third]).code(1).says("is not in the account and region of the layer: 111111111111/eu-west-1, ");
}

#[test]
fn a_run_without_roles_tells_its_account_from_others() {
    let (accounts, sandbox) = (Accounts::new(), six());
    accounts.account.make_bucket("states", EU);
    let state = ["--state", "s3://states"];
    let regions = ["--regions", "eu-west-1,us-east-1", state[0], state[1]];
    let run = |more: &[&str]| accounts.account.run(&sandbox, "publish", &regions).args(more).run();
    run(&["--roles", ROLES]).success();
    run(&[]).success().says("arn:aws:lambda:eu-west-1:123456789012:layer:shared:1");
    run(&[]).success().says("shared unchanged");
    run(&["--roles", ROLES]).success().says("shared unchanged");
    assert_eq!(accounts.account.numbers(EU), [1]);
    assert_eq!(accounts.versions(FIRST, EU).len(), 1);
}

#[test]
fn the_wrong_account_is_noticed_before_anything_happens() {
    let (accounts, sandbox) = (Accounts::new(), six());
    let allowed = ["--allowed-account-ids", FIRST];
    let outcome = accounts.publish(&sandbox, &[&["--roles", ROLES], &allowed[..]].concat()).run().code(1);
    insta::assert_snapshot!(outcome.told(), @"
    exit: 1
    --- stdout
    --- stderr
    error: the account is 222222222222, but `allowed-account-ids` allows only `111111111111`
    hint: check which role the previous step assumes, or correct `allowed-account-ids`
    ");
    let outcome = accounts.publish(&sandbox, &allowed).run().code(1);
    insta::assert_snapshot!(outcome.told(), @"
    exit: 1
    --- stdout
    --- stderr
    error: the account is 123456789012, but `allowed-account-ids` allows only `111111111111`
    hint: check which role the previous step assumes, or correct `allowed-account-ids`
    ");
    assert!(accounts.account.proxy.seen("POST", VERSIONS).is_empty());
}

#[test]
fn a_role_that_cannot_be_assumed_is_named_with_what_to_do() {
    let (accounts, sandbox) = (Accounts::new(), six());
    let refusal = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: \
        arn:aws:sts::123456789012:assumed-role/ci/run is not authorized to perform: sts:AssumeRole</Message></Error>\
        <RequestId>8f3c</RequestId></ErrorResponse>";
    accounts.account.proxy.rule(Rule::on("POST", "/").reply(403, "content-type: text/xml", refusal));
    let arguments = ["--roles", "arn:aws:iam::111111111111:role/layers", "--external-id", "acme"];
    let outcome = accounts.publish(&sandbox, &arguments).run().code(1);
    insta::assert_snapshot!(outcome.told(), @r#"
    exit: 1
    --- stdout
    --- stderr
    error: could not assume the role `arn:aws:iam::111111111111:role/layers`
    cause: AccessDenied (HTTP 403): User: arn:aws:sts::123456789012:assumed-role/ci/run is not authorized to perform: sts:AssumeRole
    hint: add to the role's trust policy {"Effect": "Allow", "Principal": {"AWS": "ARN OF THIS RUN'S ROLE"}, "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "acme"}}}, and allow the role of this run to call `sts:AssumeRole` on it
    "#);
}

mod github {
    //! GitHub's side is a server of ours: its answer is one field of JSON.

    use std::io::Write as _;
    use std::net::TcpListener;
    use std::sync::{Arc, Mutex};

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::{Accounts, ROLES, six};
    use crate::account::{EU, US};
    use crate::harness::Run;
    use crate::proxy::{Rule, answer, read_request};

    /// Gives tokens.
    struct TokenServer {
        port: u16,
        /// Heads of the requests.
        seen: Arc<Mutex<Vec<String>>>,
    }

    impl TokenServer {
        fn start(status: u16, body: String) -> Self {
            let listener = TcpListener::bind(("127.0.0.1", 0)).expect("can be bound");
            let port = listener.local_addr().expect("is bound").port();
            let seen = Arc::new(Mutex::new(Vec::new()));
            let noted = Arc::clone(&seen);
            std::thread::spawn(move || {
                for mut stream in listener.incoming().map_while(Result::ok) {
                    let Ok(Some((head, _))) = read_request(&mut stream) else { continue };
                    noted.lock().expect("no thread panics").push(head);
                    stream.write_all(answer(status, "content-type: application/json", &body).as_bytes()).ok();
                }
            });
            Self { port, seen }
        }

        /// As a job with `id-token: write`, and without any credentials.
        fn seen_by(&self, run: Run) -> Run {
            let url = format!("http://127.0.0.1:{}/token?api-version=2.0", self.port);
            let run = run.env("AWS_ACCESS_KEY_ID", "").env("AWS_SECRET_ACCESS_KEY", "");
            let run = run.env("GITHUB_REPOSITORY", "acme/layers").env("GITHUB_REPOSITORY_OWNER_ID", "71");
            let run = run.env("GITHUB_REPOSITORY_ID", "72").env("ACTIONS_ID_TOKEN_REQUEST_URL", url);
            run.env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "bearer-of-the-job")
        }
    }

    fn token() -> String {
        let claims = r#"{"iss":"https://token.actions.githubusercontent.com","sub":"repo:acme@71/layers@72:environment:production"}"#;
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn roles_are_assumed_with_a_token_of_github() {
        let (accounts, sandbox) = (Accounts::new(), six());
        let github = TokenServer::start(200, format!(r#"{{"count":1,"value":"{}"}}"#, token()));
        let outcome = github.seen_by(accounts.publish(&sandbox, &["--roles", ROLES])).run().success();
        for id in [super::FIRST, super::SECOND] {
            assert_eq!((accounts.versions(id, EU).len(), accounts.versions(id, US).len()), (1, 1), "{id}");
        }
        let seen = github.seen.lock().expect("no thread panics").clone();
        let head = seen[0].to_lowercase();
        assert!(head.starts_with("get /token?api-version=2.0&audience=sts.amazonaws.com http/1.1"), "{head}");
        assert!(head.contains("authorization: bearer bearer-of-the-job"), "{head}");
        assert!(!head.contains("x-amz-"), "{head}");
        assert!(!outcome.told().contains(&token()));
    }

    #[test]
    fn a_role_that_does_not_trust_github_is_named_with_the_statement() {
        let (accounts, sandbox) = (Accounts::new(), six());
        let github = TokenServer::start(200, format!(r#"{{"value":"{}"}}"#, token()));
        let refusal = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>Not authorized to \
            perform sts:AssumeRoleWithWebIdentity</Message></Error><RequestId>8f3c</RequestId></ErrorResponse>";
        accounts.account.proxy.rule(Rule::on("POST", "/").reply(403, "content-type: text/xml", refusal));
        let role = ["--roles", "arn:aws:iam::111111111111:role/layers"];
        let outcome = github.seen_by(accounts.publish(&sandbox, &role)).run().code(1);
        insta::assert_snapshot!(outcome.told(), @r#"
        exit: 1
        --- stdout
        --- stderr
        error: could not assume the role `arn:aws:iam::111111111111:role/layers` with GitHub's token
        cause: AccessDenied (HTTP 403): Not authorized to perform sts:AssumeRoleWithWebIdentity
        hint: add to the role's trust policy {"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com"}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com", "token.actions.githubusercontent.com:sub": ["repo:acme/layers:environment:production", "repo:acme@71/layers@72:environment:production"]}}}
        "#);
    }

    #[test]
    fn github_may_give_no_token() {
        let (accounts, sandbox) = (Accounts::new(), six());
        let github = TokenServer::start(403, "{}".to_owned());
        let outcome = github.seen_by(accounts.publish(&sandbox, &["--roles", ROLES])).run().code(2);
        assert!(outcome.told().contains("id-token: write"), "{}", outcome.told());
        let with_id = ["--roles", ROLES, "--external-id", "acme"];
        let outcome = github.seen_by(accounts.publish(&sandbox, &with_id)).run().code(1);
        outcome.says("`external-id` is given, but roles are assumed with GitHub's token");
    }
    #[test]
    fn an_account_that_does_not_know_github_is_named() {
        let (accounts, sandbox) = (Accounts::new(), six());
        let github = TokenServer::start(200, format!(r#"{{"value":"{}"}}"#, token()));
        let refusal = "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidIdentityToken</Code><Message>No OpenIDConnect \
            provider found in your account for https://token.actions.githubusercontent.com</Message></Error></ErrorResponse>";
        accounts.account.proxy.rule(Rule::on("POST", "/").reply(400, "content-type: text/xml", refusal));
        let role = ["--roles", "arn:aws:iam::111111111111:role/layers"];
        let outcome = github.seen_by(accounts.publish(&sandbox, &role)).run().code(1);
        let outcome =
            outcome.says("error: could not assume the role `arn:aws:iam::111111111111:role/layers` with GitHub's");
        let outcome =
            outcome.says("cause: InvalidIdentityToken (HTTP 400): No OpenIDConnect provider found in your account");
        outcome.says(
            "hint: add GitHub as an identity provider to the account, and add to the role's trust policy {\"Effect\":",
        );
    }

    #[test]
    fn an_answer_of_github_that_is_no_token_is_not_shown() {
        let (accounts, sandbox) = (Accounts::new(), six());
        let github = TokenServer::start(200, format!("<html>{}", token()));
        let outcome = github.seen_by(accounts.publish(&sandbox, &["--roles", ROLES])).run().code(2);
        assert!(!outcome.told().contains(&token()), "{}", outcome.told());
        let outcome = outcome.says("error: GitHub's response does not contain an identity token\n");
        outcome.says("hint: run again, or run aws-actions/configure-aws-credentials before this step");
    }
}
