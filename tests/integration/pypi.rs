//! A package index that asks for a password: `pypiserver`, with an htpasswd file.

use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use crate::servers::Server;
use crate::tools::tools;

/// Serves on a random port, and writes down each request, and whether the password stood in a command line of any
/// process at that moment.
const SERVE: &str = r#"
import os, pathlib, socketserver, sys, wsgiref.simple_server as http
import passlib.apache, pypiserver

folder, users, log = sys.argv[1:]
user, password, mark = (os.environ[name] for name in ("INDEX_USER", "INDEX_PASSWORD", "INDEX_MARK"))
file = passlib.apache.HtpasswdFile(users, new=True)
file.set_password(user, password)
file.save()
app = pypiserver.app(roots=[pathlib.Path(folder)], password_file=users, disable_fallback=True,
                     authenticate=["update", "download", "list"])

def arguments():
    for process in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield process.read_bytes()
        except OSError:  # it ended meanwhile
            pass

def watched(environ, start):
    shown = any(mark.encode() in line for line in arguments())
    with open(log, "a") as out:
        print(environ["PATH_INFO"], "shown" if shown else "hidden", file=out)
    return app(environ, start)

class Server(socketserver.ThreadingMixIn, http.WSGIServer):
    daemon_threads = True

server = http.make_server("127.0.0.1", 0, watched, Server)
print("serving on port", server.server_port, flush=True)
server.serve_forever()
"#;

pub(crate) struct PasswordIndex {
    server: Server,
    log: Utf8PathBuf,
}

impl PasswordIndex {
    /// Serves the wheels of a folder. `mark` is the part of the password that looks the same in a URL.
    pub(crate) fn start(folder: &Utf8Path, user: &str, password: &str, mark: &str) -> Self {
        let (users, log) = (folder.with_extension("htpasswd"), folder.with_extension("log"));
        fs_err::write(&log, "").expect("can be written");
        let mut command = Command::new(tools().program("python3"));
        command.args(["-c", SERVE, folder.as_str(), users.as_str(), log.as_str()]);
        command.env("INDEX_USER", user).env("INDEX_PASSWORD", password).env("INDEX_MARK", mark);
        Self { server: Server::start(command, "serving on port "), log }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.server.port)
    }

    /// Paths that were asked for, with `hidden`, or `shown` if a command line had the password.
    pub(crate) fn requests(&self) -> Vec<String> {
        fs_err::read_to_string(&self.log).expect("is there").lines().map(str::to_owned).collect()
    }
}
