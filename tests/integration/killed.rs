//! A publish that is killed at any request that changes something, before or after it arrived: the next run makes it good.

use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region};
use serde_json::Value;

use crate::account::{Account, EU, US};
use crate::harness::{Outcome, Run, Running, Sandbox};
use crate::packages::wheel;
use crate::proxy::{Proxy, Rule};

const REGIONS: [&str; 2] = [EU, US];
const PARTNER: &str = "210987654321";

struct Killed {
    account: Account,
    sandbox: Sandbox,
}

impl Killed {
    fn new() -> Self {
        let sandbox = Sandbox::with_requirements("./six-1.0-py3-none-any.whl\n");
        wheel(&sandbox.path(""), "six", "1.0");
        Self { account: Account::with_buckets(&REGIONS), sandbox }
    }

    /// Everything that follows a publish, but for functions.
    fn publish(&self, layer: &str) -> Run {
        let base = ["publish", "--registry", "aws", "--layer-name", layer, "--python-version", "3.13"];
        let after = ["--share-with", PARTNER, "--ssm-parameter", "/layers/{layer}/latest", "--labels", "production"];
        let run = self.sandbox.run(&base).args(&["--bucket", "layers-{region}", "--regions", "eu-west-1,us-east-1"]);
        self.account.seen_by(run.args(&after))
    }

    /// Requests of a whole publish that may change something.
    fn changes(&self) -> usize {
        let seen = ["POST", "PUT", "DELETE"].iter().flat_map(|method| self.account.proxy.seen(method, "/"));
        // STS names no operation there.
        seen.filter(|seen| !seen.operation.is_empty() || seen.path != "/")
            .filter(|seen| !seen.operation.contains("Get"))
            .count()
    }

    /// Numbers of the versions of a layer.
    fn versions(&self, region: &str, layer: &str) -> Vec<i64> {
        let listed = self.account.lambda(region).list_layer_versions().layer_name(layer).send();
        let listed = self.account.block_on(listed).expect("can be listed");
        listed.layer_versions().iter().map(aws_sdk_lambda::types::LayerVersionsListItem::version).collect()
    }

    fn policy(&self, region: &str, layer: &str) -> Value {
        let policy = self.account.lambda(region).get_layer_version_policy().layer_name(layer).version_number(1).send();
        let policy = self.account.block_on(policy).expect("is there");
        serde_json::from_str(policy.policy().expect("is there")).expect("is JSON")
    }

    fn parameter(&self, region: &str, name: &str) -> Option<String> {
        let config = aws_sdk_ssm::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(Credentials::for_tests())
            .endpoint_url(self.account.moto.url())
            .region(Region::new(region.to_owned()));
        let found = aws_sdk_ssm::Client::from_conf(config.build()).get_parameter().name(name).send();
        self.account.block_on(found).ok()?.parameter?.value
    }

    /// One version in each region, shared once, named and labelled; a further run finds nothing to do.
    #[track_caller]
    fn is_settled(&self, layer: &str, point: &str) {
        let state = self.account.object(EU, &format!("lambda-layers/state/{layer}.json"));
        let state: Value = serde_json::from_slice(&state).expect("is JSON");
        assert_eq!(state["claim"], Value::Null, "{point}");
        assert_eq!(state["contents"].as_object().map(serde_json::Map::len), Some(1), "{point}: {state:#}");
        assert_eq!(state["labels"]["production"].as_array().map(Vec::len), Some(1), "{point}: {state:#}");
        for region in REGIONS {
            let arn = format!("arn:aws:lambda:{region}:123456789012:layer:{layer}:1");
            assert_eq!(self.versions(region, layer), [1], "{point}");
            assert!(state.to_string().contains(&arn), "{point}: {state:#}");
            let policy = self.policy(region, layer);
            assert_eq!(policy["Statement"].as_array().map(Vec::len), Some(1), "{point}: {policy:#}");
            let parameter = self.parameter(region, &format!("/layers/{layer}/latest"));
            assert_eq!(parameter.as_deref(), Some(&*arn), "{point}");
        }
        self.account.proxy.begin_again();
        let outcome: Outcome = self.publish(layer).run().success();
        outcome.says(&format!("{layer} unchanged"));
        assert_eq!(self.changes(), 0, "{point}: the last run changes nothing");
    }

    /// Kills a run at each of its requests in turn.
    fn at_each(&self, mode: &str, rule: fn(Rule) -> Rule) {
        self.publish("whole").run().success();
        let changes = self.changes();
        assert!(changes >= 10, "{changes}: uploads, claim, versions, policies, parameters, state");
        // With those that ask for parameters.
        let count = self.account.proxy.seen("POST", "/").len() + self.account.proxy.seen("PUT", "/").len();
        self.is_settled("whole", "not killed");
        // The next run waits for the claim of the killed one, and the test for all of them at once.
        let next: Vec<_> = (0..count).map(|number| self.killed_at(number, mode, rule)).collect();
        let mut layers = Vec::new();
        for (layer, running) in next {
            running.wait().success();
            layers.push(layer);
        }
        for (number, layer) in layers.iter().enumerate() {
            self.is_settled(layer, &format!("{mode} request {number} of {count}"));
        }
    }

    /// Kills a run at one of its requests, and starts the next one of the same layer.
    fn killed_at(&self, number: usize, mode: &str, rule: fn(Rule) -> Rule) -> (String, Running) {
        let layer = format!("killed-{mode}-{number}");
        // Of its own, as runs of other layers are under way.
        let proxy = Proxy::before(&self.account.moto);
        proxy.rule(rule(Rule::on_change().after(number).times(1)));
        let running = self.publish(&layer).env("AWS_ENDPOINT_URL", proxy.url()).start();
        proxy.wait_for_held();
        running.kill();
        proxy.forget_held();
        let next = self.publish(&layer).start();
        (layer, next)
    }
}

#[test]
fn before_any_request_arrives() {
    Killed::new().at_each("before", Rule::hold);
}

#[test]
fn after_any_request_arrived() {
    Killed::new().at_each("after", Rule::hold_answer);
}
