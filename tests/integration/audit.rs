//! `audit`: layers that something else made, checked as they are.

use std::io::Write as _;

use camino::Utf8Path;

use crate::account::{Account, EU};
use crate::harness::{FileServer, Outcome, Sandbox, tools};
use crate::proxy::Rule;
use crate::zip::{members, unpack};

/// A zip of these files, all with mode 644.
pub(crate) fn zip_of(path: &Utf8Path, files: &[(&str, &[u8])]) {
    let mut zip = ::zip::ZipWriter::new(fs_err::File::create(path).expect("can be made"));
    let options = ::zip::write::SimpleFileOptions::default().unix_permissions(0o644);
    for (name, bytes) in files {
        zip.start_file(*name, options).expect("can be written");
        zip.write_all(bytes).expect("can be written");
    }
    zip.finish().expect("can be written");
}

/// What an audit found: severity, code and subject, and the message below.
pub(crate) fn found(outcome: &Outcome) -> String {
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    let is_head = |line: &str| ["  error ", "  warning ", "  notice "].iter().any(|start| line.starts_with(start));
    let pairs = lines.windows(2).filter(|pair| is_head(pair[0]));
    pairs.map(|pair| format!("{}\n  {}", pair[0].trim_start(), pair[1].trim_start())).collect::<Vec<_>>().join("\n")
}

/// With a layer that pip installed, in `layer/python`, as everybody's first script does it.
pub(crate) fn by_pip(requirement: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let mut pip = std::process::Command::new(tools().program("python3"));
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"]).arg(sandbox.path("layer/python"));
    pip.arg(requirement).env("PIP_CACHE_DIR", crate::tools::cache("pip"));
    assert!(pip.status().expect("can be started").success());
    sandbox
}

const PYTHON: &[&str] = &["--python-version", "3.13"];

#[test]
fn a_zip_and_its_folder_are_the_same_layer() {
    let sandbox = by_pip("charset-normalizer==3.4.3");
    let mut python = std::process::Command::new(tools().program("python3"));
    let archive = ["-m", "zipfile", "-c", "layer.zip", "layer/python"];
    assert!(python.args(archive).current_dir(sandbox.path("")).status().expect("can be started").success());
    let zip = sandbox.run(&["audit", "layer.zip"]).args(PYTHON).run();
    let folder = sandbox.run(&["audit", "layer"]).args(PYTHON).run();
    let table = |outcome: &Outcome| {
        outcome.stdout.lines().filter(|line| line.contains('█')).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(table(&zip), table(&folder));
    assert!(table(&zip)[0].contains("charset-normalizer 3.4.3"), "{}", zip.stdout);
    zip.says(" in layer.zip for python3.13 on x86_64");
    folder.says(" in layer for python3.13 on x86_64");
}

#[test]
fn what_was_built_here_passes() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\nidna==3.10\n");
    sandbox.run(&["build", "--output", "layer.zip"]).args(PYTHON).run().success();
    let outcome = sandbox.run(&["audit", "layer.zip"]).args(PYTHON).run().success();
    assert!(outcome.stdout.contains("idna 3.10"), "{}", outcome.stdout);
    unpack(&members(&sandbox.path("layer.zip")), &sandbox.path("opt"));
    sandbox.run(&["audit", "opt"]).args(PYTHON).run().success();
}

/// A layer as `pip install --target layer/python --editable` leaves it.
fn with_editable() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("layer/python/app-1.0.dist-info/METADATA", "Name: app\nVersion: 1.0\nLicense: MIT\n");
    let direct_url = r#"{"url": "file:///home/me/app", "dir_info": {"editable": true}}"#;
    sandbox.write("layer/python/app-1.0.dist-info/direct_url.json", direct_url);
    let record = "__editable__.app-1.0.pth,,\n__editable___app_1_0_finder.py,,\napp-1.0.dist-info/METADATA,,\n";
    sandbox.write("layer/python/app-1.0.dist-info/RECORD", record);
    let line = "import __editable___app_1_0_finder; __editable___app_1_0_finder.install()\n";
    sandbox.write("layer/python/__editable__.app-1.0.pth", line);
    let finder = "MAPPING: dict[str, str] = {'app': '/home/me/app/src/app'}\n";
    sandbox.write("layer/python/__editable___app_1_0_finder.py", finder);
    sandbox
}

#[test]
fn an_editable_install_is_no_layer() {
    let sandbox = with_editable();
    let outcome = sandbox.run(&["audit", "layer"]).args(PYTHON).run().code(1);
    insta::assert_snapshot!(found(&outcome), @"
    error    path-outside  python/__editable___app_1_0_finder.py
      `python/__editable___app_1_0_finder.py`, `python/app-1.0.dist-info/direct_url.json` of `app` point to `/home/me/app`, `/home/me/app/src/app`, which are on the machine that installed it, not in the layer
    notice   pth-file      app
      `app` contains `__editable__.app-1.0.pth`, which Python reads at startup only in functions that do not set `PYTHONPATH`
    ");
    // Neither is what is built of it, with its modules or their bytecode.
    let build = |arguments: &[&str]| sandbox.run(&["build", "--source", "layer/python"]).args(arguments).run().code(1);
    build(PYTHON).says("`python/__editable___app_1_0_finder.py`");
    let python = tools().python_version();
    let outcome = build(&["--bytecode", "only", "--python-version", &python]);
    outcome.says("`python/__editable___app_1_0_finder.pyc`").says("path-outside");
}

#[test]
fn pth_files_that_lead_nowhere_else_are_fine() {
    let sandbox = Sandbox::with_requirements("setuptools==80.9.0\n./own\n");
    sandbox.write("own/pyproject.toml", "[project]\nname = 'own'\nversion = '1.0'\n");
    sandbox.write("own/own.py", "");
    for installer in ["uv", "pip"] {
        let python = tools().python_version();
        let inputs = ["build", "--output", "layer.zip", "--installer", installer, "--python-version", &python];
        let build = sandbox.run(&inputs);
        let outcome = build.run().success();
        assert!(!outcome.stderr.contains("path-outside"), "{}", outcome.stderr);
        let members = members(&sandbox.path("layer.zip"));
        assert!(members.contains_key("python/distutils-precedence.pth"));
        // Where it was built is nobody's business.
        let root = sandbox.root().as_str().as_bytes();
        let tells = members.iter().filter(|(_, member)| member.bytes.windows(root.len()).any(|bytes| bytes == root));
        assert_eq!(tells.map(|(name, _)| name.as_str()).collect::<Vec<_>>(), Vec::<&str>::new());
    }
    // A folder beside it is in the layer; where a copy was made from is only told.
    sandbox.write("layer/python/beside.pth", "beside\n../share\n# /home/me\n");
    sandbox.write("layer/python/own-1.0.dist-info/METADATA", "Name: own\nVersion: 1.0\nLicense: MIT\n");
    let direct_url = r#"{"url": "file:///home/me/own", "dir_info": {}}"#;
    sandbox.write("layer/python/own-1.0.dist-info/direct_url.json", direct_url);
    sandbox.write("layer/python/own.py", "");
    let outcome = sandbox.run(&["audit", "layer"]).args(PYTHON).run().success();
    outcome.says("records that it was installed from `/home/me/own`");
}

#[test]
fn in_a_workflow_each_finding_is_an_annotation() {
    let sandbox = Sandbox::new();
    let names: Vec<String> = (0..12).map(|index| format!("../{index:02}.py")).collect();
    let mut files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
    files.push(("python/fine.py", b"x = 1\n"));
    zip_of(&sandbox.path("layer.zip"), &files);
    let inputs = [("command", "audit"), ("subject", "layer.zip"), ("python-version", "3.13")];
    let outcome = sandbox.run(&[]).in_actions(&inputs).run().code(1);
    let annotations: Vec<&str> = outcome.stdout.lines().filter(|line| line.starts_with("::error")).collect();
    assert_eq!(annotations.len(), 10, "{annotations:#?}");
    insta::assert_snapshot!(format!("{}\n{}", annotations[0], annotations[9]), @r#"
    ::error title=lambda-layer%3A unsafe-path::`../00.py` leaves its folder with `..` (create the zip again from inside the layer's folder, with paths such as `python/package/module.py`)
    ::error title=lambda-layer::12 errors in layer.zip for python3.13 on x86_64%0Ahint: each finding says what to do; `fail-on: never` only reports them
    "#);
    let outputs = outcome.outputs();
    assert_eq!((outputs["changed"].as_str(), outputs["published"].as_str()), ("false", "false"));
    assert_eq!((outputs["layer-name"].as_str(), outputs["fingerprint"].as_str()), ("layer.zip", ""));
    assert_eq!(outputs["reason"], "12 errors in layer.zip for python3.13 on x86_64");
    assert_eq!(
        outputs["zipped-size"],
        fs_err::metadata(sandbox.path("layer.zip")).expect("is there").len().to_string()
    );
    let result: serde_json::Value = serde_json::from_str(&outputs["result"]).expect("is JSON");
    assert_eq!(result["findings"].as_array().map(Vec::len), Some(12));
    assert_eq!(outcome.summary().matches("unsafe-path").count(), 12);
}

#[test]
fn the_only_finding_is_said_once() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let inputs = [("command", "build"), ("python-version", "3.13"), ("max-unzipped-size", "1 KB")];
    let outcome = sandbox.run(&[]).in_actions(&inputs).run().code(1);
    let said = outcome.stdout.lines().filter(|line| line.starts_with("::error")).collect::<Vec<_>>();
    assert!(
        matches!(said.as_slice(), [only] if only.contains("title=lambda-layer%3A max-unzipped-size::")),
        "{said:?}"
    );
    assert_eq!(outcome.summary().matches("max-unzipped-size").count(), 2, "code and message: {}", outcome.summary());
}

#[test]
fn fail_on_decides() {
    let sandbox = Sandbox::new();
    zip_of(&sandbox.path("layer.zip"), &[("python/fine.py", b"x = 1\n"), ("../x", b"x")]);
    sandbox.run(&["audit", "layer.zip"]).args(PYTHON).run().code(1);
    sandbox
        .run(&["audit", "layer.zip", "--fail-on", "never"])
        .args(PYTHON)
        .run()
        .success()
        .says("1 error in layer.zip");
    let outcome =
        sandbox.run(&["audit", "--subject", "layer.zip", "--max-zipped-size", "10"]).args(PYTHON).run().code(1);
    outcome.says("over the 10 B that `max-zipped-size` allows").says("2 errors in layer.zip");
}

#[test]
fn what_cannot_be_audited_is_said() {
    let sandbox = Sandbox::new();
    sandbox.write("layer.zip", "x");
    sandbox.run(&["audit"]).run().code(1).says("there is nothing to audit: `subject` is missing");
    sandbox.run(&["audit", "laier.zip"]).run().code(1).says("did you mean `layer.zip`?");
    let outcome = sandbox.run(&["audit", "arn:aws:lambda:eu-west-1:123456789012:layer:shared"]).run().code(1);
    outcome.says("which is not the ARN of a layer version").says("include the version, for example");
    sandbox.run(&["build", "--subject", "layer.zip"]).run().code(1).says("only `audit` checks a finished layer");
    sandbox.run(&["audit", "layer.zip", "--subject", "other.zip"]).run().code(1).says("cannot be used with");
}

#[test]
fn a_published_version_is_audited_for_what_it_declares() {
    let (account, sandbox) = (Account::new(), Sandbox::new());
    zip_of(&sandbox.path("layer.zip"), &[("python/fine.py", b"x = 1\n")]);
    let zip = fs_err::read(sandbox.path("layer.zip")).expect("is there");
    let arn = account.publish_by_hand(EU, "theirs", &zip, &["python3.12"]);
    let files = FileServer::start(&sandbox.path(""));
    let location = format!("{}/layer.zip", files.url());
    account.proxy.rule(Rule::on("GET", "theirs/versions/").replace("s3://", &location));
    let run = |arguments: &[&str]| account.seen_by(sandbox.run(&["audit", &arn]).args(arguments)).run();
    let outcome = run(&[]).success().says("for python3.12 on x86_64");
    assert!(outcome.stdout.contains("content hash"), "{}", outcome.stdout);
    run(&["--python-version", "3.13"]).success().says("the version does not declare `python3.13`, only python3.12");
    run(&["--python-version", "3.13", "--fail-on", "warning"]).code(1);

    fs_err::write(sandbox.path("layer.zip"), &zip[..zip.len() - 1]).expect("can be written");
    run(&[]).code(2).says("does not have the hash that AWS reports");
    fs_err::write(sandbox.path("layer.zip"), [&zip[..], b"more"].concat()).expect("can be written");
    run(&[]).code(2).says("that AWS reports");
    fs_err::remove_file(sandbox.path("layer.zip")).expect("is there");
    run(&[]).code(2).says("the download failed for");

    let missing = arn.replace(":1", ":7");
    account.proxy.behave();
    let outcome = run(&[])
        .code(2)
        .says("error: AWS did not return a download location for the zip of `arn:aws:lambda:eu-west-1:");
    outcome.says("hint: download the zip yourself, and audit the file");
    account.seen_by(sandbox.run(&["audit", &missing])).run().code(1).says("layer:theirs:7` does not exist");
    account.proxy.rule(Rule::on("GET", "theirs/versions/").refuse(403, "AccessDeniedException", "no"));
    run(&[]).code(2).says(
        r#""Action": "lambda:GetLayerVersion", "Resource": "arn:aws:lambda:eu-west-1:123456789012:layer:theirs:*""#,
    );
}

#[test]
fn a_version_in_a_folder_is_audited_by_its_arn() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    sandbox.run(&["publish", "--layer-name", "shared"]).args(PYTHON).run().success();
    let arn = "arn:aws:lambda:local:000000000000:layer:shared:1";
    let outcome = sandbox.run(&["audit", arn]).run().success().says("for python3.13 on x86_64");
    assert!(outcome.stdout.contains("six 1.17.0"), "{}", outcome.stdout);
    sandbox.run(&["audit", &arn.replace(":1", ":2")]).run().code(1).says("layer:shared:2` does not exist in `");
    sandbox.run(&["audit", arn, "--registry", "aws"]).run().code(1).says("set `registry` to its folder");
}

#[test]
fn without_a_subject_it_is_the_version_that_is_current() {
    let sandbox = Sandbox::with_requirements("six==1.16.0\n");
    let publish = || sandbox.run(&["publish", "--layer-name", "shared"]).args(PYTHON).run().success();
    let audit = |arguments: &[&str]| sandbox.run(&["audit", "--layer-name", "shared"]).args(arguments).run();
    audit(&[]).code(1).says("`shared` has no versions in local");
    publish();
    sandbox.write("requirements.txt", "six==1.17.0\n");
    publish();
    let arn = "arn:aws:lambda:local:000000000000:layer:shared";
    audit(&[]).success().says(&format!("in {arn}:2 for python3.13 on x86_64"));
    // Back to what was there before: its version is current again.
    sandbox.write("requirements.txt", "six==1.16.0\n");
    publish();
    audit(&[]).success().says(&format!("in {arn}:1 for"));
    fs_err::remove_dir_all(sandbox.path(".lambda-layers/state")).expect("is there");
    audit(&["--max-unzipped-size", "1 KB"]).code(1).says(&format!("in {arn}:2 for")).says("over the 1.0 KB");
    sandbox.run(&["audit", "--layer-name", "sha red"]).run().code(1).says("`sha red`");
}

#[test]
fn on_aws_the_current_version_is_found_by_its_state() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), Sandbox::with_requirements("six==1.17.0\n"));
    let inputs = ["--bucket", "layers-{region}", "--regions", EU];
    account.run(&sandbox, "publish", &inputs).run().success();
    account.publish_by_hand(EU, "shared", &fs_err::read(sandbox.path("requirements.txt")).expect("is there"), &[]);
    // Moto names a place for the zip that it does not serve.
    sandbox.run(&["build", "--output", "layer.zip"]).args(PYTHON).run().success();
    let files = FileServer::start(&sandbox.path(""));
    account.proxy.rule(Rule::on("GET", "shared/versions/1").replace("s3://", &format!("{}/layer.zip", files.url())));
    let outcome = account.run(&sandbox, "audit", &inputs).run().success();
    outcome.says("arn:aws:lambda:eu-west-1:123456789012:layer:shared:1");
}

#[test]
fn what_is_no_whole_layer_or_far_too_large_is_said() {
    let sandbox = Sandbox::new();
    sandbox.write("opt/python/six.py", "");
    sandbox.write("opt/python/six-1.0.dist-info/METADATA", "Name: six\nVersion: 1.0\n");
    let outcome = sandbox.run(&["audit", "opt/python"]).run().code(1);
    let outcome = outcome.says("error: `opt/python` is the package folder of a layer, not the layer itself\n");
    outcome.says("hint: audit its parent folder: `opt`");
    let large = fs_err::File::create(sandbox.path("large.zip")).expect("can be made");
    large.set_len(4_000_000_000).expect("can be long");
    let outcome = sandbox.run(&["audit", "large.zip"]).run().code(1);
    outcome.says("error: `large.zip` is 3814.7 MB, far too large for a layer\nhint: use a zip of at most ");
}
