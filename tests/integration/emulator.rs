//! End to end: a finished layer at `/opt`, imported by AWS's emulator of Lambda with AWS's own runtime client.

use std::process::{Command, Stdio};

use camino::Utf8Path;

use crate::harness::{Sandbox, dead_port, tools};
use crate::servers::Server;
use crate::tools::emulator;
use crate::zip::{members, unpack};

const REQUIREMENTS: &str =
    "requests==2.32.5\npydantic==2.11.7\ngoogle-auth==2.40.3\ngoogleapis-common-protos==1.70.0\n";

/// Imports what the event names; gives versions, files, and the order in which imports are looked for.
const FUNCTION: &str = "\
import importlib, importlib.metadata, sys
def handler(event, context):
    files = {name: importlib.import_module(name).__file__ for name in event['modules']}
    versions = {name: importlib.metadata.version(name) for name in event['distributions']}
    return {'files': files, 'versions': versions, 'path': sys.path}
";

const QUESTION: &str = "\
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], sys.argv[2].encode(), timeout=60).read().decode())
";

/// Where a layer can be put at `/opt`: in a mount namespace, which containers keep even from root. There the layer is
/// in another folder, which `PYTHONPATH` names as Lambda names `/opt`: all else is the same.
fn can_mount() -> bool {
    let output =
        Command::new("unshare").args(["--map-root-user", "--mount", "mount", "--bind", "/tmp", "/opt"]).output();
    output.is_ok_and(|output| output.status.success())
}

#[test]
fn a_layer_works_in_the_emulator_of_lambda() {
    let python = tools().python_version();
    let sandbox = Sandbox::with_requirements(REQUIREMENTS);
    sandbox.write("own/order.py", "import sys\nprint('order', *sys.path)\n");
    let arguments = ["build", "--output", "layer.zip", "--python-version", &python, "--source", "own"];
    let run = sandbox.run(&arguments).args(&["--smoke-test", "import"]).env("LAMBDA_LAYER_DEBUG", "1");
    let outcome = run.run().success();
    let order = outcome.stderr.lines().find_map(|line| line.trim().strip_prefix("order ")).expect("is printed");
    let order: Vec<String> = order.split(' ').map(str::to_owned).collect();

    let unpacked = sandbox.root().join("opt");
    unpack(&members(&sandbox.path("layer.zip")), &unpacked);
    let task = sandbox.root().join("task");
    fs_err::create_dir(&task).expect("can be made");
    fs_err::write(task.join("app.py"), FUNCTION).expect("can be written");
    let opt = if can_mount() { Utf8Path::new("/opt") } else { unpacked.as_path() };
    let layer = [format!("{opt}/python/lib/python{python}/site-packages"), format!("{opt}/python")];
    let (port, api) = (dead_port(), dead_port());
    let emulator = emulator();
    let client = emulator.join("runtime");
    let program = format!(
        "{} exec '{}' --runtime-interface-emulator-address 127.0.0.1:{port} --runtime-api-address 127.0.0.1:{api} \
         '{}' -S -m awslambdaric app.handler",
        if opt == "/opt" { format!("mount --bind '{unpacked}' /opt &&") } else { String::new() },
        emulator.join("aws-lambda-rie"),
        tools().program("python3"),
    );
    let mut command = Command::new(if opt == "/opt" { "unshare" } else { "/bin/sh" });
    if opt == "/opt" {
        command.args(["--map-root-user", "--mount", "/bin/sh"]);
    }
    command.args(["-c", &program]).current_dir(&task).env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin");
    let path = [task.as_str(), &layer[0], &layer[1], client.as_str()].join(":");
    command.env("PYTHONPATH", path).env("LAMBDA_TASK_ROOT", &task).env("AWS_LAMBDA_FUNCTION_TIMEOUT", "60");
    let _server = Server::start_on(command, port);

    let modules =
        ["requests", "pydantic", "pydantic_core._pydantic_core", "google.auth", "google.rpc.status_pb2", "order"];
    let distributions = ["requests", "pydantic", "google-auth", "googleapis-common-protos"];
    let event = serde_json::json!({ "modules": modules, "distributions": distributions }).to_string();
    let url = format!("http://127.0.0.1:{port}/2015-03-31/functions/function/invocations");
    let mut question = Command::new(tools().program("python3"));
    let answer =
        question.args(["-c", QUESTION, &url, &event]).stderr(Stdio::inherit()).output().expect("can be started");
    let answer: serde_json::Value = serde_json::from_slice(&answer.stdout).expect("is JSON");
    let versions = serde_json::json!({
        "requests": "2.32.5", "pydantic": "2.11.7", "google-auth": "2.40.3", "googleapis-common-protos": "1.70.0",
    });
    assert_eq!(answer["versions"], versions, "{answer}");
    let files = answer["files"].as_object().expect("is an object");
    assert_eq!(files.len(), modules.len(), "{answer}");
    for (name, file) in files {
        assert!(file.as_str().expect("is a path").starts_with(opt.as_str()), "{name}: {file}");
    }
    // Function, layer, standard library: in both the same, in folders of their own.
    let mut path: Vec<&str> =
        answer["path"].as_array().expect("is a list").iter().filter_map(|part| part.as_str()).collect();
    path.retain(|part| *part != client);
    path.dedup();
    let kind =
        |part: &str, opt: &str| part.strip_prefix(opt).map_or_else(|| part.to_owned(), |rest| format!("/opt{rest}"));
    let seen: Vec<String> = path.iter().map(|part| kind(part, opt.as_str())).collect();
    let scratch = order[0].strip_suffix("/task").expect("is the function's folder");
    let tested: Vec<String> = order.iter().map(|part| kind(part, &format!("{scratch}/opt"))).collect();
    assert_eq!((seen[0].as_str(), tested[0].as_str()), (task.as_str(), order[0].as_str()));
    assert_eq!(seen[1..3], [format!("/opt/python/lib/python{python}/site-packages"), "/opt/python".to_owned()]);
    assert_eq!(seen[1..6], tested[1..6]);
}
