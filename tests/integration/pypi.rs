//! A package index that asks for a password: the real pypiserver with its htpasswd file.

use std::process::Command;

use camino::Utf8Path;

use crate::packages::wheel;
use crate::servers::Server;
use crate::tools::tools;

/// pypiserver behind the standard library's server, which chooses a port and says which; nothing is looked up
/// elsewhere, and listing as well as downloading ask for the password.
const SERVE: &str = r#"
import sys, socketserver, wsgiref.simple_server, passlib.apache, pypiserver

folder, user, password = sys.argv[1:]
accounts = passlib.apache.HtpasswdFile(folder + "/.htpasswd", new=True)
accounts.set_password(user, password)
accounts.save()

class Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True

app = pypiserver.app(roots=[folder], password_file=folder + "/.htpasswd",
                     authenticate=["list", "download", "update"], disable_fallback=True)
server = wsgiref.simple_server.make_server("127.0.0.1", 0, app, Server)
print("serves on port", server.server_port, flush=True)
server.serve_forever()
"#;

/// Its simple index is at `/simple/`.
pub(crate) struct PasswordIndex {
    server: Server,
    user: String,
    password: String,
}

impl PasswordIndex {
    /// Serves the wheels of a folder, which need not exist yet.
    pub(crate) fn start(folder: &Utf8Path, user: &str, password: &str) -> Self {
        fs_err::create_dir_all(folder).expect("can be made");
        let mut command = Command::new(tools().program("python3"));
        command.args(["-c", SERVE, folder.as_str(), user, password]);
        let server = Server::start(command, "serves on port ");
        Self { server, user: user.to_owned(), password: password.to_owned() }
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
