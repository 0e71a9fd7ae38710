//! A company's proxy, which opens every connection and shows certificates of the company's own authority.

use std::process::Command;

use serde_json::json;

use crate::account::{Account, EU};
use crate::github_server::GitHub;
use crate::harness::{FileServer, Run, Sandbox, tools};
use crate::packages::wheel;
use crate::preview::event;
use crate::servers::Server;

/// Nothing but the proxy knows the hosts that a run asks for: an index, GitHub Enterprise, and AWS behind an address.
struct Company {
    sandbox: Sandbox,
    account: Account,
    github: GitHub,
    _index: FileServer,
    proxy: Server,
}

impl Company {
    /// The authority's certificate is in the workspace, as `company.pem`.
    fn new() -> Self {
        let sandbox = Sandbox::with_requirements("alpha\n");
        wheel(&sandbox.root().join("index/alpha"), "alpha", "1.0");
        let (account, index) = (Account::with_buckets(&[EU]), FileServer::start(&sandbox.root().join("index")));
        let github = GitHub::start(&json!({"prefix": "/api/v3"}));
        let port = |url: &str| url.split(['/', ':']).nth(4).expect("has a port").to_owned();
        let mut proxy = Command::new(tools().program("python3"));
        proxy.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/integration/tls_proxy.py"));
        proxy.arg(sandbox.path("company.pem")).arg(sandbox.root().join("asked"));
        proxy.arg(format!("packages.acme.test={}", port(&index.url())));
        proxy.arg(format!("github.acme.test={}", port(&github.url())));
        proxy.arg(format!("127.0.0.1={}", port(&account.moto.url())));
        let proxy = Server::start(proxy, "Proxy on http://127.0.0.1:");
        Self { sandbox, account, github, _index: index, proxy }
    }

    /// A run inside of the company, where nobody has said yet whom to trust.
    fn run(&self, command: &str, inputs: &[(&str, &str)]) -> Run {
        let python = tools().python_version();
        let mut all = vec![
            ("command", command),
            ("layer-name", "shared"),
            ("python-version", &python),
            ("registry", "aws"),
            ("regions", EU),
            ("bucket", "layers-{region}"),
            ("index-url", "https://packages.acme.test/"),
        ];
        all.extend_from_slice(inputs);
        let run = self.github.reach(self.sandbox.run(&[]).in_actions(&all));
        let run = self.account.moto.variables().into_iter().fold(run, |run, (name, value)| run.env(name, value));
        let run =
            ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "PIP_FIND_LINKS"]
                .into_iter()
                .fold(run, Run::unset);
        event(run, &self.sandbox, "acme/layers")
            .env("GITHUB_API_URL", "https://github.acme.test/api/v3")
            .env("GITHUB_SERVER_URL", "https://github.acme.test")
            .env("GITHUB_GRAPHQL_URL", "https://github.acme.test/api/graphql")
            .env("AWS_ENDPOINT_URL", "https://127.0.0.1")
            .env("AWS_MAX_ATTEMPTS", "1")
            .env("HTTPS_PROXY", format!("http://127.0.0.1:{}", self.proxy.port()))
            .env("NO_PROXY", "")
            .env("UV_CACHE_DIR", self.sandbox.root().join("uv"))
            .env("PIP_CACHE_DIR", self.sandbox.root().join("pip"))
            .env("UV_HTTP_RETRIES", "0")
            // Not the certificates that this machine has configured for pip.
            .env("PIP_CONFIG_FILE", "/dev/null")
            .env("PIP_RETRIES", "0")
    }

    /// Which hosts were asked for through the proxy since the last time.
    fn asked(&self) -> Vec<String> {
        let file = self.sandbox.root().join("asked");
        let text = fs_err::read_to_string(&file).unwrap_or_default();
        fs_err::write(file, "").expect("is ours");
        let mut hosts: Vec<String> = text.lines().map(str::to_owned).collect();
        hosts.sort();
        hosts.dedup();
        hosts
    }
}

#[test]
fn one_variable_reaches_uv_pip_aws_and_github() {
    for installer in ["uv", "pip"] {
        let company = Company::new();
        let own = |run: Run| run.env("SSL_CERT_FILE", "company.pem");
        own(company.run("publish", &[("installer", installer)])).run().success();
        assert_eq!(company.account.versions(EU).len(), 1, "{installer}");
        assert_eq!(company.asked(), ["CONNECT 127.0.0.1:443", "CONNECT packages.acme.test:443"], "{installer}");
        // A pull request on GitHub Enterprise changes it.
        wheel(&company.sandbox.root().join("index/beta"), "beta", "2.0");
        company.sandbox.write("requirements.txt", "alpha\nbeta\n");
        own(company.run("preview", &[("installer", installer)])).run().success();
        let comments = company.github.comments(7);
        assert!(comments.iter().any(|(_, body)| body.contains("<code>beta</code>")), "{comments:?}");
        assert!(company.asked().contains(&"CONNECT github.acme.test:443".to_owned()));
    }
}

#[test]
fn each_client_that_does_not_trust_the_proxy_names_the_variable() {
    const HINT: &str = "set SSL_CERT_FILE to a file with the certificates to trust";
    let company = Company::new();
    let index = company.run("build", &[("installer", "uv")]).run().code(2);
    index
        .says("this machine does not trust the certificate of a package index")
        .says(HINT)
        .says("UV_SYSTEM_CERTS=true");
    let index = company.run("build", &[("installer", "pip")]).run().code(2);
    index.says("this machine does not trust the certificate of a package index").says(HINT);
    company.run("publish", &[]).run().code(2).says("invalid peer certificate").says(HINT);
    // Also where credentials are asked for.
    company.sandbox.write("token", "eyJ.eyJ.x");
    let own = company.run("publish", &[]).unset("AWS_ACCESS_KEY_ID").unset("AWS_SECRET_ACCESS_KEY");
    let own = own.env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/layers");
    own.env("AWS_WEB_IDENTITY_TOKEN_FILE", company.sandbox.path("token")).run().code(2).says(HINT);
    // Of GitHub it is a notice: the preview itself is done.
    let local = [("registry", ".lambda-layers"), ("bucket", ""), ("regions", "")];
    company.sandbox.write("requirements.txt", "");
    wheel(&company.sandbox.path(""), "alpha", "1.0");
    company.sandbox.write("requirements.txt", "./alpha-1.0-py3-none-any.whl\n");
    let preview = company.run("preview", &local).run().success();
    assert!(preview.stdout.contains("::notice") && preview.stdout.contains(HINT), "{}", preview.stdout);
}

#[test]
fn what_aws_tools_are_told_reaches_aws_alone() {
    let company = Company::new();
    wheel(&company.sandbox.path(""), "alpha", "1.0");
    company.sandbox.write("requirements.txt", "./alpha-1.0-py3-none-any.whl\n");
    company.run("publish", &[]).env("AWS_CA_BUNDLE", "company.pem").run().success();
    assert_eq!(company.account.versions(EU).len(), 1);
    let missing = company.run("publish", &[]).env("AWS_CA_BUNDLE", "/etc/acme.pem").run().code(1);
    missing.says("AWS_CA_BUNDLE is `/etc/acme.pem`, which has no certificates to trust");
}

#[test]
fn a_file_without_certificates_is_refused_before_anything_is_asked() {
    let company = Company::new();
    company.sandbox.write("empty.pem", "\n");
    for (value, error) in [
        ("", "SSL_CERT_FILE is set, but empty"),
        ("/etc/acme.pem", "SSL_CERT_FILE is `/etc/acme.pem`, which has no certificates to trust"),
        ("empty.pem", "it has no line `-----BEGIN CERTIFICATE-----`"),
    ] {
        company.run("publish", &[]).env("SSL_CERT_FILE", value).run().code(1).says(error).says("hint");
    }
    assert!(company.asked().is_empty());
}
