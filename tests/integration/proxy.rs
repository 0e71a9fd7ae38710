//! Stands between the program and moto: passes requests on, writes them down, and plays the faults that moto has not.
//!
//! One request a connection; threads and plain sockets.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::harness::Moto;

/// How long a test waits for what must come.
const DEADLINE: Duration = Duration::from_mins(2);

/// A request that came by.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    /// From the signature.
    pub(crate) region: String,
    /// The access key, from the signature.
    pub(crate) key: String,
    /// The operation, for services that name it in a header: `AmazonSSM.GetParameters`.
    pub(crate) operation: String,
}

/// What to do with some requests.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    method: &'static str,
    path: &'static str,
    /// In the operation; all have the empty one.
    operation: &'static str,
    region: Option<&'static str>,
    /// How many to let through before.
    after: usize,
    /// How many to act on.
    times: usize,
    act: Act,
}

#[derive(Clone, Debug)]
enum Act {
    /// Answers itself; nothing reaches moto.
    Reply(String),
    /// Passes it on and changes a text of the answer's body.
    Replace(String, String),
    /// Passes it on without what stands behind the `?` of its path.
    DropQuery,
    /// Passes it on and changes the body of a good answer, by the path of the request.
    Edit(fn(&str, &str) -> String),
    /// Hangs up before anything reaches moto.
    HangUp,
    /// Passes it on and hangs up instead of answering.
    LoseAnswer,
    /// Passes it on only when the test says so.
    Hold,
    /// Passes it on, and answers only when the test says so.
    HoldAnswer,
    /// Passes on so many within a second, and answers the others itself; with the times of those that were passed on.
    Throttle(usize, Vec<Instant>, String),
}

impl Rule {
    /// Requests with this method whose path contains this.
    pub(crate) fn on(method: &'static str, path: &'static str) -> Self {
        Self { method, path, operation: "", region: None, after: 0, times: usize::MAX, act: Act::HangUp }
    }

    /// Requests of a service that names the operation in a header: `AmazonSSM.PutParameter`.
    pub(crate) fn on_operation(operation: &'static str) -> Self {
        Self { operation, ..Self::on("POST", "/") }
    }

    /// Any request that may change something.
    pub(crate) fn on_change() -> Self {
        Self::on("", "")
    }

    pub(crate) fn in_region(self, region: &'static str) -> Self {
        Self { region: Some(region), ..self }
    }

    /// Lets so many through before.
    pub(crate) fn after(self, after: usize) -> Self {
        Self { after, ..self }
    }

    /// Acts so often; else for ever.
    pub(crate) fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// Answers this itself.
    pub(crate) fn reply(self, status: u16, headers: &str, body: &str) -> Self {
        Self { act: Act::Reply(answer(status, headers, body)), ..self }
    }

    /// Answers like Lambda refuses.
    pub(crate) fn refuse(self, status: u16, code: &str, message: &str) -> Self {
        let body = serde_json::json!({ "Type": "User", "Message": message }).to_string();
        self.reply(status, &format!("x-amzn-errortype: {code}\r\nx-amzn-requestid: 8f3c"), &body)
    }

    /// Answers like Parameter Store refuses.
    pub(crate) fn refuse_as_ssm(self, code: &str, message: &str) -> Self {
        Self { act: Act::Reply(ssm_refusal(code, message)), ..self }
    }

    /// Lets so many through within a second, and refuses the others as Parameter Store does.
    pub(crate) fn throttle(self, per_second: usize) -> Self {
        let refusal = ssm_refusal("ThrottlingException", "Rate exceeded");
        Self { act: Act::Throttle(per_second, Vec::new(), refusal), ..self }
    }

    /// Answers like S3 refuses.
    pub(crate) fn refuse_as_s3(self, status: u16, code: &str, message: &str) -> Self {
        let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
        self.reply(status, "x-amz-request-id: 4F2A\r\ncontent-type: application/xml", &body)
    }

    /// Changes a text in what moto answers.
    pub(crate) fn replace(self, from: &str, to: &str) -> Self {
        Self { act: Act::Replace(from.to_owned(), to.to_owned()), ..self }
    }

    /// Passes on without the query, which moto takes for something else.
    pub(crate) fn drop_query(self) -> Self {
        Self { act: Act::DropQuery, ..self }
    }

    /// Changes the body of a good answer: of the path and the body.
    pub(crate) fn edit(self, edit: fn(&str, &str) -> String) -> Self {
        Self { act: Act::Edit(edit), ..self }
    }

    pub(crate) fn hang_up(self) -> Self {
        Self { act: Act::HangUp, ..self }
    }

    pub(crate) fn lose_answer(self) -> Self {
        Self { act: Act::LoseAnswer, ..self }
    }

    pub(crate) fn hold(self) -> Self {
        Self { act: Act::Hold, ..self }
    }

    pub(crate) fn hold_answer(self) -> Self {
        Self { act: Act::HoldAnswer, ..self }
    }
}

fn ssm_refusal(code: &str, message: &str) -> String {
    let body = serde_json::json!({ "__type": code, "message": message }).to_string();
    answer(400, "content-type: application/x-amz-json-1.1\r\nx-amzn-requestid: 5a1e", &body)
}

pub(crate) fn answer(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} Fault\r\n{headers}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: String,
    state: Mutex<State>,
    changed: Condvar,
}

/// Looks at the head and the body of a request, and at the answer once there is one; gives what to answer instead.
pub(crate) type Guard = Arc<dyn Fn(&str, &[u8], Option<&[u8]>) -> Option<String> + Send + Sync>;

#[derive(Default)]
struct State {
    guard: Option<Guard>,
    seen: Vec<Seen>,
    rules: Vec<Rule>,
    held: usize,
    /// What is held goes on.
    released: bool,
    /// What is held goes nowhere.
    forgotten: bool,
    stopped: bool,
}

impl Proxy {
    pub(crate) fn before(moto: &Moto) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("can be bound");
        let port = listener.local_addr().expect("is bound").port();
        let upstream = moto.url().trim_start_matches("http://").to_owned();
        let shared = Arc::new(Shared { upstream, state: Mutex::default(), changed: Condvar::new() });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if serving.state().stopped {
                    return;
                }
                let serving = Arc::clone(&serving);
                // A client that was killed hangs up; that is no fault of the proxy's.
                std::thread::spawn(move || serving.serve(stream).ok());
            }
        });
        Self { port, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on.
    pub(crate) fn rule(&self, rule: Rule) {
        self.shared.state().rules.push(rule);
    }

    /// From now on, before all others.
    pub(crate) fn rule_first(&self, rule: Rule) {
        self.shared.state().rules.insert(0, rule);
    }

    /// From now on, before all rules.
    pub(crate) fn guard(&self, guard: Guard) {
        self.shared.state().guard = Some(guard);
    }

    /// Ends all rules and lets go of what is held.
    pub(crate) fn behave(&self) {
        let mut state = self.shared.state();
        state.rules.clear();
        state.released = true;
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Ends all rules; what is held never gets to moto.
    pub(crate) fn forget_held(&self) {
        let mut state = self.shared.state();
        state.rules.clear();
        state.forgotten = true;
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Requests with this method whose path contains this.
    pub(crate) fn seen(&self, method: &str, path: &str) -> Vec<Seen> {
        let state = self.shared.state();
        state.seen.iter().filter(|seen| seen.method == method && seen.path.contains(path)).cloned().collect()
    }

    /// What was held or forgotten before does not count any more.
    pub(crate) fn begin_again(&self) {
        let mut state = self.shared.state();
        (state.held, state.released, state.forgotten) = (0, false, false);
        state.seen.clear();
    }

    /// Waits until a request is held.
    pub(crate) fn wait_for_held(&self) {
        self.wait(|state| state.held > 0);
    }

    /// Waits until so many such requests have come by.
    pub(crate) fn wait_for(&self, method: &str, path: &str, count: usize) {
        self.wait(|state| {
            state.seen.iter().filter(|seen| seen.method == method && seen.path.contains(path)).count() >= count
        });
    }

    fn wait(&self, is_so: impl Fn(&State) -> bool) {
        let end = Instant::now() + DEADLINE;
        let mut state = self.shared.state();
        while !is_so(&state) {
            let left = end.checked_duration_since(Instant::now());
            let left = left.unwrap_or_else(|| panic!("never came; seen: {:#?}", state.seen));
            state = self.shared.changed.wait_timeout(state, left).expect("no thread panics").0;
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.state().stopped = true;
        self.forget_held();
        // Wakes the thread that waits for connections.
        TcpStream::connect(("127.0.0.1", self.port)).ok();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics")
    }

    fn serve(&self, mut client: TcpStream) -> std::io::Result<()> {
        let Some((head, body)) = read_request(&mut client)? else { return Ok(()) };
        let guard = self.state().guard.clone();
        if let Some(answer) = guard.as_ref().and_then(|guard| guard(&head, &body, None)) {
            return client.write_all(answer.as_bytes());
        }
        match self.act(&head) {
            Some(Act::HangUp) => return Ok(()),
            Some(Act::Reply(answer)) => return client.write_all(answer.as_bytes()),
            Some(Act::Replace(from, to)) => {
                let whole = String::from_utf8_lossy(&self.forward(&head, &body)?).into_owned();
                let (_, body) = whole.split_once("\r\n\r\n").unwrap_or_default();
                let body = body.replace(&from, &to);
                return client.write_all(answer(200, "content-type: application/json", &body).as_bytes());
            }
            Some(Act::DropQuery) => {
                let (request, rest) = head.split_once("\r\n").unwrap_or_default();
                let path = request.split_once('?').map_or(request, |(path, _)| path);
                return client.write_all(&self.forward(&format!("{path} HTTP/1.1\r\n{rest}"), &body)?);
            }
            Some(Act::Edit(edit)) => {
                let whole = String::from_utf8_lossy(&self.forward(&head, &body)?).into_owned();
                let (answered, body) = whole.split_once("\r\n\r\n").unwrap_or_default();
                if !answered.contains(" 200 ") {
                    return client.write_all(whole.as_bytes());
                }
                let kind = answered.lines().find(|line| line.to_lowercase().starts_with("content-type"));
                let path = head.split(' ').nth(1).unwrap_or_default();
                return client.write_all(answer(200, kind.unwrap_or("x-kind: none"), &edit(path, body)).as_bytes());
            }
            Some(Act::LoseAnswer) => return self.forward(&head, &body).map(drop),
            Some(Act::Hold) if self.is_forgotten() => return Ok(()),
            None | Some(Act::Hold | Act::Throttle(..)) => {}
            Some(Act::HoldAnswer) => {
                let answer = self.forward(&head, &body)?;
                return if self.is_forgotten() { Ok(()) } else { client.write_all(&answer) };
            }
        }
        let answer = self.forward(&head, &body)?;
        match guard.and_then(|guard| guard(&head, &body, Some(&answer))) {
            Some(instead) => client.write_all(instead.as_bytes()),
            None => client.write_all(&answer),
        }
    }

    /// Holds on until the test says how to go on.
    fn is_forgotten(&self) -> bool {
        let mut state = self.state();
        state.held += 1;
        self.changed.notify_all();
        while !state.released && !state.forgotten {
            state = self.changed.wait(state).expect("no thread panics");
        }
        state.forgotten
    }

    fn act(&self, head: &str) -> Option<Act> {
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
        let credential = head.split("Credential=").nth(1).unwrap_or_default();
        let region = credential.split('/').nth(2).unwrap_or_default().to_owned();
        let key = credential.split('/').next().unwrap_or_default().to_owned();
        let mut state = self.state();
        let target = head.lines().find(|line| line.to_lowercase().starts_with("x-amz-target:"));
        let operation = target.and_then(|line| line.split(": ").nth(1)).unwrap_or_default().to_owned();
        let seen = Seen { method: method.clone(), path: path.clone(), region: region.clone(), key, operation };
        state.seen.push(seen.clone());
        self.changed.notify_all();
        let rule = state.rules.iter_mut().find(|rule| {
            let is_region = rule.region.is_none_or(|wanted| wanted == region);
            let is_method = rule.method == method || (rule.method.is_empty() && !matches!(&*method, "GET" | "HEAD"));
            let is_operation = seen.operation.contains(rule.operation);
            is_method && path.contains(rule.path) && is_operation && is_region && rule.times > 0
        })?;
        if rule.after > 0 {
            rule.after -= 1;
            return None;
        }
        rule.times -= 1;
        let Act::Throttle(most, passed, refusal) = &mut rule.act else { return Some(rule.act.clone()) };
        passed.retain(|time| time.elapsed() < Duration::from_secs(1));
        if passed.len() < *most {
            passed.push(Instant::now());
            return None;
        }
        Some(Act::Reply(refusal.clone()))
    }

    fn forward(&self, head: &str, body: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut server = TcpStream::connect(&self.upstream)?;
        let dropped = |line: &&str| {
            let name = line.split(':').next().unwrap_or_default().to_lowercase();
            !matches!(name.as_str(), "connection" | "expect")
        };
        let lines: Vec<&str> = head.trim_end().split("\r\n").filter(dropped).collect();
        write!(server, "{}\r\nconnection: close\r\n\r\n", lines.join("\r\n"))?;
        server.write_all(body)?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer)?;
        Ok(answer)
    }
}

/// The head with its empty line, and the body as it came; `None` if the client only knocked.
pub(crate) fn read_request(client: &mut TcpStream) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
    let mut length = None;
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4) {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let whole = *length.get_or_insert_with(|| {
                let lower = head.to_lowercase();
                if lower.contains("expect: 100-continue") {
                    client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok();
                }
                assert!(!lower.contains("transfer-encoding: chunked"), "the SDK says how long its requests are");
                let value = lower.split("\r\ncontent-length:").nth(1).and_then(|rest| rest.lines().next());
                end + value.map_or(0, |value| value.trim().parse::<usize>().expect("is a number"))
            });
            if bytes.len() >= whole {
                return Ok(Some((head, bytes.split_off(end))));
            }
        }
        match client.read(&mut buffer)? {
            0 => return Ok(None),
            read => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}
