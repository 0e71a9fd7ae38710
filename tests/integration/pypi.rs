//! A package index that asks for a password: `pypiserver`, with an htpasswd file.

use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use crate::packages::wheel;
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

/// Its simple index is at `/simple/`.
pub(crate) struct PasswordIndex {
    server: Server,
    user: String,
    password: String,
    log: Utf8PathBuf,
}

impl PasswordIndex {
    /// Serves the wheels of a folder, which need not exist yet.
    pub(crate) fn start(folder: &Utf8Path, user: &str, password: &str) -> Self {
        fs_err::create_dir_all(folder).expect("can be made");
        let (users, log) = (folder.with_extension("htpasswd"), folder.with_extension("log"));
        fs_err::write(&log, "").expect("can be written");
        // The part of the password that looks the same in a URL.
        let parts = password.split(|character: char| !character.is_ascii_alphanumeric());
        let mark = parts.max_by_key(|part| part.len()).unwrap_or_default();
        let mut command = Command::new(tools().program("python3"));
        command.args(["-c", SERVE, folder.as_str(), users.as_str(), log.as_str()]);
        command.env("INDEX_USER", user).env("INDEX_PASSWORD", password).env("INDEX_MARK", mark);
        let server = Server::start(command, "serving on port ");
        Self { server, user: user.to_owned(), password: password.to_owned(), log }
    }

    /// The same with new wheels of modules: name and version.
    pub(crate) fn with_wheels(folder: &Utf8Path, user: &str, password: &str, packages: &[(&str, &str)]) -> Self {
        for (name, version) in packages {
            wheel(folder, name, version);
        }
        Self::start(folder, user, password)
    }

    /// `127.0.0.1:PORT`
    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.server.port())
    }

    /// What `/simple/` comes behind.
    pub(crate) fn base(&self) -> String {
        format!("http://{}/", self.host())
    }

    /// Paths that were asked for, with `hidden`, or `shown` if a command line had the password.
    pub(crate) fn requests(&self) -> Vec<String> {
        fs_err::read_to_string(&self.log).expect("is there").lines().map(str::to_owned).collect()
    }

    /// The simple index without credentials.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/simple/", self.host())
    }

    /// The simple index with credentials, as they have to be written in a URL.
    pub(crate) fn url_with_password(&self) -> String {
        self.url_with(&self.user, &self.password)
    }

    /// The simple index with these credentials.
    pub(crate) fn url_with(&self, user: &str, password: &str) -> String {
        format!("http://{}:{}@{}/simple/", url_encoded(user), url_encoded(password), self.host())
    }
}

/// Every byte percent-encoded but letters and digits.
pub(crate) fn url_encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
