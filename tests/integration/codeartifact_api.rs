//! What AWS CodeArtifact answers to the two calls that lead to an index, held against the model that botocore has of it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::json;

use crate::codeartifact::{PASSWORD, api, refused};
use crate::harness::{Run, tools};
use crate::proxy::{answer, read_request};

/// Ends of tokens, in seconds since 1970.
pub(crate) const PAST: i64 = 1_000_000_000;
pub(crate) const FUTURE: i64 = 4_000_000_000;

/// Stopped when its value goes.
pub(crate) struct CodeArtifactApi {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Token and end, in the order they are given out; the last one stays.
    tokens: Vec<(String, i64)>,
    /// `domain/repository` to its endpoint.
    repositories: BTreeMap<String, String>,
    refusals: Vec<Refusal>,
    asked: Vec<Asked>,
    stopped: bool,
}

struct Refusal {
    path: &'static str,
    times: usize,
    answer: String,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
}

pub(crate) const TOKEN: &str = "/v1/authorization-token";
pub(crate) const ENDPOINT: &str = "/v1/repository/endpoint";

impl CodeArtifactApi {
    pub(crate) fn start(tokens: &[(&str, i64)], repositories: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("can be bound");
        let port = listener.local_addr().expect("is bound").port();
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let state = Arc::new(Mutex::new(State {
            tokens: tokens.iter().map(|(token, end)| ((*token).to_owned(), *end)).collect(),
            repositories: repositories.iter().map(owned).collect(),
            ..State::default()
        }));
        let serving = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut state = serving.lock().expect("no thread panics");
                if state.stopped {
                    return;
                }
                state.serve(stream).ok();
            }
        });
        Self { port, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics")
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Refuses so many requests for this path.
    pub(crate) fn refuse(&self, path: &'static str, times: usize, status: u16, code: &str, message: &str) {
        self.state().refusals.push(Refusal { path, times, answer: refusal(status, code, message) });
    }

    /// All requests since the start.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    /// How many requests there were for this path.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.state().asked.iter().filter(|asked| asked.path == path).count()
    }

    /// A run that knows this API, and has an identity.
    pub(crate) fn seen_by(&self, run: Run) -> Run {
        run.env("AWS_ENDPOINT_URL_CODEARTIFACT", self.url())
            .env("AWS_ACCESS_KEY_ID", "testing")
            .env("AWS_SECRET_ACCESS_KEY", "testing")
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
    }
}

impl Drop for CodeArtifactApi {
    fn drop(&mut self) {
        self.state().stopped = true;
        // Wakes the thread that waits for connections.
        TcpStream::connect(("127.0.0.1", self.port)).ok();
    }
}

impl State {
    fn serve(&mut self, mut client: TcpStream) -> std::io::Result<()> {
        let Some((head, _)) = read_request(&mut client)? else { return Ok(()) };
        let mut words = head.split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let url = url::Url::parse("http://host").expect("is a URL").join(words.next().unwrap_or_default());
        let url = url.expect("is a path");
        let query = url.query_pairs().into_owned().collect();
        let asked = Asked { method, path: url.path().to_owned(), query };
        let reply = self.reply(&asked);
        self.asked.push(asked);
        client.write_all(reply.as_bytes())
    }

    fn reply(&mut self, asked: &Asked) -> String {
        let refused = self.refusals.iter_mut().find(|refusal| refusal.path == asked.path && refusal.times > 0);
        if let Some(refusal) = refused {
            refusal.times -= 1;
            return refusal.answer.clone();
        }
        let given = |name: &str| asked.query.get(name).map(String::as_str).unwrap_or_default();
        let domain = given("domain");
        if !self.repositories.keys().any(|key| key.split('/').next() == Some(domain)) {
            return refusal(404, "ResourceNotFoundException", &format!("Domain not found. '{domain}' does not exist."));
        }
        match (asked.method.as_str(), asked.path.as_str()) {
            ("POST", TOKEN) => {
                let (token, end) = self.tokens[0].clone();
                if self.tokens.len() > 1 {
                    self.tokens.remove(0);
                }
                granted(&json!({ "authorizationToken": token, "expiration": end }))
            }
            ("GET", ENDPOINT) if given("format") == "pypi" => {
                let name = given("repository");
                let endpoint = self.repositories.get(&format!("{domain}/{name}"));
                let missing = format!("Repository not found. '{name}' does not exist.");
                endpoint.map_or_else(
                    || refusal(404, "ResourceNotFoundException", &missing),
                    |endpoint| granted(&json!({ "repositoryEndpoint": endpoint })),
                )
            }
            _ => refusal(400, "ValidationException", "a request that no client of the service makes"),
        }
    }
}

fn granted(body: &serde_json::Value) -> String {
    answer(200, "content-type: application/json", &body.to_string())
}

fn refusal(status: u16, code: &str, message: &str) -> String {
    let headers = format!("content-type: application/json\r\nx-amzn-errortype: {code}\r\nx-amzn-requestid: 8f3c");
    answer(status, &headers, &json!({ "message": message }).to_string())
}

/// Asks the stand-in with AWS's own client, and tells what that client's model of the service says.
const BOTOCORE: &str = r#"
import json, sys
import botocore.session

session = botocore.session.get_session()
client = session.create_client("codeartifact", region_name="eu-west-1", endpoint_url=sys.argv[1],
                               aws_access_key_id="testing", aws_secret_access_key="testing")
domain = {"domain": "acme", "domainOwner": "123456789012"}
token = client.get_authorization_token(**domain)
endpoint = client.get_repository_endpoint(**domain, repository="python", format="pypi")
try:
    client.get_repository_endpoint(**domain, repository="java", format="pypi")
except client.exceptions.ResourceNotFoundException as error:
    missing = error.response["Error"]["Message"]
operations, patterns = {}, {}
for name in ("GetAuthorizationToken", "GetRepositoryEndpoint"):
    model = session.get_service_model("codeartifact").operation_model(name)
    members = model.input_shape.members.items()
    place = model.http["method"] + " " + model.http["requestUri"]
    operations[place] = {shape.serialization["name"]: key in model.input_shape.required_members for key, shape in members}
    patterns |= {key: shape.metadata["pattern"] for key, shape in members if "pattern" in shape.metadata}
print(json.dumps({
    "token": token["authorizationToken"], "end": token["expiration"].timestamp(),
    "endpoint": endpoint["repositoryEndpoint"], "missing": missing,
    "operations": operations, "patterns": patterns,
}))
"#;

#[test]
fn the_stand_in_and_the_program_speak_as_botocore_does() {
    let api = api();
    let mut python = Command::new(tools().program("python3"));
    let output = python.args(["-c", BOTOCORE, &api.url()]).output().expect("can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("is JSON");
    assert_eq!(told["token"], PASSWORD);
    assert_eq!(told["end"].as_f64().map(|end| format!("{end:.0}")), Some(FUTURE.to_string()));
    assert_eq!(told["endpoint"], "http://127.0.0.1/");
    assert_eq!(told["missing"], "Repository not found. 'java' does not exist.");
    // The rules that `src/types/codeartifact.rs` has.
    insta::assert_json_snapshot!(told["patterns"], @r#"
    {
      "domain": "[a-z][a-z0-9\\-]{0,48}[a-z0-9]",
      "domainOwner": "[0-9]{12}",
      "repository": "[A-Za-z0-9][A-Za-z0-9._\\-]{1,99}"
    }
    "#);

    let of_botocore = api.asked();
    refused(&api, "123456789012/acme/python", 2);
    let of_program = &api.asked()[of_botocore.len()..];
    assert_eq!(of_program.len(), 2);
    for (theirs, ours) in of_botocore.iter().zip(of_program) {
        assert_eq!((&theirs.method, &theirs.path, &theirs.query), (&ours.method, &ours.path, &ours.query));
        let known = &told["operations"][format!("{} {}", ours.method, ours.path)];
        assert!(ours.query.keys().all(|name| known.get(name).is_some()), "{ours:?}");
        let required =
            known.as_object().expect("is an operation").iter().filter(|(_, is_required)| **is_required == true);
        required.for_each(|(name, _)| assert!(ours.query.contains_key(name), "{name} is missing"));
    }
}
