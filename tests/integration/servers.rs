//! What the program talks to: real servers on random ports, stopped when their value goes.

use std::io::Read;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::Receiver;

use camino::Utf8Path;

use crate::tools::tools;

/// Something that serves on a random port of 127.0.0.1; stopped in the end.
pub(crate) struct Server {
    life: Life,
    pub(crate) port: u16,
    /// What it writes, line by line.
    log: Receiver<String>,
}

/// What ends with a server, and ends it.
enum Life {
    Process(Child),
    /// To a server that ends when its connection does.
    Connection(TcpStream),
}

impl Server {
    /// Starts a server that chooses its port and names it in a line after `marker`.
    pub(crate) fn start(mut command: Command, marker: &str) -> Self {
        let (reader, writer) = std::io::pipe().expect("can be made");
        command.stdin(Stdio::null()).stdout(writer.try_clone().expect("can be made")).stderr(writer);
        let child = command.spawn().expect("can be started");
        drop(command);
        Self::of(Life::Process(child), reader, marker)
    }

    /// The server behind a connection, over which it writes its log.
    fn behind(connection: TcpStream, marker: &str) -> Self {
        let reader = connection.try_clone().expect("can be cloned");
        Self::of(Life::Connection(connection), reader, marker)
    }

    fn of(life: Life, log: impl Read + Send + 'static, marker: &str) -> Self {
        let log = lines_of(log);
        let port = port_in(&log, marker);
        Self { life, port, log }
    }

    /// Starts a server that is told its port, and waits until something listens there.
    pub(crate) fn start_on(mut command: Command, port: u16) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::inherit()).stderr(Stdio::inherit());
        let mut child = command.spawn().expect("can be started");
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(child.try_wait().expect("is ours").is_none(), "the server did not start");
            std::thread::yield_now();
        }
        Self { life: Life::Process(child), port, log: std::sync::mpsc::channel().1 }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        match &mut self.life {
            Life::Process(child) => {
                child.kill().ok();
                child.wait().ok();
            }
            Life::Connection(connection) => {
                connection.shutdown(std::net::Shutdown::Both).ok();
            }
        }
    }
}

fn lines_of(log: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        use std::io::BufRead as _;
        for line in std::io::BufReader::new(log).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// The port that stands after `marker` in the first line that has it.
fn port_in(log: &Receiver<String>, marker: &str) -> u16 {
    let mut said = Vec::new();
    loop {
        let Ok(line) = log.recv() else { panic!("the server did not start:\n{}", said.join("\n")) };
        let digits = line.split_once(marker).map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit));
        if let Some(port) = digits.and_then(|digits| digits.collect::<String>().parse().ok()) {
            return port;
        }
        said.push(line);
    }
}

/// Starts the servers of `Moto` for all tests of this process: a new one takes 30 ms in place of a second.
struct Nursery {
    port: u16,
    /// It ends when this does, with the process of the tests.
    _process: Child,
}

impl Nursery {
    fn start() -> Self {
        const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/aws/nursery.py");
        let mut command = Command::new(tools().program("python3"));
        command.args(["-u", PROGRAM]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut process = command.spawn().expect("can be started");
        let log = lines_of(process.stdout.take().expect("is piped"));
        Self { port: port_in(&log, "Ready on port "), _process: process }
    }

    fn connect() -> TcpStream {
        static NURSERY: LazyLock<Nursery> = LazyLock::new(Nursery::start);
        TcpStream::connect(("127.0.0.1", NURSERY.port)).expect("listens")
    }
}

/// AWS by moto, a real HTTP server behind AWS's manner: `tests/aws/`, which refuses what AWS's models refuse.
pub(crate) struct Moto {
    server: Server,
    seen: Vec<Request>,
}

impl Drop for Moto {
    /// Whatever the program asked for, AWS would have understood it.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let answer = get(self.server.port, "/_aws/refused");
            assert!(answer.ends_with("\r\n\r\n[]"), "the models of AWS refuse what was sent:\n{answer}");
        }
    }
}

/// A line of an access log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// With its query.
    pub(crate) path: String,
    pub(crate) status: u16,
}

impl Moto {
    pub(crate) fn start() -> Self {
        Self { server: Server::behind(Nursery::connect(), "Running on http://127.0.0.1:"), seen: Vec::new() }
    }

    /// For `AWS_ENDPOINT_URL`.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port)
    }

    /// All requests since the start, in the order they were answered.
    pub(crate) fn requests(&mut self) -> &[Request] {
        // A request is logged before its answer is sent, so all earlier ones stand before this one.
        const MARKER: &str = "/moto-api/data.json?marker";
        get(self.server.port, MARKER);
        while let Ok(line) = self.server.log.recv() {
            let Some(request) = access(&line) else { continue };
            if request.path == MARKER {
                break;
            }
            self.seen.push(request);
        }
        &self.seen
    }

    /// How it behaves from now on: a document of `tests/aws/manner.py`.
    pub(crate) fn behave(&self, manner: &serde_json::Value) {
        let body = manner.to_string();
        let answer = self.send(&format!("PUT /_aws/manner HTTP/1.0\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
        assert!(answer.contains(" 200 "), "{answer}");
    }

    /// What the models of AWS's services refused since the start, or since it was told how to behave; forgets it.
    pub(crate) fn refused(&self) -> String {
        let answer = get(self.server.port, "/_aws/refused");
        self.behave(&serde_json::json!({}));
        answer.split_once("\r\n\r\n").unwrap_or_default().1.to_owned()
    }

    /// A call of a service of the query protocol.
    pub(crate) fn post(&self, service: &str, body: &str) {
        self.post_as("testing", service, body);
    }

    /// The same with an access key, whose account moto knows.
    pub(crate) fn post_as(&self, key: &str, service: &str, body: &str) {
        let credential = format!("Credential={key}/20260101/us-east-1/{service}/aws4_request");
        let answer = self.send(&format!(
            "POST / HTTP/1.0\r\nHost: {service}.amazonaws.com\r\nAuthorization: AWS4-HMAC-SHA256 {credential}\r\n\
            Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        assert!(answer.contains(" 200 ") || answer.contains("EntityAlreadyExists"), "{answer}");
    }

    /// Sends these bytes and then nothing more; what is answered until the connection ends, if anything.
    pub(crate) fn send(&self, request: &str) -> String {
        use std::io::Write as _;
        let mut stream = TcpStream::connect(("127.0.0.1", self.server.port)).expect("listens");
        stream.write_all(request.as_bytes()).expect("can be sent");
        stream.shutdown(std::net::Shutdown::Write).expect("is open");
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Variables of a client: endpoint, credentials and region.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.url()),
            ("AWS_ACCESS_KEY_ID", "testing".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "testing".to_owned()),
            ("AWS_REGION", "eu-west-1".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
    }
}

/// `127.0.0.1 - - [date] "GET /path HTTP/1.1" 200 -`, perhaps with colours.
fn access(line: &str) -> Option<Request> {
    let (_, rest) = line.split_once('"')?;
    let (request, rest) = rest.rsplit_once('"')?;
    let request = request.trim_start_matches(|character: char| !character.is_ascii_uppercase());
    let mut words = request.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let status = rest.split_whitespace().next()?.parse().ok()?;
    Some(Request { method, path, status })
}

/// The answer to a GET, headers included.
pub(crate) fn get(port: u16, path: &str) -> String {
    use std::io::Write as _;
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("listens");
    write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").expect("can be sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("is answered");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Serves the files of a folder, listings included: enough of a package index for pip and uv.
pub(crate) struct FileServer(Server);

impl FileServer {
    pub(crate) fn start(folder: &Utf8Path) -> Self {
        let mut command = Command::new(tools().program("python3"));
        command.args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", folder.as_str()]);
        Self(Server::start(command, "Serving HTTP on 127.0.0.1 port "))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.0.port)
    }
}

/// A port on which nothing listens.
pub(crate) fn dead_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("can be bound");
    listener.local_addr().expect("is bound").port()
}
