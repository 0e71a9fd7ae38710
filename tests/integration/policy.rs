//! AWS as somebody sees it who may do what a policy says and nothing else: each request is refused that the policy does
//! not name, and with it what AWS itself does on its behalf.
//!
//! What a request needs: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html> and its
//! neighbours for S3, Systems Manager, STS and the tagging of resources.

use std::sync::{Arc, Mutex};

use lambda_layer::facts::permissions::{self, Feature};
use serde_json::Value;

use crate::account::LAYER;
use crate::proxy::{Proxy, answer};

/// What stands for the names in braces of `data/permissions.yml`.
const NAMES: [(&str, &str); 5] = [
    ("{account}", "123456789012"),
    ("{bucket}", "layers-eu-west-1"),
    ("{layer}", LAYER),
    ("{function}", "orders"),
    ("{parameter}", "/layers/*"),
];

/// Pairs of an action and a resource.
type Needs = Vec<(String, String)>;

/// Actions and patterns of resources that are allowed.
pub(crate) struct Policy {
    allowed: Needs,
    refused: Arc<Mutex<Vec<String>>>,
}

impl Policy {
    /// What `docs/iam.md` has under these anchors.
    pub(crate) fn of(ids: &[&str]) -> Self {
        let features: Vec<&Feature> = ids.iter().map(|id| feature(id)).collect();
        let permissions = features.iter().flat_map(|feature| &feature.permissions);
        let allowed = permissions.map(|permission| {
            let fill = |text: String, (name, value): &(&str, &str)| text.replace(name, value);
            (permission.action.clone(), NAMES.iter().fold(permission.resource.clone(), fill))
        });
        Self { allowed: allowed.collect(), refused: Arc::default() }
    }

    /// The same without an action.
    pub(crate) fn without(mut self, action: &str) -> Self {
        self.allowed.retain(|(allowed, _)| allowed != action);
        self
    }

    /// From now on. Gives the list of what is refused.
    pub(crate) fn apply(self, proxy: &Proxy) -> Arc<Mutex<Vec<String>>> {
        let refused = Arc::clone(&self.refused);
        proxy.guard(Arc::new(move |head, body, answer| self.answer(head, body, answer)));
        refused
    }

    fn answer(&self, head: &str, body: &[u8], answered: Option<&[u8]>) -> Option<String> {
        let request = Request::read(head, body)?;
        let needs = match answered {
            None => request.needs(),
            // Who may not list a bucket is not told that an object does not exist.
            Some(answer) if request.service == "s3" && answer.starts_with(b"HTTP/1.1 404") => {
                vec![("s3:ListBucket".to_owned(), request.bucket_arn())]
            }
            Some(_) => return None,
        };
        let (action, resource) = needs.into_iter().find(|need| !self.allows(need))?;
        self.refused.lock().expect("no thread panics").push(format!("{action} on {resource}"));
        Some(request.refusal(&action, &resource))
    }

    fn allows(&self, (action, resource): &(String, String)) -> bool {
        let fits = |pattern: &str| {
            let pattern = globset::GlobBuilder::new(pattern).literal_separator(false).build().expect("is a pattern");
            pattern.compile_matcher().is_match(resource)
        };
        self.allowed.iter().any(|(allowed, pattern)| allowed == action && fits(pattern))
    }
}

fn feature(id: &str) -> &'static Feature {
    permissions::features().iter().find(|feature| feature.id == id).unwrap_or_else(|| panic!("there is no `{id}`"))
}

struct Request<'a> {
    method: &'a str,
    /// Decoded, without its query.
    path: String,
    query: &'a str,
    service: &'a str,
    region: &'a str,
    head: &'a str,
    body: &'a [u8],
}

impl<'a> Request<'a> {
    /// `None` for what nobody signed.
    fn read(head: &'a str, body: &'a [u8]) -> Option<Self> {
        let mut scope = head.split("Credential=").nth(1)?.split('/').skip(2);
        let (region, service) = (scope.next()?, scope.next()?);
        let mut words = head.split(' ');
        let (method, whole) = (words.next()?, words.next()?);
        let (path, query) = whole.split_once('?').unwrap_or((whole, ""));
        let path = path.replace("%3A", ":").replace("%2F", "/");
        Some(Self { method, path, query, service, region, head, body })
    }

    fn needs(&self) -> Needs {
        match self.service {
            "s3" => self.of_s3(),
            "lambda" => self.of_lambda(),
            "ssm" => self.of_ssm(),
            // Everybody may ask who they are.
            "sts" if self.text().contains("Action=GetCallerIdentity") => Vec::new(),
            "tagging" => vec![("tag:GetResources".to_owned(), "*".to_owned())],
            _ => vec![(format!("{}:{}", self.service, self.path), "*".to_owned())],
        }
    }

    fn bucket_arn(&self) -> String {
        format!("arn:aws:s3:::{}", self.path.trim_start_matches('/').split('/').next().unwrap_or_default())
    }

    fn of_s3(&self) -> Needs {
        let (bucket, key) = self.path.trim_start_matches('/').split_once('/').unwrap_or((&self.path[1..], ""));
        let object = format!("arn:aws:s3:::{bucket}/{key}");
        let need = |action: &str, resource: &str| (format!("s3:{action}"), resource.to_owned());
        match (self.method, key) {
            ("GET", "") if self.query.starts_with("versioning") => {
                vec![need("GetBucketVersioning", &self.bucket_arn())]
            }
            ("POST", "") => {
                let text = self.text();
                let keys = text.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
                keys.map(|key| need("DeleteObject", &format!("arn:aws:s3:::{bucket}/{key}"))).collect()
            }
            (_, "") => vec![need("ListBucket", &self.bucket_arn())],
            ("GET" | "HEAD", _) if self.query.contains("versionId") => vec![need("GetObjectVersion", &object)],
            ("GET" | "HEAD", _) => vec![need("GetObject", &object)],
            ("PUT", _) if self.head.to_lowercase().contains("\r\nif-match:") => {
                vec![need("PutObject", &object), need("GetObject", &object)]
            }
            ("PUT", _) => vec![need("PutObject", &object)],
            ("DELETE", _) => vec![need("DeleteObject", &object)],
            _ => vec![need(self.method, &object)],
        }
    }

    fn of_lambda(&self) -> Needs {
        let arn = |kind: &str| format!("arn:aws:lambda:{}:123456789012:{kind}", self.region);
        let need = |action: &str, resource: String| (format!("lambda:{action}"), resource);
        let layer = |name: &str| if name.starts_with("arn:") { name.to_owned() } else { arn(&format!("layer:{name}")) };
        let words: Vec<&str> = self.path.trim_matches('/').split('/').skip(1).collect();
        match (self.method, words.as_slice()) {
            ("POST", ["layers", name, "versions"]) => {
                let content = &self.json()["Content"];
                let zip = content["S3Bucket"].as_str().zip(content["S3Key"].as_str());
                let read = zip.map(|(bucket, key)| ("s3:GetObject".to_owned(), format!("arn:aws:s3:::{bucket}/{key}")));
                std::iter::once(need("PublishLayerVersion", layer(name))).chain(read).collect()
            }
            ("GET", ["layers", name, "versions"]) => vec![need("ListLayerVersions", layer(name))],
            ("GET", ["layers", name, "versions", number]) => {
                vec![need("GetLayerVersion", format!("{}:{number}", layer(name)))]
            }
            ("DELETE", ["layers", name, "versions", number]) => {
                vec![need("DeleteLayerVersion", format!("{}:{number}", layer(name)))]
            }
            (method, ["layers", name, "versions", number, "policy", ..]) => {
                let action = match method {
                    "GET" => "GetLayerVersionPolicy",
                    "POST" => "AddLayerVersionPermission",
                    _ => "RemoveLayerVersionPermission",
                };
                vec![need(action, format!("{}:{number}", layer(name)))]
            }
            ("GET", ["functions"]) => vec![need("ListFunctions", "*".to_owned())],
            ("GET", ["functions", name]) => vec![need("GetFunction", arn(&format!("function:{name}")))],
            ("PUT", ["functions", name, "configuration"]) => {
                let layers = self.json()["Layers"].as_array().cloned().unwrap_or_default();
                let layers = layers.iter().filter_map(Value::as_str);
                let layers = layers.map(|layer| need("GetLayerVersion", layer.to_owned()));
                let update = need("UpdateFunctionConfiguration", arn(&format!("function:{name}")));
                std::iter::once(update).chain(layers).collect()
            }
            ("GET", ["account-settings"]) => vec![need("GetAccountSettings", "*".to_owned())],
            (method, words) => vec![need(&format!("{method} {}", words.join("/")), "*".to_owned())],
        }
    }

    fn of_ssm(&self) -> Needs {
        let operation = self.head.split("AmazonSSM.").nth(1).and_then(|rest| rest.lines().next()).unwrap_or_default();
        let json = self.json();
        let names = json["Names"].as_array().cloned().unwrap_or_else(|| {
            let name = if json["Path"].is_string() { &json["Path"] } else { &json["Name"] };
            vec![name.clone()]
        });
        let arn = |name: &Value| {
            let name = name.as_str().unwrap_or_default().trim_matches('/').to_owned();
            format!("arn:aws:ssm:{}:123456789012:parameter/{name}", self.region)
        };
        names.iter().map(|name| (format!("ssm:{operation}"), arn(name))).collect()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(self.body).into_owned()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(self.body).unwrap_or_default()
    }

    /// In AWS's words.
    fn refusal(&self, action: &str, resource: &str) -> String {
        let message = format!(
            "User: arn:aws:sts::123456789012:assumed-role/ci/run is not authorized to perform: {action} on resource: {resource} because no identity-based policy allows the {action} action"
        );
        if self.service == "s3" {
            let body = format!("<Error><Code>AccessDenied</Code><Message>{message}</Message></Error>");
            let body = if self.method == "HEAD" { "" } else { &body };
            return answer(403, "x-amz-request-id: 4F2A\r\ncontent-type: application/xml", body);
        }
        let body = serde_json::json!({ "Message": message, "message": message }).to_string();
        answer(403, "x-amzn-errortype: AccessDeniedException\r\ncontent-type: application/json", &body)
    }
}
