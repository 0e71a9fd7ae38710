//! Functions that get a version: found, judged before the first changes, and brought forward or back.

use crate::account::{Account, EU, LAYER, US};
use crate::budgets::{zip_declaring, zip_of_megabytes};
use crate::harness::{FileServer, Outcome, Run, Sandbox};
use crate::packages::wheel;
use crate::proxy::Rule;
use crate::sharing::rows;

/// In the path of requests about functions.
const FUNCTIONS: &str = "/functions/";

struct Functions {
    account: Account,
    sandbox: Sandbox,
}

impl Functions {
    /// With a first version in each region.
    fn new(regions: &[&str]) -> Self {
        let functions = Self {
            account: Account::with_buckets(regions),
            sandbox: Sandbox::with_requirements("./six-1.0-py3-none-any.whl\n"),
        };
        wheel(&functions.sandbox.path(""), "six", "1.0");
        functions.publish(regions, &[]).success();
        functions
    }

    fn publish(&self, regions: &[&str], arguments: &[&str]) -> Outcome {
        self.account.publish(&self.sandbox, &["--regions", &regions.join(",")]).args(arguments).run()
    }

    /// Publishes a second version.
    fn publish_another(&self, regions: &[&str], arguments: &[&str]) -> Outcome {
        wheel(&self.sandbox.path(""), "six", "1.1");
        self.sandbox.write("requirements.txt", "./six-1.1-py3-none-any.whl\n");
        self.publish(regions, arguments)
    }

    fn attach(&self, functions: &str, arguments: &[&str]) -> Run {
        let arguments = [&["attach", "--registry", "aws", "--layer-name", LAYER, "--attach-to", functions], arguments];
        let run = self.sandbox.run(&arguments.concat());
        self.account.seen_by(run.args(&["--bucket", "layers-{region}"]))
    }

    /// A function of a few bytes.
    fn make(&self, region: &str, name: &str, layers: &[&str]) {
        self.account.make_function(region, name, &zip_of_megabytes(1), layers);
    }

    fn other(&self, region: &str, name: &str) -> String {
        self.account.publish_by_hand(region, name, &zip_of_megabytes(1), &["python3.13"])
    }

    fn layers(&self, region: &str, name: &str) -> Vec<String> {
        self.account.layers_of(region, name)
    }
}

fn ours(region: &str, version: u64) -> String {
    format!("arn:aws:lambda:{region}:123456789012:layer:{LAYER}:{version}")
}

#[test]
fn a_new_version_takes_the_place_of_the_old_one_and_a_second_run_asks_once() {
    let functions = Functions::new(&[EU]);
    let (first, last) = (functions.other(EU, "first"), functions.other(EU, "last"));
    functions.make(EU, "orders", &[&first, &ours(EU, 1), &last]);
    functions.make(EU, "invoices", &[]);
    let both = ["--attach-to", "orders,invoices"];
    insta::assert_snapshot!(rows(&functions.publish_another(&[EU], &both).success()), @"
    done eu-west-1 function orders version 1 → 2
    done eu-west-1 function invoices version 2, as layer 1 of 1
    ");
    assert_eq!(functions.layers(EU, "orders"), [first, ours(EU, 2), last]);
    assert_eq!(functions.layers(EU, "invoices"), [ours(EU, 2)]);
    let asked = |method| functions.account.proxy.seen(method, FUNCTIONS).len();
    let before = (asked("GET"), asked("PUT"));
    insta::assert_snapshot!(rows(&functions.publish(&[EU], &both).success()), @"
    unchanged eu-west-1 function orders version 2
    unchanged eu-west-1 function invoices version 2
    ");
    assert_eq!((asked("GET"), asked("PUT")), (before.0 + 2, before.1), "one look at each");
}

#[test]
fn a_dry_run_shows_before_and_after_and_a_number_goes_back() {
    let functions = Functions::new(&[EU]);
    functions.publish_another(&[EU], &[]).success();
    functions.make(EU, "orders", &[&ours(EU, 1)]);
    insta::assert_snapshot!(rows(&functions.attach("orders", &["--dry-run"]).run().success()), @"would be done eu-west-1 function orders version 1 → 2");
    assert_eq!(functions.layers(EU, "orders"), [ours(EU, 1)]);
    functions.attach("orders", &[]).run().success().says("attached");
    assert_eq!(functions.layers(EU, "orders"), [ours(EU, 2)]);
    insta::assert_snapshot!(rows(&functions.attach("orders", &["--layer-version", "1"]).run().success()), @"done eu-west-1 function orders version 2 → 1");
    assert_eq!(functions.layers(EU, "orders"), [ours(EU, 1)]);
}

#[test]
fn functions_are_found_by_tag_by_arn_and_where_they_are() {
    let functions = Functions::new(&[EU, US]);
    for (region, name) in [(EU, "orders"), (EU, "invoices"), (US, "orders"), (US, "reports")] {
        functions.make(region, name, &[]);
    }
    functions.account.tag_function(EU, "invoices", "team", "data");
    functions.account.tag_function(US, "reports", "team", "data");
    functions.account.tag_function(US, "orders", "team", "shop");
    let regions = ["--regions", "eu-west-1,us-east-1"];
    insta::assert_snapshot!(rows(&functions.attach("tag:team=data,invoices", &regions).run().success()), @"
    done eu-west-1 function invoices version 1, as layer 1 of 1
    done us-east-1 function reports version 1, as layer 1 of 1
    ");
    assert_eq!(functions.layers(US, "orders"), Vec::<String>::new());
    let arn = format!("arn:aws:lambda:{US}:123456789012:function:orders");
    insta::assert_snapshot!(rows(&functions.attach(&arn, &regions).run().success()), @"done us-east-1 function orders version 1, as layer 1 of 1");
    assert_eq!(functions.layers(EU, "orders"), Vec::<String>::new());
    functions
        .attach("tag:team=nobody", &regions)
        .run()
        .code(1)
        .says("no function has `tag:team=nobody` in eu-west-1, us-east-1");
    functions
        .attach("payments", &regions)
        .run()
        .code(1)
        .says("the function `payments` does not exist in 123456789012/eu-west-1, 123456789012/us-east-1");
    functions
        .attach("orders:live", &regions)
        .run()
        .code(1)
        .says("`orders:live` is the version or alias `live` of a function");
    let elsewhere = "arn:aws:lambda:eu-north-1:123456789012:function:orders";
    functions
        .attach(elsewhere, &regions)
        .run()
        .code(1)
        .says("is not in the account and region of the layer: 123456789012/eu-west-1, ");
}

#[test]
fn one_that_is_refused_takes_nothing_from_the_others() {
    let functions = Functions::new(&[EU]);
    let zip = zip_of_megabytes(1);
    functions.make(EU, "fine", &[]);
    functions.account.make_function_on(EU, "old", &zip, &[], ("python3.12", "x86_64"));
    functions.account.make_function_on(EU, "arm", &zip, &[], ("python3.13", "arm64"));
    let layers: Vec<String> = (0..5).map(|index| functions.other(EU, &format!("other{index}"))).collect();
    functions.make(EU, "full", &layers.iter().map(String::as_str).collect::<Vec<_>>());
    functions.make(EU, "image", &[]);
    functions.account.proxy.rule(Rule::on("GET", "/functions/image").replace("\"Zip\"", "\"Image\""));
    let outcome = functions.attach("fine,old,arm,full,image", &[]).run().code(1);
    insta::assert_snapshot!(rows(&outcome), @"
    done eu-west-1 function fine version 1, as layer 1 of 1
    failed eu-west-1 function old version 1, as layer 1 of 1
    failed eu-west-1 function arm version 1, as layer 1 of 1
    failed eu-west-1 function full version 1, as layer 6 of 6
    failed eu-west-1 function image version 1, as layer 1 of 1
    ");
    let causes: Vec<&str> = outcome.stderr.lines().filter(|line| line.starts_with("cause: ")).collect();
    insta::assert_snapshot!(causes.join("\n"), @"
    cause: function old in eu-west-1: it uses `python3.12`, but version 1 of `shared` is for `python3.13`
    cause: function arm in eu-west-1: it runs on `arm64`, but version 1 of `shared` is for `x86_64`
    cause: function full in eu-west-1: it already has 5 other layers, and Lambda allows 5 in total
    cause: function image in eu-west-1: it runs from a container image, which cannot use layers
    ");
    assert_eq!(functions.account.proxy.seen("PUT", FUNCTIONS).len(), 1);
    assert_eq!(functions.layers(EU, "fine"), [ours(EU, 1)]);
}

#[test]
fn of_many_with_a_tag_those_that_can_get_it() {
    let functions = Functions::new(&[EU]);
    for name in ["invoices", "orders", "reports"] {
        functions.make(EU, name, &[]);
    }
    functions.account.make_function_on(EU, "legacy", &zip_of_megabytes(1), &[], ("python3.12", "x86_64"));
    for name in ["invoices", "legacy", "orders", "reports"] {
        functions.account.tag_function(EU, name, "team", "data");
    }
    // Nor does a name that is nowhere stop them.
    let outcome = functions.attach("tag:team=data,typo", &[]).run().code(1);
    for name in ["invoices", "orders", "reports"] {
        assert_eq!(functions.layers(EU, name), [ours(EU, 1)], "{name}");
    }
    assert_eq!(functions.layers(EU, "legacy"), Vec::<String>::new());
    let causes: Vec<&str> = outcome.stderr.lines().filter(|line| line.starts_with("cause: ")).collect();
    insta::assert_snapshot!(causes.join("\n"), @"
    cause: function typo in eu-west-1: the function `typo` does not exist in 123456789012/eu-west-1
    cause: function legacy in eu-west-1: it uses `python3.12`, but version 1 of `shared` is for `python3.13`
    ");
}

#[test]
fn code_and_layers_together_have_to_fit() {
    let functions = Functions::new(&[EU]);
    let served = functions.sandbox.root().join("served");
    fs_err::create_dir_all(&served).expect("can be made");
    // So many bytes could stand for more than the limit.
    let (code, layer) = (zip_declaring(249, &vec![0; 300 << 10]), zip_of_megabytes(2));
    fs_err::write(served.join("code.zip"), &code).expect("can be written");
    fs_err::write(served.join("layer.zip"), &layer).expect("can be written");
    let files = FileServer::start(&served);
    functions.account.make_function(EU, "orders", &code, &[]);
    functions.account.publish_by_hand(EU, LAYER, &layer, &[]);
    let at = "https://awslambda-eu-west-1-tasks.s3.eu-west-1.amazonaws.com";
    functions.account.proxy.rule(Rule::on("GET", "/functions/orders").replace(at, &files.url()));
    let location = format!("{}/layer.zip", files.url());
    functions.account.proxy.rule(Rule::on("GET", "/versions/2").replace("s3://", &location));
    let outcome = functions.attach("orders", &["--layer-version", "2"]).run().code(1);
    insta::assert_snapshot!(outcome.stderr.lines().filter(|line| line.contains("MB")).collect::<String>(), @"cause: function orders in eu-west-1: it has 249.0 MB of code, which leaves 1.0 MB of Lambda's 250.0 MB: version 2 of 2.0 MB is 1.0 MB too large");
    assert_eq!(functions.account.proxy.seen("PUT", FUNCTIONS).len(), 0);
    // This one's zip cannot be downloaded: Lambda decides.
    functions.attach("orders", &["--layer-version", "1"]).run().success();
    assert_eq!(functions.layers(EU, "orders"), [ours(EU, 1)]);
}

#[test]
fn a_region_that_refuses_does_not_stop_the_others() {
    let functions = Functions::new(&[EU, US]);
    for region in [EU, US] {
        functions.make(region, "orders", &[]);
    }
    let no = Rule::on("PUT", FUNCTIONS).in_region(EU).refuse(403, "AccessDeniedException", "no");
    functions.account.proxy.rule(no);
    let regions = ["--regions", "eu-west-1,us-east-1"];
    let outcome = functions.attach("orders", &regions).run().code(2);
    insta::assert_snapshot!(rows(&outcome), @"
    failed eu-west-1 function orders version 1, as layer 1 of 1
    done us-east-1 function orders version 1, as layer 1 of 1
    ");
    outcome.says(r#""Action": "lambda:UpdateFunctionConfiguration", "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:orders""#);
    functions.account.proxy.behave();
    insta::assert_snapshot!(rows(&functions.attach("orders", &regions).run().success()), @"
    done eu-west-1 function orders version 1, as layer 1 of 1
    unchanged us-east-1 function orders version 1
    ");
}

#[test]
fn a_killed_run_is_finished_by_the_next() {
    let functions = Functions::new(&[EU]);
    functions.make(EU, "orders", &[&ours(EU, 1)]);
    functions.make(EU, "reports", &[&ours(EU, 1)]);
    functions.account.proxy.rule(Rule::on("PUT", "/functions/reports").hold());
    wheel(&functions.sandbox.path(""), "six", "1.1");
    functions.sandbox.write("requirements.txt", "./six-1.1-py3-none-any.whl\n");
    let both = ["--attach-to", "orders,reports"];
    let run = functions.account.publish(&functions.sandbox, &both).start();
    functions.account.proxy.wait_for_held();
    run.kill();
    functions.account.proxy.forget_held();
    functions.publish(&[EU], &both).success().says("version 1 → 2");
    for name in ["orders", "reports"] {
        assert_eq!(functions.layers(EU, name), [ours(EU, 2)]);
    }
    assert_eq!(functions.account.numbers(EU), [1, 2]);
}

#[test]
fn a_function_that_may_not_be_read_stays_and_the_missing_permission_is_named() {
    let functions = Functions::new(&[EU]);
    functions.make(EU, "orders", &[&ours(EU, 1)]);
    functions.make(EU, "invoices", &[&ours(EU, 1)]);
    functions.publish_another(&[EU], &[]).success();
    let denied = "User: arn:aws:sts::123456789012:assumed-role/deploy/run is not authorized to perform: \
        lambda:GetFunction on resource: arn:aws:lambda:eu-west-1:123456789012:function:orders because no \
        identity-based policy allows the lambda:GetFunction action";
    functions.account.proxy.rule(Rule::on("GET", "/functions/orders").refuse(403, "AccessDeniedException", denied));
    let outcome = functions.attach("orders,invoices", &[]).run().code(2);
    let outcome = outcome.says("lambda:GetFunction failed for `arn:aws:lambda:eu-west-1:123456789012:function:orders`");
    outcome.says(r#""Action": "lambda:GetFunction""#);
    functions.account.proxy.behave();
    assert_eq!(functions.layers(EU, "orders"), [ours(EU, 1)]);
}

#[test]
fn functions_that_may_not_be_searched_by_tags_are_named_with_the_statement() {
    let functions = Functions::new(&[EU]);
    functions.make(EU, "orders", &[&ours(EU, 1)]);
    let denied = "User: arn:aws:sts::123456789012:assumed-role/deploy/run is not authorized to perform: \
        tag:GetResources because no identity-based policy allows the tag:GetResources action";
    functions.account.proxy.rule(Rule::on_operation("GetResources").refuse(400, "AccessDeniedException", denied));
    let outcome = functions.attach("tag:team=shop", &[]).run().code(2);
    outcome
        .says("tag:GetResources failed for")
        .says(r#"hint: allow it: {"Effect": "Allow", "Action": "tag:GetResources""#);
}
