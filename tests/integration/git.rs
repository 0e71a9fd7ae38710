//! Requirements from git: over HTTP with a token, over SSH with an agent.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};

use crate::harness::{Run, Sandbox, dead_port, tools};
use crate::servers::Server;
use crate::sources::modules;
use crate::watch::Watched;
use crate::zip::members;

const TOKEN: &str = "t0ken/of+alpha%41";
/// As it stands in a URL.
const WRITTEN: &str = "t0ken%2Fof%2Balpha%2541";

/// `git http-backend` behind a password, which is in the environment.
const SERVE: &str = r#"
import base64, http.server, os, subprocess, sys
wanted = "Basic " + base64.b64encode(os.environ["GIT_SERVER_USER"].encode()).decode()

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"
    def do_GET(self):
        if self.headers.get("Authorization") != wanted:
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic realm=git")
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        environment = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": sys.argv[1], "GIT_HTTP_EXPORT_ALL": "1",
                       "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command,
                       "CONTENT_TYPE": self.headers.get("Content-Type", ""), "REMOTE_USER": "me",
                       "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                       "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "CONTENT_LENGTH": str(len(body))}
        answer = subprocess.run(["git", "http-backend"], input=body, env=environment, stdout=subprocess.PIPE).stdout
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = [line.split(": ", 1) for line in head.decode().split("\r\n")]
        status = next((value.split()[0] for name, value in lines if name == "Status"), "200")
        self.send_response(int(status))
        for name, value in lines:
            if name != "Status":
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print("serving on port", server.server_port, flush=True)
server.serve_forever()
"#;

struct GitServer(Server);

impl GitServer {
    fn start(folder: &Utf8Path, user: &str) -> Self {
        let mut command = Command::new(tools().program("python3"));
        command.args(["-c", SERVE, folder.as_str()]).env("GIT_SERVER_USER", user);
        Self(Server::start(command, "serving on port "))
    }

    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.0.port())
    }
}

fn git(folder: &Utf8Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=me", "-c", "user.email=me@host", "-c", "init.defaultBranch=main"]);
    let output = command.args(arguments).current_dir(folder).output().expect("can be started");
    assert!(output.status.success(), "{arguments:?}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// A project whose build needs nothing: setuptools would take two seconds of processor time each time.
const ALONE: &[(&str, &str)] = &[
    ("alpha.py", ""),
    ("backend.py", include_str!("../fixtures/comparison/backend.py")),
    (
        "pyproject.toml",
        "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n\
        [project]\nname = \"alpha\"\nversion = \"1.0\"\n",
    ),
];

const SETUPTOOLS: &[(&str, &str)] = &[
    ("alpha.py", ""),
    ("setup.py", "from setuptools import setup\nsetup(name='alpha', version='1.0', py_modules=['alpha'])\n"),
    (
        "pyproject.toml",
        "[build-system]\nrequires = [\"setuptools==80.9.0\"]\nbuild-backend = \"setuptools.build_meta\"\n",
    ),
];

/// A bare repository `alpha.git` with a project, in the folder.
fn repository(folder: &Utf8Path, files: &[(&str, &str)]) {
    let project = folder.join("alpha");
    fs_err::create_dir_all(&project).expect("can be made");
    for (name, text) in files {
        fs_err::write(project.join(name), text).expect("can be written");
    }
    git(&project, &["init", "--quiet"]);
    git(&project, &["add", "."]);
    git(&project, &["commit", "--quiet", "--message", "first"]);
    git(folder, &["clone", "--quiet", "--bare", "alpha", "alpha.git"]);
}

/// A build for the Python of this machine with caches of its own, which are looked at, too.
fn build(sandbox: &Sandbox, installer: &str) -> Run {
    let python = tools().python_version();
    let run = sandbox.run(&["build", "--python-version", &python, "--installer", installer, "--output", "layer.zip"]);
    let run = run.env("UV_CACHE_DIR", sandbox.root().join("uv")).env("PIP_CACHE_DIR", sandbox.root().join("pip"));
    run.env("LAMBDA_LAYER_DEBUG", "1")
}

fn served(sandbox: &Sandbox) -> GitServer {
    served_with(sandbox, ALONE)
}

fn served_with(sandbox: &Sandbox, files: &[(&str, &str)]) -> GitServer {
    repository(&sandbox.root().join("repositories"), files);
    GitServer::start(&sandbox.root().join("repositories"), &format!("me:{TOKEN}"))
}

/// The run gets `alpha`, and tells nothing of its token.
fn installs(sandbox: &Sandbox, run: Run) {
    let watched = Watched::new("me", TOKEN);
    let outcome = watched.run(run, "git\0").success();
    assert_eq!(modules(&members(&sandbox.path("layer.zip"))), ["alpha.py"]);
    watched.is_nowhere(sandbox, &outcome, &[sandbox.root().join("home/.netrc")]);
}

#[test]
fn a_token_in_the_url_is_seen_by_git_alone() {
    for installer in ["uv", "pip"] {
        let sandbox = Sandbox::new();
        let server = served(&sandbox);
        sandbox
            .write("requirements.txt", format!("alpha @ git+http://me:${{ALPHA}}@{}/alpha.git@main\n", server.host()));
        installs(&sandbox, build(&sandbox, installer).env("ALPHA", WRITTEN));
    }
}

#[test]
fn git_may_have_the_token_from_elsewhere() {
    for installer in ["uv", "pip"] {
        let sandbox = Sandbox::new();
        let server = served(&sandbox);
        let host = server.host();
        sandbox.write("requirements.txt", format!("alpha @ git+http://{host}/alpha.git\n"));
        // Another URL that is to be that one, with its token.
        let run = build(&sandbox, installer).env("GIT_CONFIG_COUNT", "1");
        let run = run.env("GIT_CONFIG_KEY_0", format!("url.http://me:{WRITTEN}@{host}/.insteadOf"));
        installs(&sandbox, run.env("GIT_CONFIG_VALUE_0", format!("http://{host}/")));

        let sandbox = Sandbox::new();
        let server = served(&sandbox);
        sandbox.write("requirements.txt", format!("alpha @ git+http://{}/alpha.git\n", server.host()));
        let netrc = format!("machine 127.0.0.1 login me password {TOKEN}\n");
        fs_err::write(sandbox.root().join("home/.netrc"), netrc).expect("can be written");
        installs(&sandbox, build(&sandbox, installer));
    }
}

#[test]
fn what_is_editable_becomes_files() {
    for installer in ["uv", "pip"] {
        let sandbox = Sandbox::new();
        let repositories = sandbox.root().join("repositories");
        repository(&repositories, ALONE);
        let url = format!("git+file://{repositories}/alpha.git");
        let before: Vec<_> = sandbox.tree().into_keys().collect();
        for line in [
            format!("-e {url}@main#egg=alpha"),
            format!("--editable={url}#egg=alpha&subdirectory=."),
            format!("-e alpha @ {url}@main"),
            format!("-e {url}"),
        ] {
            // As `pip freeze` writes it.
            sandbox.write("requirements.txt", format!("{line}\n"));
            build(&sandbox, installer).run().success();
            let found = members(&sandbox.path("layer.zip"));
            assert_eq!(modules(&found), ["alpha.py"], "{line}");
            let leads_out =
                |name: &String| Utf8Path::new(name).extension() == Some("pth") || name.contains("__editable__");
            assert!(!found.keys().any(leads_out), "{line}");
            let after: Vec<_> = sandbox.tree().into_keys().filter(|path| !before.contains(path)).collect();
            assert_eq!(after, [sandbox.path("layer.zip"), sandbox.path("requirements.txt")], "{line}");
        }
        let sandbox = Sandbox::new();
        let server = served_with(&sandbox, SETUPTOOLS);
        sandbox.write(
            "requirements.txt",
            format!("-e git+http://me:${{ALPHA}}@{}/alpha.git@main#egg=alpha\n", server.host()),
        );
        installs(&sandbox, build(&sandbox, installer).env("ALPHA", WRITTEN));
    }
}

#[test]
fn what_a_private_repository_has_is_searched_for_secrets() {
    for installer in ["uv", "pip"] {
        let sandbox = Sandbox::new();
        let server = served(&sandbox);
        let project = sandbox.root().join("repositories/alpha");
        let settings = "DATABASE = 'postgresql://app:hunter2@db.internal/app'\n";
        fs_err::write(project.join("alpha.py"), settings).expect("can be written");
        git(&project, &["add", "."]);
        git(&project, &["commit", "--quiet", "--message", "second"]);
        git(&project, &["push", "--quiet", "../alpha.git", "HEAD"]);
        let url = format!("git+http://me:{WRITTEN}@{}/alpha.git", server.host());
        sandbox.write("requirements.txt", format!("alpha @ {url}\n"));
        let outcome = build(&sandbox, installer).run().code(1);
        outcome.says("`python/alpha.py` contains a URL with a password on line 1");
    }
}

#[test]
fn a_repository_that_refuses_is_named_without_the_token() {
    for installer in ["uv", "pip"] {
        let sandbox = Sandbox::new();
        let server = served(&sandbox);
        sandbox.write("requirements.txt", format!("alpha @ git+http://me:${{ALPHA}}@{}/alpha.git\n", server.host()));
        let outcome = build(&sandbox, installer).env("ALPHA", "wr0ng-t0ken").run().code(1);
        assert!(!outcome.stderr.contains("wr0ng-t0ken"), "{}", outcome.stderr);
        let message =
            format!("error: the git repository at `http://{}` rejected the credentials of this run\n", server.host());
        outcome.says(&message);
    }
}

/// A real SSH server with one account, that of whoever runs the tests, and one key, which is in an agent.
struct SshServer {
    server: Server,
    agent: Child,
    folder: Utf8PathBuf,
}

impl SshServer {
    fn start(folder: &Utf8Path) -> Self {
        fs_err::create_dir_all(folder).expect("can be made");
        for name in ["host", "key"] {
            run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", folder.join(name).as_str()], &[]);
        }
        fs_err::copy(folder.join("key.pub"), folder.join("authorized")).expect("can be copied");
        let socket = folder.join("agent");
        let mut agent = Command::new("ssh-agent");
        let mut agent = agent.args(["-D", "-a", socket.as_str()]).stdout(Stdio::piped()).spawn().expect("is installed");
        let mut line = String::new();
        BufReader::new(agent.stdout.take().expect("is piped")).read_line(&mut line).expect("says where it listens");
        run("ssh-add", &["-q", folder.join("key").as_str()], &[("SSH_AUTH_SOCK", socket.as_str())]);
        // The agent alone has the key.
        fs_err::remove_file(folder.join("key")).expect("is there");
        // Asked for by a server that root starts.
        fs_err::create_dir_all("/run/sshd").ok();
        let port = dead_port();
        let options = [
            format!("HostKey={}", folder.join("host")),
            format!("AuthorizedKeysFile={}", folder.join("authorized")),
            format!("ListenAddress=127.0.0.1:{port}"),
            "PidFile=none".to_owned(),
            "StrictModes=no".to_owned(),
            "UsePAM=no".to_owned(),
        ];
        let mut command = Command::new("/usr/sbin/sshd");
        command.args(["-D", "-e", "-f", "/dev/null"]);
        for option in &options {
            command.args(["-o", option]);
        }
        let server = Server::start(command, "Server listening on 127.0.0.1 port ");
        let key = fs_err::read_to_string(folder.join("host.pub")).expect("is there");
        fs_err::write(folder.join("known"), format!("[127.0.0.1]:{} {key}", server.port())).expect("can be written");
        Self { server, agent, folder: folder.to_owned() }
    }

    /// With these hosts known.
    fn tell(&self, run: Run, known: &str) -> Run {
        let known = self.folder.join(known);
        let ssh =
            format!("ssh -F /dev/null -o UserKnownHostsFile={known} -o StrictHostKeyChecking=yes -o BatchMode=yes");
        run.env("SSH_AUTH_SOCK", self.folder.join("agent")).env("GIT_SSH_COMMAND", ssh)
    }
}

impl Drop for SshServer {
    fn drop(&mut self) {
        self.agent.kill().ok();
        self.agent.wait().ok();
    }
}

fn run(program: &str, arguments: &[&str], variables: &[(&str, &str)]) {
    let output = Command::new(program).args(arguments).envs(variables.iter().copied()).output().expect("is installed");
    assert!(output.status.success(), "{program}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn an_agent_opens_repositories_over_ssh() {
    for installer in ["uv", "pip"] {
        let sandbox = Sandbox::new();
        let repositories = sandbox.root().join("repositories");
        repository(&repositories, ALONE);
        let server = SshServer::start(&sandbox.root().join("ssh"));
        let user = Command::new("id").arg("-un").output().expect("can be started").stdout;
        let user = String::from_utf8(user).expect("is UTF-8");
        let place = format!("127.0.0.1:{}{repositories}/alpha.git", server.server.port());
        sandbox.write("requirements.txt", format!("alpha @ git+ssh://{}@{place}\n", user.trim()));
        server.tell(build(&sandbox, installer), "known").run().success();
        assert_eq!(modules(&members(&sandbox.path("layer.zip"))), ["alpha.py"]);

        let message = format!("error: the git repository at `ssh://{place}` rejected the credentials of this run\n");
        let stranger = sandbox.root().join("ssh/nobody");
        fs_err::write(&stranger, "").expect("can be written");
        // Another cache: the repository would be in the first.
        let fresh = build(&sandbox, installer).env("UV_CACHE_DIR", sandbox.root().join("uv2"));
        let fresh = fresh.env("PIP_CACHE_DIR", sandbox.root().join("pip2"));
        server.tell(fresh, "nobody").run().code(1).says(&message);
        let fresh = build(&sandbox, installer).env("UV_CACHE_DIR", sandbox.root().join("uv3"));
        let fresh = fresh.env("PIP_CACHE_DIR", sandbox.root().join("pip3"));
        server.tell(fresh, "known").env("SSH_AUTH_SOCK", "/nowhere").run().code(1).says(&message);
    }
}
