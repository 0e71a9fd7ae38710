//! Limits of the user's own, and the room that functions have left for a layer.

use crate::account::{Account, EU, LAYER};
use crate::audit::zip_of;
use crate::harness::{FileServer, Outcome, Sandbox};
use crate::packages::wheel;
use crate::proxy::Rule;

/// A zip that declares this many MB, which is what is read of code and other layers.
pub(crate) fn zip_of_megabytes(megabytes: u64) -> Vec<u8> {
    zip_declaring(megabytes, b"x")
}

/// The same with this much in it.
pub(crate) fn zip_declaring(megabytes: u64, bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut zip = rawzip::ZipArchiveWriter::new(Vec::new());
    let (mut entry, _) = zip.new_file("python/data.bin").start().expect("can be written");
    entry.write_all(bytes).expect("can be written");
    entry.finish(rawzip::DataDescriptorOutput::new(0, megabytes << 20)).expect("can be written");
    zip.finish().expect("can be written")
}

/// An account with the function `orders`: 100 MB of code, the layer `other` of 140 MB, and an old version of ours.
struct Orders {
    account: Account,
    sandbox: Sandbox,
    _files: FileServer,
}

impl Orders {
    fn new(layer: u64) -> Self {
        let (account, sandbox) =
            (Account::with_buckets(&[EU]), Sandbox::with_requirements("./six-1.0-py3-none-any.whl\n"));
        wheel(&sandbox.path(""), "six", "1.0");
        // Not in the workspace, which belongs to the run.
        let served = sandbox.root().join("served");
        fs_err::create_dir_all(&served).expect("can be made");
        let (code, other, ours) = (zip_of_megabytes(100), zip_of_megabytes(layer), zip_of_megabytes(200));
        fs_err::write(served.join("code.zip"), &code).expect("can be written");
        fs_err::write(served.join("other.zip"), &other).expect("can be written");
        let files = FileServer::start(&served);
        let other = account.publish_by_hand(EU, "other", &other, &["python3.13"]);
        let ours = account.publish_by_hand(EU, LAYER, &ours, &["python3.13"]);
        account.make_function(EU, "orders", &code, &[&other, &ours]);
        let at = "https://awslambda-eu-west-1-tasks.s3.eu-west-1.amazonaws.com";
        account.proxy.rule(Rule::on("GET", "/functions/orders").replace(at, &files.url()));
        let other = format!("{}/other.zip", files.url());
        account.proxy.rule(Rule::on("GET", "other/versions/").replace("s3://", &other));
        Self { account, sandbox, _files: files }
    }

    fn publish(&self, arguments: &[&str]) -> Outcome {
        self.account.publish(&self.sandbox, &["--budget-functions", "orders"]).args(arguments).run()
    }
}

fn line(outcome: &Outcome, text: &str) -> String {
    let lines = outcome.stderr.lines().chain(outcome.stdout.lines());
    lines.filter(|line| line.contains(text)).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_layer_that_fits_says_what_is_left() {
    let orders = Orders::new(140);
    let outcome = orders.publish(&[]).success();
    insta::assert_snapshot!(line(&outcome, "function-budget"), @"notice:  `orders` in eu-west-1 has 100.0 MB of code and 140.0 MB in 1 other layer, which leaves 10.0 MB of Lambda's 250.0 MB: the layer (367 B) fits (10.0 MB remain for its code and layers to grow) [function-budget]");
    assert_eq!(orders.account.numbers(EU), [1, 2]);
}

#[test]
fn a_layer_that_does_not_fit_explains_the_odd_number() {
    let orders = Orders::new(149);
    orders.sandbox.write("data.bin", vec![0; 2 << 20]);
    let outcome = orders.publish(&["--include", "data.bin=python/data.bin"]).code(1);
    insta::assert_snapshot!(line(&outcome, "orders"), @r#"error: `orders` in eu-west-1 has 100.0 MB of code and 149.0 MB in 1 other layer, which leaves 1.0 MB of Lambda's 250.0 MB: the layer (2.0 MB) is 1.0 MB too large; Lambda would answer "Unzipped size must be smaller than 1048576 bytes""#);
    assert_eq!(orders.account.numbers(EU), [1], "nothing was published");
    let outcome = orders.publish(&["--include", "data.bin=python/data.bin", "--fail-on", "never"]).success();
    outcome.says("error:   `orders` in eu-west-1 has 100.0 MB of code");
    assert_eq!(orders.account.numbers(EU), [1, 2]);
}

#[test]
fn a_finished_zip_is_measured_too() {
    let orders = Orders::new(140);
    let zeros = vec![0; 11 << 20];
    zip_of(&orders.sandbox.path("layer.zip"), &[("python/data.bin", &zeros), ("python/fine.py", b"x = 1\n")]);
    let audit = |arguments: &[&str]| {
        let run =
            orders.sandbox.run(&["audit", "layer.zip", "--budget-functions", "orders", "--python-version", "3.13"]);
        orders.account.seen_by(run.args(arguments)).run().code(1)
    };
    // As a layer with a name it takes the place of its version on the function.
    let outcome = audit(&["--layer-name", LAYER]);
    insta::assert_snapshot!(line(&outcome, "must be smaller"), @r#"           `orders` in eu-west-1 has 100.0 MB of code and 140.0 MB in 1 other layer, which leaves 10.0 MB of Lambda's 250.0 MB: the layer (11.0 MB) is 1.0 MB too large; Lambda would answer "Unzipped size must be smaller than 10485760 bytes""#);
}

#[test]
fn what_cannot_be_asked_is_said() {
    let orders = Orders::new(1);
    let run = |functions: &str| {
        orders.account.publish(&orders.sandbox, &["--budget-functions", functions, "--dry-run"]).run()
    };
    run("invoices").code(1).says("the function `invoices` does not exist in eu-west-1");
    run("my function").code(1).says("`budget-functions`: `my function` is not a valid function name or ARN");
    orders.account.proxy.behave();
    orders.account.proxy.rule(Rule::on("GET", "/functions/").replace("\"Zip\"", "\"Image\""));
    run("orders").code(1).says("`orders` in eu-west-1 runs from a container image, which cannot use layers");
    orders.account.proxy.behave();
    orders.account.proxy.rule(Rule::on("GET", "/functions/").refuse(403, "AccessDeniedException", "no"));
    run("orders")
        .code(2)
        .says(r#""Action": "lambda:GetFunction", "Resource": "arn:aws:lambda:eu-west-1:*:function:orders""#);
}

#[test]
fn own_limits_hold_where_nothing_changed_too() {
    let sandbox = Sandbox::with_requirements("./six-1.0-py3-none-any.whl\n");
    wheel(&sandbox.path(""), "six", "1.0");
    let publish = |arguments: &[&str]| {
        sandbox.run(&["publish", "--layer-name", "shared", "--python-version", "3.13"]).args(arguments).run()
    };
    let outcome = publish(&["--max-unzipped-size", "100", "--max-zipped-size", "100"]).code(1);
    insta::assert_snapshot!(line(&outcome, "over the"), @"error: the unzipped layer is 367 B (367 bytes), 267 B over the 100 B that `max-unzipped-size` allows");
    assert!(!sandbox.path(".lambda-layers/shared").exists(), "nothing was published");
    publish(&["--max-unzipped-size", "1 MB"]).success().says("shared published");
    publish(&["--max-unzipped-size", "1 MB"]).success().says("shared unchanged");
    publish(&["--max-unzipped-size", "100"]).code(1).says("over the 100 B that `max-unzipped-size` allows");
    publish(&["--max-zipped-size", "100"]).code(1).says("over the 100 B that `max-zipped-size` allows");
    publish(&["--max-zipped-size", "100", "--fail-on", "never"]).success().says("shared unchanged");
}

#[test]
fn a_stricter_fail_on_holds_where_nothing_changed_too() {
    let sandbox = Sandbox::with_requirements("./six-1.0-py3-none-any.whl\n");
    wheel(&sandbox.path(""), "six", "1.0");
    let run = |command: &str, fail_on: &str| {
        let layer = ["--layer-name", "shared", "--python-version", "3.13", "--exclude", "nonesuch"];
        sandbox.run(&[command, "--fail-on", fail_on]).args(&layer).run()
    };
    run("publish", "error").success().says("exclude-unknown");
    for command in ["publish", "plan"] {
        run(command, "warning").code(1).says("the published version has the warning `exclude-unknown`: `nonesuch`");
        run(command, "error").success().says("shared unchanged");
    }
}
