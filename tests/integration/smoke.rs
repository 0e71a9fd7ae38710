//! What is in a layer is imported before it is published, as Lambda would.

use crate::audit::zip_of;
use crate::harness::{Outcome, Run, Sandbox, tools};
use crate::packages::{wheel_of, wheel_with};
use crate::zip::members;
use std::os::unix::fs::PermissionsExt;

/// A workspace that requires wheels of one module each, with that text.
fn sandbox(modules: &[(&str, &str)]) -> Sandbox {
    let names: Vec<String> =
        modules.iter().map(|(name, _)| format!("./wheels/{name}-1.0-py3-none-any.whl\n")).collect();
    let sandbox = Sandbox::with_requirements(&names.concat());
    for (name, text) in modules {
        wheel_with(&sandbox.path("wheels"), name, "1.0", text);
    }
    sandbox
}

/// For this machine's Python.
fn build(sandbox: &Sandbox, wanted: &str) -> Run {
    let python = tools().python_version();
    sandbox.run(&["build", "--output", "layer.zip", "--python-version", &python, "--smoke-test", wanted])
}

/// What was said, but for what was built.
fn said(outcome: &Outcome) -> String {
    let is_about_it = |line: &&str| {
        ["error:", "cause:", "hint:", "warning:", "notice:"].iter().any(|word| line.starts_with(word))
            || line.contains("  Import ")
    };
    let told = outcome.told();
    let lines = told.lines().filter(is_about_it).map(|line| line.replace(&tools().python_version(), "[PYTHON]"));
    lines.collect::<Vec<_>>().join("\n")
}

/// What is said about a layer with this module and a good one.
fn said_of(module: &str, code: i32) -> String {
    said(&build(&sandbox(&[("bad", module), ("good", "")]), "auto").run().code(code))
}

#[test]
fn what_can_be_imported_is_said_in_one_line() {
    let sandbox = sandbox(&[("one", ""), ("two", "import one\n")]);
    sandbox.write("own/three.py", "import two\n");
    let outcome = build(&sandbox, "auto").args(&["--source", "own"]).run().success();
    insta::assert_snapshot!(said(&outcome), @"  [time]  Import 3 modules                 all of them");
}

#[test]
fn a_module_may_be_a_link_to_elsewhere_in_the_layer() {
    let sandbox = sandbox(&[("one", "import two\n")]);
    sandbox.write("shared/two.py", "");
    fs_err::create_dir(sandbox.path("own")).expect("can be made");
    std::os::unix::fs::symlink("/opt/share/two.py", sandbox.path("own/two.py")).expect("can be made");
    let inputs = ["--source", "own", "--include", "shared=share"];
    let outcome = build(&sandbox, "auto").args(&inputs).run().success();
    outcome.says("Import 2 modules").says("all of them");
    let python = tools().python_version();
    let audit = sandbox.run(&["audit", "layer.zip", "--python-version", &python, "--smoke-test", "import"]);
    audit.run().success().says("Import 2 modules").says("all of them");
}

#[test]
fn a_module_that_raises_keeps_the_layer_from_being_published() {
    insta::assert_snapshot!(said_of("def f():\n    raise ValueError('no such\\n  thing')\n\nf()\n", 1), @r#"
      [time]  Import 2 modules                 all but 1
    error: `bad` cannot be imported: ValueError: no such thing (bad.py:2)
    hint: look for a version of it that works with this Python and with the other versions in the layer; or list the modules that your functions import in `smoke-test`
    "#);
}

#[test]
fn the_end_of_a_process_is_blamed_on_its_module() {
    let sandbox = sandbox(&[
        ("crashes", "import ctypes\nctypes.string_at(0)\n"),
        ("exits", "import os\nos._exit(0)\n"),
        ("good", ""),
        ("leaves", "import sys\nsys.exit('bye')\n"),
    ]);
    insta::assert_snapshot!(said(&build(&sandbox, "auto").run().code(1)), @r#"
      [time]  Import 4 modules                 all but 3
    error: 3 findings prevent the layer from being published
    cause: `crashes` cannot be imported: Python was killed by SIGSEGV (segmentation fault) (compiled code crashed, or the module ends Python; set LAMBDA_LAYER_DEBUG=1 to see its output; or list the modules that your functions import in `smoke-test`) [import-failed]
    cause: `exits` cannot be imported: Python ended with exit code 0 (compiled code crashed, or the module ends Python; set LAMBDA_LAYER_DEBUG=1 to see its output; or list the modules that your functions import in `smoke-test`) [import-failed]
    cause: `leaves` cannot be imported: SystemExit: bye (leaves.py:2) (it exits when it is imported; or list the modules that your functions import in `smoke-test`) [import-failed]
    hint: correct all of them and run again
    "#);
}

#[test]
fn a_module_that_hangs_is_named_and_the_others_are_imported() {
    let sandbox = sandbox(&[
        ("hangs", "import subprocess, threading\nsubprocess.Popen(['sleep', '600'])\nthreading.Event().wait()\n"),
        ("later", "raise ValueError('was reached')\n"),
    ]);
    let outcome = build(&sandbox, "auto").env("LAMBDA_LAYER_IMPORT_SECONDS", "2").run().code(1);
    insta::assert_snapshot!(said(&outcome), @r#"
      [time]  Import 2 modules                 all but 2
    error: 2 findings prevent the layer from being published
    cause: `hangs` cannot be imported: it did not finish within 2 s (if it is only slow, give it more time with `LAMBDA_LAYER_IMPORT_SECONDS`; Lambda itself gives a function 10 s to start; or list the modules that your functions import in `smoke-test`) [import-failed]
    cause: `later` cannot be imported: ValueError: was reached (later.py:1) (look for a version of it that works with this Python and with the other versions in the layer; or list the modules that your functions import in `smoke-test`) [import-failed]
    hint: correct all of them and run again
    "#);
}

#[test]
fn memory_has_an_end() {
    insta::assert_snapshot!(said_of("bytearray(11 << 30)\n", 1), @r#"
      [time]  Import 2 modules                 all but 1
    error: `bad` cannot be imported: MemoryError (bad.py:1)
    hint: it needs more memory than a function can have; or list the modules that your functions import in `smoke-test`
    "#);
}

#[test]
fn there_is_no_network() {
    let module = "import socket\nsocket.socketpair()\nsocket.create_connection(('127.0.0.1', 9))\n";
    insta::assert_snapshot!(said_of(module, 0), @r#"
      [time]  Import 2 modules                 all but 1
    notice:  `bad` could not be tested: it needs the network, which a build does not have (test it in the runtime's image, or in a function) [import-not-tested]
    "#);
    // Nor the socket of a container's Docker.
    let module = "import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect('/var/run/docker.sock')\n";
    insta::assert_snapshot!(said(&build(&sandbox(&[("bad", module)]), "bad").run().code(1)), @r#"
      [time]  Import 1 module                  all but 1
    error: `bad` cannot be imported: PermissionError: [Errno 13] Permission denied (bad.py:3)
    hint: it needs the network, which a build does not have
    "#);
}

#[test]
fn what_only_a_function_has_is_no_fault() {
    insta::assert_snapshot!(said_of("import os\nTABLE = os.environ['TABLE_NAME']\n", 0), @r#"
      [time]  Import 2 modules                 all but 1
    notice:  `bad` could not be tested: it needs the environment variable `TABLE_NAME`, which a build does not have (test it in the runtime's image, or in a function) [import-not-tested]
    "#);
    said_of("{}['TABLE_NAME']\n", 1);
}

/// As much of Django as it takes to miss its settings.
fn django(sandbox: &Sandbox) {
    let conf = r"
class ImproperlyConfigured(Exception):
    pass

class Settings:
    is_there = False

    def configure(self):
        self.is_there = True

    def __getattr__(self, name):
        if not self.is_there:
            raise ImproperlyConfigured(f'Requested setting {name}, but settings are not configured. You must define …')
        return ''

settings = Settings()
";
    let files = [("django/__init__.py", "def setup():\n    pass\n"), ("django/conf/__init__.py", conf)];
    wheel_of(&sandbox.path("wheels"), "django", "1.0", &files);
}

#[test]
fn applications_of_django_get_settings() {
    let needs = "from django.conf import settings\nsettings.DEBUG\n";
    let broken = format!("{needs}raise ValueError('broken')\n");
    let picky = "from django.conf import ImproperlyConfigured\n\
        raise ImproperlyConfigured('Requested setting SHOP_ID, but settings are not configured.')\n";
    // As pydantic has it.
    let wraps = "from django.conf import settings\ntry:\n    settings.DEBUG\nexcept Exception as error:\n    \
        raise ValueError(f'1 validation error: {error}')\n";
    let own = [("good", needs), ("broken", &broken), ("wraps", wraps), ("picky", picky)];
    let sandbox = sandbox(&[]);
    for (name, text) in own {
        sandbox.write(&format!("own/{name}.py"), text);
    }
    sandbox.write("requirements.txt", "./wheels/django-1.0-py3-none-any.whl\n");
    django(&sandbox);
    let outcome = build(&sandbox, "auto").args(&["--source", "own"]).run().code(1);
    insta::assert_snapshot!(said(&outcome), @r#"
      [time]  Import 5 modules                 all but 2
    notice:  `picky` could not be tested: it needs Django settings, which a build does not have (test it in the runtime's image, or in a function) [import-not-tested]
    error: `broken` cannot be imported: ValueError: broken (broken.py:3)
    hint: look for a version of it that works with this Python and with the other versions in the layer; or list the modules that your functions import in `smoke-test`
    "#);
}

#[test]
fn nothing_of_the_run_is_seen() {
    let module = "import os, sys\n\
        known = {'AWS_DEFAULT_REGION', 'AWS_EXECUTION_ENV', 'AWS_REGION', 'LC_CTYPE'}\n\
        names = {name for name in os.environ if not name.startswith('AWS_LAMBDA_')} - known\n\
        raise ValueError(sorted(names), os.path.exists(os.environ['HOME']), os.listdir('.'), os.environ['AWS_REGION'])\n";
    let sandbox = sandbox(&[("looks", module)]);
    let run = build(&sandbox, "auto").env("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI").env("AWS_REGION", "eu-west-1");
    let outcome = run.env("GITHUB_TOKEN", "ghs_16C7e42F292c6912E7").env("OTHER", "1").run().code(1);
    insta::assert_snapshot!(said(&outcome), @r#"
      [time]  Import 1 module                  all but 1
    error: `looks` cannot be imported: ValueError: (['HOME', 'LAMBDA_RUNTIME_DIR', 'LAMBDA_TASK_ROOT', 'LANG', 'LD_LIBRARY_PATH', 'PATH', 'PYTHONPATH', 'TMPDIR', 'TZ'], False, [], 'us-east-1') (looks.py:4)
    hint: look for a version of it that works with this Python and with the other versions in the layer; or list the modules that your functions import in `smoke-test`
    "#);
}

#[test]
fn the_variables_of_the_run_are_not_read_off_its_process() {
    let module = "import os\nopen(f'/proc/{os.getppid()}/environ').read()\n";
    let sandbox = sandbox(&[("spies", module)]);
    // As root on a machine of its own, and as in a container.
    for run in [build(&sandbox, "auto"), build(&sandbox, "auto").without_tracing()] {
        run.run().success().says("`spies` could not be tested: it uses `/proc/");
    }
}

#[test]
fn what_a_function_could_not_write_is_an_error_and_what_it_may_have_is_none() {
    let write = "import os\nopen(os.path.join(os.path.dirname(__file__), 'cache'), 'w')\n";
    insta::assert_snapshot!(said_of(write, 1), @r#"
      [time]  Import 2 modules                 all but 1
    error: `bad` cannot be imported: PermissionError: [Errno 13] Permission denied: '/opt/python/cache' (bad.py:2)
    hint: it writes to `/opt/python/cache`, but a function can write only to `/tmp`: look for a setting that changes the folder, often an environment variable or `HOME=/tmp`; or list the modules that your functions import in `smoke-test`
    "#);
    insta::assert_snapshot!(said_of("import os\nos.makedirs(os.path.expanduser('~/.cache'))\n", 1), @r#"
      [time]  Import 2 modules                 all but 1
    error: `bad` cannot be imported: PermissionError: [Errno 13] Permission denied: '/home' (bad.py:2)
    hint: it writes to `/home`, but a function can write only to `/tmp`: look for a setting that changes the folder, often an environment variable or `HOME=/tmp`; or list the modules that your functions import in `smoke-test`
    "#);
    insta::assert_snapshot!(said_of("open('/tmp/by-its-name', 'w')\n", 0), @r#"
      [time]  Import 2 modules                 all but 1
    notice:  `bad` could not be tested: it uses `/tmp/by-its-name`, which is not accessible in a build (test it in the runtime's image, or in a function) [import-not-tested]
    "#);
    insta::assert_snapshot!(said_of("import tempfile\ntempfile.TemporaryFile().write(b'x')\n", 0), @r"  [time]  Import 2 modules                 all of them");
}

/// What a module tries, each a function that returns where it should have failed.
const HOSTILE: &str = r#"
import ctypes, glob, os, socket, struct, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
ARM = os.uname().machine == "aarch64"

def call(x86_64, arm64, *arguments):
    if libc.syscall(ctypes.c_long(arm64 if ARM else x86_64), *arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")

def reads_variables():
    for path in glob.glob("/proc/[0-9]*/environ"):
        if int(path.split("/")[2]) != os.getpid():
            try:
                if b"S3cr3t" in open(path, "rb").read():
                    return
            except OSError:
                pass
    raise OSError

def reads_memory():
    open(f"/proc/{os.getppid()}/mem", "rb")

def traces():
    call(101, 117, 16, os.getppid(), 0, 0)

def reads_memory_by_call():
    call(310, 270, os.getppid(), None, 0, None, 0, 0)

def takes_a_file_descriptor():
    call(438, 438, os.pidfd_open(os.getppid()), 1, 0)

def reads_keys():
    call(250, 219, 0, -3, 0)

def reads_the_workspace():
    open("WORKSPACE/requirements.txt").read()

def reads_files_of_others_in_memory():
    open("MEMORY").read()

def writes_files_of_others_in_memory():
    open("MEMORY", "w")

def reads_a_disk():
    for disk in [*glob.glob("/dev/[hsv]d*"), *glob.glob("/dev/xvd*"), *glob.glob("/dev/nvme*"), *glob.glob("/dev/loop*")]:
        try:
            open(disk, "rb").read(512)
            return
        except OSError:
            pass
    raise OSError

def writes_to_the_workspace():
    open("WORKSPACE/left", "w")

def runs_what_reads_the_workspace():
    subprocess.run(["cat", "WORKSPACE/requirements.txt"], check=True)

def writes_to_the_layer():
    open(__file__ + ".left", "w")

def writes_to_the_function():
    open("left", "w")

def makes_a_home():
    os.makedirs(os.environ["HOME"])

def writes_to_the_system():
    open("/etc/left", "w")

def sends_a_datagram():
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"", "WORKSPACE/socket")

def sends_from_a_pair():
    socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b"", "WORKSPACE/socket")

def connects():
    socket.create_connection(("127.0.0.1", 9))

def traps():
    open(os.path.join(os.environ["TMPDIR"], "own"), "w")
    raise OSError

done = []
for name, act in list(globals().items()):
    if callable(act) and getattr(act, "__module__", None) == __name__ and name != "call":
        try:
            act()
            done.append(name)
        except (OSError, subprocess.CalledProcessError):
            pass
raise ValueError(f"{done} of {len([name for name in globals() if '_' in name])}")
"#;

#[test]
fn a_hostile_module_reaches_nothing() {
    let sandbox = Sandbox::with_requirements(
        "./wheels/hostile-1.0-py3-none-any.whl
",
    );
    let socket = std::os::unix::net::UnixDatagram::bind(sandbox.path("socket")).expect("can be made");
    let module = HOSTILE.replace("WORKSPACE", sandbox.path("").as_str().trim_end_matches('/'));
    // Such as those of another build, even if anybody may read them.
    let in_memory = tempfile::NamedTempFile::new_in("/dev/shm").expect("can be made");
    fs_err::set_permissions(in_memory.path(), PermissionsExt::from_mode(0o666)).expect("can be set");
    let module = module.replace("MEMORY", in_memory.path().to_str().expect("is UTF-8"));
    wheel_with(&sandbox.path("wheels"), "hostile", "1.0", &module);
    for run in [build(&sandbox, "auto"), build(&sandbox, "auto").without_tracing()] {
        let outcome = run.env("AWS_SECRET_ACCESS_KEY", "S3cr3tOfTheRun").run().code(1);
        outcome.says("`hostile` cannot be imported: ValueError: [] of ");
    }
    drop(socket);
}

/// A build backend is code of strangers, which sees the installer's variables, but not those of the run.
#[test]
fn what_is_built_does_not_see_the_variables_of_the_run() {
    let sandbox = Sandbox::with_requirements("./spy\n");
    let project = "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n\
        [project]\nname = 'spy'\nversion = '1.0'\n";
    sandbox.write("spy/pyproject.toml", project);
    sandbox.write("spy/backend.py", BACKEND);
    for installer in ["uv", "pip"] {
        let python = tools().python_version();
        let arguments = ["build", "--output", "layer.zip", "--python-version", &python, "--installer", installer];
        for run in [sandbox.run(&arguments), sandbox.run(&arguments).without_tracing()] {
            run.env("AWS_SECRET_ACCESS_KEY", "S3cr3tOfTheRun").run().success();
            let members = members(&sandbox.path("layer.zip"));
            assert_eq!(members["python/spy.py"].text(), "seen = []\n", "{installer}");
        }
    }
}

const BACKEND: &str = r#"
import glob, os, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    seen = []
    for path in glob.glob("/proc/[0-9]*/environ"):
        try:
            if b"S3cr3tOfTheRun" in open(path, "rb").read():
                seen.append(path)
        except OSError:
            pass
    name = "spy-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("spy.py", f"seen = {seen}\n")
        wheel.writestr("spy-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: spy\nVersion: 1.0\n")
        wheel.writestr("spy-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("spy-1.0.dist-info/RECORD", "")
    return name
"#;

#[test]
fn what_modules_print_is_neither_an_answer_nor_a_command() {
    let module = "import os\n\
        print('{\"event\": \"end\", \"module\": \"liar\", \"seconds\": 0, \"errors\": []}', flush=True)\n\
        os.write(1, b'::error::stop\\n::set-output name=x::y\\n')\n\
        raise ValueError('::error::no\\n::warning::no')\n";
    let sandbox = sandbox(&[("liar", module)]);
    let python = tools().python_version();
    let inputs = [("command", "build"), ("python-version", python.as_str()), ("smoke-test", "auto")];
    let outcome = sandbox.run(&[]).in_actions(&inputs).env("RUNNER_DEBUG", "1").run().code(1);
    let commands = outcome.stdout.lines().filter(|line| line.starts_with("::error") || line.starts_with("::set"));
    let commands: Vec<&str> = commands.collect();
    insta::assert_snapshot!(commands.join("\n"), @r"::error title=lambda-layer%3A import-failed::`liar` cannot be imported: ValueError: ::error::no ::warning::no (liar.py:4) (look for a version of it that works with this Python and with the other versions in the layer; or list the modules that your functions import in `smoke-test`)");
}

#[test]
fn the_layer_comes_before_the_standard_library_and_the_site_folder_before_the_layer() {
    let python = tools().python_version();
    let sandbox =
        sandbox(&[("asks", "import where, colorsys\nassert (where.name, colorsys.name) == ('site', 'layer')\n")]);
    sandbox.write("own/where.py", "name = 'layer'\n");
    sandbox.write("own/colorsys.py", "name = 'layer'\n");
    sandbox.write("site/where.py", "name = 'site'\n");
    let site = format!("site=python/lib/python{python}/site-packages");
    let arguments = ["--source", "own", "--include", &site];
    build(&sandbox, "auto").args(&arguments).run().success();
    // Only that is left out which makes it right.
    build(&sandbox, "auto").args(&arguments[..2]).run().code(1).says("AssertionError");
}

/// The tests' Python is that of a virtual environment: a link to one that may have a library of its own, which must not
/// be mistaken for that of the system.
#[test]
fn the_standard_library_goes_with_its_interpreter() {
    let outcome = build(&sandbox(&[("one", "import ssl, sqlite3, ctypes, lzma, hashlib\n")]), "auto").run().success();
    insta::assert_snapshot!(said(&outcome), @"  [time]  Import 1 module                  all of them");
}

#[test]
fn namespaces_and_files_for_the_start_of_python_work() {
    let sandbox =
        Sandbox::with_requirements("./wheels/acme_one-1.0-py3-none-any.whl\n./wheels/acme_two-1.0-py3-none-any.whl\n");
    wheel_of(&sandbox.path("wheels"), "acme_one", "1.0", &[("acme/one/__init__.py", "import acme.two\n")]);
    let two = [
        ("acme/two/__init__.py", "import sys\nassert sys.hook_was_read\n"),
        ("acme_two.pth", "import sys; sys.hook_was_read = True\n"),
        ("tests/__init__.py", "raise ValueError\n"),
        ("examples/demo.py", "raise ValueError\n"),
    ];
    wheel_of(&sandbox.path("wheels"), "acme_two", "1.0", &two);
    build(&sandbox, "auto").run().success().says("Import 2 modules").says("all of them");
}

#[test]
fn a_missing_library_is_named() {
    let module = "import ctypes\nctypes.CDLL('libnowhere.so.1')\n";
    insta::assert_snapshot!(said_of(module, 1), @r#"
      [time]  Import 2 modules                 all but 1
    error: `bad` cannot be imported: OSError: libnowhere.so.1: cannot open shared object file: No such file or directory (bad.py:2)
    hint: `libnowhere.so.1` is not available: add it with `include` as `lib/libnowhere.so.1`, or use a distribution that bundles it; or list the modules that your functions import in `smoke-test`
    "#);
}

#[test]
fn a_missing_module_is_explained_by_who_would_have_it() {
    let needs = |text: &str| said_of(text, i32::from(!text.contains("boto3")));
    insta::assert_snapshot!(needs("import boto3\n"), @r#"
      [time]  Import 2 modules                 all but 1
    notice:  `bad` could not be tested: it needs `boto3`, which the runtime has but this machine does not (test it in the runtime's image, or in a function) [import-not-tested]
    "#);
    insta::assert_snapshot!(needs("try:\n    import nowhere\nexcept ImportError as error:\n    raise RuntimeError('sorry')\n"), @r#"
      [time]  Import 2 modules                 all but 1
    error: `bad` cannot be imported: RuntimeError: sorry (bad.py:4)
    hint: `nowhere` is not in the layer: add the package that provides it to the requirements; or list the modules that your functions import in `smoke-test`
    "#);
    let sandbox = sandbox(&[("user", "import good\n"), ("good", "")]);
    insta::assert_snapshot!(said(&build(&sandbox, "auto").args(&["--exclude", "good"]).run().success()), @r#"
      [time]  Import 1 module                  all but 1
    notice:  `user` could not be tested: it needs `good`, but `exclude` leaves out `good` (test it in the runtime's image, or in a function) [import-not-tested]
    "#);
}

#[test]
fn a_part_that_fails_beside_its_distribution_is_a_warning() {
    let sandbox = Sandbox::with_requirements("./wheels/whole-1.0-py3-none-any.whl\n");
    let files = [("whole/__init__.py", ""), ("_whole_part.py", "raise ValueError('not here')\n")];
    wheel_of(&sandbox.path("wheels"), "whole", "1.0", &files);
    insta::assert_snapshot!(said(&build(&sandbox, "auto").run().success()), @r#"
      [time]  Import 2 modules                 all but 1
    warning: `_whole_part` of `whole` cannot be imported: ValueError: not here (_whole_part.py:1) (look for a version of it that works with this Python and with the other versions in the layer; or list the modules that your functions import in `smoke-test`) [import-failed]
    "#);
    build(&sandbox, "_whole_part").run().code(1).says("not here");
}

#[test]
fn a_module_of_an_extra_is_no_error_where_the_extra_was_not_asked_for() {
    let sandbox = Sandbox::with_requirements("./wheels/whole-1.0-py3-none-any.whl\n");
    let metadata = "Metadata-Version: 2.1\nName: whole\nVersion: 1.0\nRequires-Dist: nowhere; extra == 'all'\n";
    let files = [
        ("whole/__init__.py", ""),
        ("whole_driver/__init__.py", "import nowhere\n"),
        ("whole-1.0.dist-info/METADATA", metadata),
    ];
    wheel_of(&sandbox.path("wheels"), "whole", "1.0", &files);
    insta::assert_snapshot!(said(&build(&sandbox, "auto").run().success()), @r"  [time]  Import 2 modules                 all but 1, which needs something that is not in the layer");
    build(&sandbox, "whole_driver").run().code(1);
}

#[test]
fn modules_by_name_are_imported_and_no_others() {
    let sandbox = sandbox(&[("bad", "raise ValueError\n"), ("good", "")]);
    build(&sandbox, "good").run().success().says("Import 1 module");
    let outcome = build(&sandbox, "good, goood, colorsys").run().code(1);
    insta::assert_snapshot!(said(&outcome), @r#"
      [time]  Import 3 modules                 all but 1 (1 from the cache)
    error: `goood` cannot be imported: ModuleNotFoundError: No module named 'goood'
    hint: did you mean `good`?
    "#);
    build(&sandbox, "off").run().success();
}

#[test]
fn a_start_file_that_ends_python_is_named() {
    let sandbox = Sandbox::with_requirements("./wheels/hook-1.0-py3-none-any.whl\n");
    wheel_of(&sandbox.path("wheels"), "hook", "1.0", &[("hook.py", ""), ("hook.pth", "import os; os._exit(3)\n")]);
    insta::assert_snapshot!(said(&build(&sandbox, "auto").run().code(1)), @r#"
      [time]  Import 1 module                  all but 1
    notice:  `hook` contains `hook.pth`, which Python reads at startup only in functions that do not set `PYTHONPATH` (do not set `PYTHONPATH` in the function, or make sure that it works without that file) [pth-file]
    error: no module can be imported: Python ended with exit code 3 while reading the `.pth` files in the layer
    hint: check the `.pth` files in the layer: their `import` lines run each time Python starts
    "#);
}

#[test]
fn a_layer_without_modules_says_so() {
    let sandbox = Sandbox::new();
    sandbox.write("own/a.ttf", "font");
    sandbox.write("module/__init__.py", "");
    let arguments = ["--source", "own", "--include", "module=python/module"];
    insta::assert_snapshot!(said(&build(&sandbox, "auto").args(&arguments).run().success()), @"  [time]  Import 0 modules                 no distribution and no `source` contains a module");
}

#[test]
fn elsewhere_it_says_that_nothing_was_imported() {
    let sandbox = sandbox(&[("good", "")]);
    let (foreign, machine) = if cfg!(target_arch = "x86_64") { ("arm64", "x86_64") } else { ("x86_64", "aarch64") };
    let on = |wanted: &str, code: i32| {
        let outcome = build(&sandbox, wanted).args(&["--architecture", foreign]).run().code(code);
        said(&outcome).replace(foreign, "[FOREIGN]").replace(machine, "[MACHINE]").replace("24.04-arm", "24.04")
    };
    insta::assert_snapshot!(on("auto", 0), @r"notice:  nothing was imported: the layer is for [FOREIGN], but this machine is [MACHINE] (build it on [FOREIGN] (`runs-on: ubuntu-24.04`); or set `smoke-test: off`) [smoke-test-not-run]");
    insta::assert_snapshot!(on("import", 1), @r#"
    error: nothing was imported: the layer is for [FOREIGN], but this machine is [MACHINE]
    hint: build it on [FOREIGN] (`runs-on: ubuntu-24.04`); or set `smoke-test: auto`
    "#);
    assert_eq!(on("good", 1), on("import", 1));
    let other = if tools().python_version() == "3.9" { "3.10" } else { "3.9" };
    let run = sandbox.run(&["build", "--output", "layer.zip", "--python-version", other, "--smoke-test", "auto"]);
    let outcome = run.run().success();
    insta::assert_snapshot!(said(&outcome).replace(other, "[OTHER]"), @r#"
    warning: Lambda's python[OTHER] has been deprecated since 2025-12-15 (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html)
    notice:  nothing was imported: this machine has no Python [OTHER], and `UV_PYTHON_DOWNLOADS=never` prevents uv from downloading one (let uv download it (set `UV_PYTHON_INSTALL_MIRROR` to use a mirror), put `python[OTHER]` on PATH, or use the action `lambda-layer-action/python[OTHER]`; or set `smoke-test: off`) [smoke-test-not-run]
    "#);
}

#[test]
fn what_the_tests_rely_on_is_not_seen_by_modules() {
    // moto is in the very environment whose interpreter imports.
    assert!(said_of("import moto\n", 1).contains("`moto` is not in the layer"));
}

#[test]
fn a_module_that_misses_what_its_distribution_requires_is_an_error_even_beside_others() {
    let sandbox = Sandbox::with_requirements("./wheels/whole-1.0-py3-none-any.whl\n");
    let files = [("whole/__init__.py", "import nowhere\n"), ("other/__init__.py", ""), ("_whole.py", "")];
    wheel_of(&sandbox.path("wheels"), "whole", "1.0", &files);
    build(&sandbox, "auto").run().code(1).says("`nowhere` is not in the layer");
    // The same of the project's own code, of which nothing is beside the point.
    let sandbox = Sandbox::new();
    sandbox.write("own/fine.py", "");
    sandbox.write("own/user.py", "import nowhere\n");
    build(&sandbox, "auto").args(&["--source", "own"]).run().code(1).says("`nowhere` is not in the layer");
}

#[test]
fn an_audit_imports_only_if_that_is_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.write("layer/python/good.py", "");
    sandbox.write("layer/python/bad.py", "import good\nraise ValueError('no')\n");
    let zip = [("python/good.py", &b""[..]), ("python/bad.py", b"import good\nraise ValueError('no')\n")];
    zip_of(&sandbox.path("layer.zip"), &zip);
    let python = tools().python_version();
    let before = sandbox.tree();
    for subject in ["layer", "layer.zip"] {
        let audit = |wanted: &[&str]| sandbox.run(&["audit", subject, "--python-version", &python]).args(wanted).run();
        for wanted in [&[][..], &["--smoke-test", "auto"], &["--smoke-test", "off"]] {
            let outcome = audit(wanted).success();
            assert!(!outcome.stdout.contains("import") && !outcome.stderr.contains("Import"), "{}", outcome.stderr);
        }
        audit(&["--smoke-test", "import"]).code(1).says("`bad` cannot be imported: ValueError: no (bad.py:2)");
        audit(&["--smoke-test", "good"]).success().says("Import 1 module");
        let foreign = if cfg!(target_arch = "x86_64") { "arm64" } else { "x86_64" };
        audit(&["--smoke-test", "import", "--architecture", foreign]).code(1).says("nothing was imported");
    }
    assert_eq!(sandbox.tree(), before);
}

#[test]
fn what_others_brought_and_use_without_is_a_warning() {
    let sandbox =
        Sandbox::with_requirements("./wheels/shell-1.0-py3-none-any.whl\n./wheels/plots-1.0-py3-none-any.whl\n");
    let metadata = "Metadata-Version: 2.1\nName: shell\nVersion: 1.0\nRequires-Dist: plots\n";
    let files = [("shell/__init__.py", ""), ("shell-1.0.dist-info/METADATA", metadata)];
    wheel_of(&sandbox.path("wheels"), "shell", "1.0", &files);
    wheel_with(&sandbox.path("wheels"), "plots", "1.0", "import nowhere\n");
    build(&sandbox, "auto").run().success().says("warning: `plots` cannot be imported");
    build(&sandbox, "plots").run().code(1);
}
