//! Packages from AWS CodeArtifact: an index whose address and password the program asks AWS for.

use std::process::Command;

use base64::Engine as _;
use camino::Utf8Path;
use lambda_layer::types::Digest;

use crate::codeartifact_api::{CodeArtifactApi, ENDPOINT, FUTURE, PAST, TOKEN};
use crate::harness::{FileServer, Outcome, Run, Sandbox, dead_port, tools};
use crate::packages::wheel;
use crate::pypi::PasswordIndex;
use crate::zip::members;

/// With signs that a URL must escape.
pub(crate) const PASSWORD: &str = "eyJ2ZXIi.t0ken9f3ax-_~/with+odd=signs%41";
const ENCODED: &str = "eyJ2ZXIi.t0ken9f3ax-_~%2Fwith%2Bodd%3Dsigns%2541";
/// What looks the same in a URL.
const MARK: &str = "t0ken9f3ax";

/// An index with these wheels that takes this password.
fn index(sandbox: &Sandbox, name: &str, password: &str, packages: &[(&str, &str)]) -> PasswordIndex {
    let folder = sandbox.root().join(name);
    for (package, version) in packages {
        wheel(&folder, package, version);
    }
    PasswordIndex::start(&folder, "aws", password)
}

fn run(sandbox: &Sandbox, api: &CodeArtifactApi, command: &str, arguments: &[&str]) -> Run {
    let python = tools().python_version();
    let run = sandbox.run(&[command, "--layer-name", "shared", "--python-version", &python]).args(arguments);
    // A request to PyPI would end the run in another way than the test expects.
    let dead = format!("http://127.0.0.1:{}", dead_port());
    let run = run.env("HTTPS_PROXY", &dead).env("https_proxy", &dead).env("UV_HTTP_RETRIES", "0");
    api.seen_by(run.env("PIP_FIND_LINKS", "").env("PIP_INDEX_URL", ""))
}

/// The token stands in nothing that was said or written, however it is spelled, but where the runner is told to hide it.
#[track_caller]
fn is_nowhere(sandbox: &Sandbox, outcome: &Outcome) {
    let base64 = base64::engine::general_purpose::STANDARD.encode(format!("aws:{PASSWORD}"));
    let has = |text: &str| [MARK, PASSWORD, ENCODED, &base64].iter().any(|secret| text.contains(secret));
    for said in [&outcome.stdout, &outcome.stderr] {
        assert!(!said.lines().any(|line| has(line) && !line.starts_with("::add-mask::")), "{said}");
    }
    for entry in walkdir::WalkDir::new(sandbox.root()) {
        let entry = entry.expect("is readable");
        if entry.file_type().is_file() {
            let text = fs_err::read(entry.path()).expect("is readable");
            assert!(!has(&String::from_utf8_lossy(&text)), "`{}` has it", entry.path().display());
        }
        let path = Utf8Path::from_path(entry.path()).expect("is UTF-8");
        if path.extension() == Some("zip") {
            for (name, member) in members(path) {
                assert!(!has(&String::from_utf8_lossy(&member.bytes)), "`{name}` in `{path}` has it");
            }
        }
    }
}

/// Versions of what is in the layer: `alpha-1.0`.
fn installed(sandbox: &Sandbox) -> Vec<String> {
    let members = members(&sandbox.path("layer.zip"));
    let infos = members.keys().filter_map(|name| name.strip_prefix("python/")?.strip_suffix(".dist-info/METADATA"));
    infos.map(str::to_owned).collect()
}

#[test]
fn packages_come_through_it_and_its_token_is_nowhere() {
    for installer in ["uv", "pip"] {
        let sandbox = Sandbox::with_requirements("alpha\n");
        let index = index(&sandbox, "index", PASSWORD, &[("alpha", "1.0")]);
        let api = CodeArtifactApi::start(&[(PASSWORD, FUTURE)], &[("acme/python", &index.base())]);
        // Caches of its own, to look into.
        let cache = sandbox.root().join("cache");
        let publish = |command| {
            let arguments = ["--codeartifact", "123456789012/acme/python", "--installer", installer];
            let run = run(&sandbox, &api, command, &arguments).env("LAMBDA_LAYER_DEBUG", "1");
            run.env("UV_CACHE_DIR", cache.join("uv")).env("PIP_CACHE_DIR", cache.join("pip"))
        };
        let outcome = publish("plan").run().success();
        assert!(api.asked().is_empty(), "a plan installs nothing");
        is_nowhere(&sandbox, &outcome);

        let outcome =
            publish("publish").run().success().says("Log in to CodeArtifact           123456789012/acme/python");
        assert_eq!((api.count(TOKEN), api.count(ENDPOINT)), (1, 1));
        assert_eq!(api.asked()[0].query["domain-owner"], "123456789012");
        is_nowhere(&sandbox, &outcome);
        let requests = index.requests();
        assert!(requests.iter().any(|request| request.starts_with("/simple/alpha/")), "{requests:?}");
        assert!(requests.iter().all(|request| request.ends_with(" hidden")), "{requests:?}");

        let outcome =
            publish("publish").run().success().says("shared unchanged: the inputs are the same as for version 1");
        assert_eq!(api.asked().len(), 2, "an unchanged run asks nothing");
        is_nowhere(&sandbox, &outcome);
    }
}

#[test]
fn in_a_workflow_the_runner_is_told_to_hide_the_token() {
    let sandbox = Sandbox::with_requirements("alpha\n");
    let index = index(&sandbox, "index", PASSWORD, &[("alpha", "1.0")]);
    let api = CodeArtifactApi::start(&[(PASSWORD, FUTURE)], &[("acme/python", &index.base())]);
    let inputs = [("command", "build"), ("codeartifact", "acme/python\n"), ("output", "layer.zip")];
    let run = api.seen_by(sandbox.run(&[]).in_actions(&inputs)).env("RUNNER_DEBUG", "1");
    let outcome = run.env("PIP_INDEX_URL", "").run().success();
    for secret in [PASSWORD, ENCODED] {
        let mask = format!("::add-mask::{}\n", secret.replace('%', "%25"));
        let at = outcome.stdout.find(&mask).unwrap_or_else(|| panic!("no mask in {}", outcome.stdout));
        assert!(at < outcome.stdout.find("Install with").expect("is told"), "masked before it is used");
    }
    assert!(!api.asked()[0].query.contains_key("domain-owner"), "the account is that of the caller");
    is_nowhere(&sandbox, &outcome);
}

#[test]
fn the_first_repository_that_has_a_name_wins() {
    let sandbox = Sandbox::with_requirements("alpha\nbeta\ngamma\n");
    let one = index(&sandbox, "one", PASSWORD, &[("alpha", "1.0")]);
    let two = index(&sandbox, "two", PASSWORD, &[("alpha", "2.0"), ("beta", "2.0")]);
    let more = sandbox.root().join("more");
    for name in ["alpha", "beta", "gamma"] {
        wheel(&more.join("simple").join(name), name, "3.0");
    }
    let more = FileServer::start(&more);
    let repositories = [("acme/one", one.base()), ("acme/two", two.base())];
    let repositories = repositories.each_ref().map(|(name, url)| (*name, url.as_str()));
    let api = CodeArtifactApi::start(&[(PASSWORD, FUTURE)], &repositories);
    let extra = format!("{}/simple/", more.url());
    let arguments = ["--codeartifact", "acme/one,acme/two", "--output", "layer.zip", "--extra-index-urls", &extra];
    run(&sandbox, &api, "build", &arguments).run().success();
    assert_eq!(installed(&sandbox), ["alpha-1.0", "beta-2.0", "gamma-3.0"]);
    assert_eq!((api.count(TOKEN), api.count(ENDPOINT)), (1, 2), "a domain has one token");

    let arguments = ["--codeartifact", "acme/two,acme/one", "--output", "layer.zip", "--index-url", &extra];
    run(&sandbox, &api, "build", &arguments).run().success();
    assert_eq!(installed(&sandbox), ["alpha-2.0", "beta-2.0", "gamma-3.0"]);
}

#[test]
fn a_lock_file_that_names_the_repository_or_pypi_needs_no_password_for_it() {
    let sandbox = Sandbox::new();
    let index = index(&sandbox, "index", PASSWORD, &[("alpha", "1.0"), ("beta", "2.0")]);
    let package = |name: &str, version: &str, place: &str| {
        let file = format!("{name}-{version}-py3-none-any.whl");
        let hash = Digest::of(&fs_err::read(sandbox.root().join("index").join(&file)).expect("is there")).hex();
        let wheel = format!(
            "{{ name = '{file}', url = 'https://files.pythonhosted.org/packages/{file}', hashes = {{ sha256 = '{hash}' }} }}"
        );
        format!("[[packages]]\nname = '{name}'\nversion = '{version}'\n{place}\nwheels = [{wheel}]\n")
    };
    let repository = format!("index = '{}simple'", index.base());
    let head = "lock-version = '1.0'\ncreated-by = 'a test'\n";
    let api = CodeArtifactApi::start(&[(PASSWORD, FUTURE)], &[("acme/python", &index.base())]);
    for (place_of_alpha, place_of_beta) in [(&repository, ""), (&repository, repository.as_str())] {
        let packages = [package("alpha", "1.0", place_of_alpha), package("beta", "2.0", place_of_beta)];
        sandbox.write("pylock.toml", format!("{head}{}", packages.concat()));
        for installer in ["uv", "pip"] {
            let arguments = ["--codeartifact", "acme/python", "--output", "layer.zip", "--installer", installer];
            let outcome = run(&sandbox, &api, "build", &arguments).run().success();
            assert_eq!(installed(&sandbox), ["alpha-1.0", "beta-2.0"]);
            is_nowhere(&sandbox, &outcome);
            // It is one index and not two.
            assert!(!outcome.stderr.contains("pip merges all indexes"), "{}", outcome.stderr);
        }
    }
}

#[test]
fn a_project_of_uv_whose_index_is_the_repository_needs_no_more() {
    let sandbox = Sandbox::new();
    let index = index(&sandbox, "index", PASSWORD, &[("alpha", "1.0")]);
    let python = tools().python_version();
    let project = format!("name = 'x'\nversion = '0'\nrequires-python = '>={python}'\ndependencies = ['alpha']");
    let source = format!("[[tool.uv.index]]\nname = 'acme'\nurl = '{}simple/'\ndefault = true", index.base());
    sandbox.write("pyproject.toml", format!("[project]\n{project}\n{source}\n"));
    let mut lock = Command::new(tools().program("uv"));
    lock.args(["lock", "--no-python-downloads"]).current_dir(sandbox.path(""));
    lock.env("UV_INDEX_ACME_USERNAME", "aws").env("UV_INDEX_ACME_PASSWORD", PASSWORD);
    let locked = lock.output().expect("can be started");
    assert!(locked.status.success(), "{}", String::from_utf8_lossy(&locked.stderr));

    let api = CodeArtifactApi::start(&[(PASSWORD, FUTURE)], &[("acme/python", &index.base())]);
    let publish = || run(&sandbox, &api, "publish", &["--codeartifact", "acme/python"]).run().success();
    is_nowhere(&sandbox, &publish());
    assert_eq!(api.asked().len(), 2);
    publish().says("shared unchanged");
    assert_eq!(api.asked().len(), 2);
}

#[test]
fn what_the_repository_does_not_have_is_not_looked_for_on_pypi() {
    for installer in ["uv", "pip"] {
        let sandbox = Sandbox::with_requirements("alpha\nsix\n");
        let index = index(&sandbox, "index", PASSWORD, &[("alpha", "1.0")]);
        let api = CodeArtifactApi::start(&[(PASSWORD, FUTURE)], &[("acme/python", &index.base())]);
        let arguments = ["--codeartifact", "acme/python", "--output", "layer.zip", "--installer", installer];
        let outcome = run(&sandbox, &api, "build", &arguments).run().code(1);
        let said = outcome.stderr.contains("six was not found in the package registry")
            || outcome.stderr.contains("No matching distribution found for six");
        assert!(said, "{}", outcome.stderr);
        assert!(index.requests().iter().any(|request| request.starts_with("/simple/six/")));
    }
}

#[test]
fn a_token_that_ends_during_the_build_is_renewed() {
    for installer in ["uv", "pip"] {
        let sandbox = Sandbox::with_requirements("alpha\n");
        let index = index(&sandbox, "index", PASSWORD, &[("alpha", "1.0")]);
        let api = CodeArtifactApi::start(&[("old-token", PAST), (PASSWORD, FUTURE)], &[("acme/python", &index.base())]);
        let arguments = ["--codeartifact", "acme/python", "--output", "layer.zip", "--installer", installer];
        let outcome = run(&sandbox, &api, "build", &arguments).env("LAMBDA_LAYER_DEBUG", "1").run().success();
        assert_eq!(installed(&sandbox), ["alpha-1.0"]);
        assert_eq!(api.count(TOKEN), 2);
        is_nowhere(&sandbox, &outcome);
        assert!(!outcome.stderr.contains("old-token"));
        outcome.says("the CodeArtifact token expired during the build; installing again with a new one");
    }
}

#[test]
fn a_token_that_may_not_read_is_not_renewed() {
    let sandbox = Sandbox::with_requirements("alpha\n");
    let index = index(&sandbox, "index", "another", &[("alpha", "1.0")]);
    let api = CodeArtifactApi::start(&[(PASSWORD, FUTURE)], &[("acme/python", &index.base())]);
    let arguments = ["--codeartifact", "acme/python", "--output", "layer.zip"];
    let outcome = run(&sandbox, &api, "build", &arguments).run().code(1);
    is_nowhere(&sandbox, &outcome);
    assert_eq!(api.count(TOKEN), 1);
    outcome
        .says(&format!("error: the package index `{}` rejected the credentials of this run", index.url()))
        .says("for CodeArtifact, allow `codeartifact:ReadFromRepository` on the repository");
}

/// What is said of a run that gets nowhere, from the error on; no installer was started.
#[track_caller]
pub(crate) fn refused(api: &CodeArtifactApi, repositories: &str, code: i32) -> String {
    let sandbox = Sandbox::with_requirements("alpha\n");
    let run = run(&sandbox, api, "build", &["--codeartifact", repositories, "--output", "layer.zip"]);
    let told = run.run().code(code).told();
    assert!(!told.contains("Install with"), "{told}");
    told[told.find("error: ").expect("is told")..].to_owned()
}

pub(crate) fn api() -> CodeArtifactApi {
    CodeArtifactApi::start(&[(PASSWORD, FUTURE)], &[("acme/python", "http://127.0.0.1/")])
}

#[test]
fn a_missing_permission_comes_with_the_statement() {
    let denied =
        "User: arn:aws:sts::123456789012:assumed-role/ci/run is not authorized to perform: sts:GetServiceBearerToken";
    let first = api();
    first.refuse(TOKEN, 1, 403, "AccessDeniedException", denied);
    insta::assert_snapshot!(refused(&first, "acme/python", 2), @r#"
    error: codeartifact:GetAuthorizationToken failed for `arn:aws:codeartifact:eu-west-1:*:domain/acme`
    cause: AccessDeniedException (HTTP 403): User: arn:aws:sts::123456789012:assumed-role/ci/run is not authorized to perform: sts:GetServiceBearerToken (request 8f3c)
    hint: allow it: {"Effect": "Allow", "Action": "codeartifact:GetAuthorizationToken", "Resource": "arn:aws:codeartifact:eu-west-1:*:domain/acme"}, {"Effect": "Allow", "Action": ["codeartifact:GetRepositoryEndpoint", "codeartifact:ReadFromRepository"], "Resource": "arn:aws:codeartifact:eu-west-1:*:repository/acme/python"}, {"Effect": "Allow", "Action": "sts:GetServiceBearerToken", "Resource": "*", "Condition": {"StringEquals": {"sts:AWSServiceName": "codeartifact.amazonaws.com"}}}
    "#);
    let second = api();
    second.refuse(ENDPOINT, 1, 403, "AccessDeniedException", "no");
    insta::assert_snapshot!(refused(&second, "123456789012/acme/python", 2), @r#"
    error: codeartifact:GetRepositoryEndpoint failed for `arn:aws:codeartifact:eu-west-1:123456789012:repository/acme/python`
    cause: AccessDeniedException (HTTP 403): no (request 8f3c)
    hint: allow it: {"Effect": "Allow", "Action": "codeartifact:GetAuthorizationToken", "Resource": "arn:aws:codeartifact:eu-west-1:123456789012:domain/acme"}, {"Effect": "Allow", "Action": ["codeartifact:GetRepositoryEndpoint", "codeartifact:ReadFromRepository"], "Resource": "arn:aws:codeartifact:eu-west-1:123456789012:repository/acme/python"}, {"Effect": "Allow", "Action": "sts:GetServiceBearerToken", "Resource": "*", "Condition": {"StringEquals": {"sts:AWSServiceName": "codeartifact.amazonaws.com"}}}
    "#);
}

#[test]
fn what_does_not_exist_is_named() {
    insta::assert_snapshot!(refused(&api(), "acme/java", 1), @"
    error: `acme/java` does not exist in CodeArtifact in eu-west-1
    cause: ResourceNotFoundException (HTTP 404): Repository not found. 'java' does not exist. (request 8f3c)
    hint: correct `codeartifact`; write a domain of another account as `123456789012/domain/repository`, and set AWS_REGION to the region of the domain
    ");
    insta::assert_snapshot!(refused(&api(), "acme-typo/python", 1), @"
    error: `acme-typo/python` does not exist in CodeArtifact in eu-west-1
    cause: ResourceNotFoundException (HTTP 404): Domain not found. 'acme-typo' does not exist. (request 8f3c)
    hint: correct `codeartifact`; write a domain of another account as `123456789012/domain/repository`, and set AWS_REGION to the region of the domain
    ");
}

#[test]
fn a_service_that_throttles_or_is_down() {
    let sandbox = Sandbox::with_requirements("alpha\n");
    let index = index(&sandbox, "index", PASSWORD, &[("alpha", "1.0")]);
    let api = CodeArtifactApi::start(&[(PASSWORD, FUTURE)], &[("acme/python", &index.base())]);
    api.refuse(TOKEN, 1, 429, "ThrottlingException", "Rate exceeded");
    run(&sandbox, &api, "build", &["--codeartifact", "acme/python", "--output", "layer.zip"]).run().success();
    assert_eq!(api.count(TOKEN), 2);

    api.refuse(TOKEN, 1, 500, "InternalServerException", "oh");
    let run = run(&sandbox, &api, "build", &["--codeartifact", "acme/python"]).env("AWS_MAX_ATTEMPTS", "1");
    run.run().code(2).says("cause: InternalServerException (HTTP 500): oh (request 8f3c)");
}

#[test]
fn without_identity_or_region_nothing_is_installed() {
    let sandbox = Sandbox::with_requirements("alpha\n");
    let build = || sandbox.run(&["build", "--codeartifact", "acme/python"]).env("AWS_EC2_METADATA_DISABLED", "true");
    let outcome = build().env("AWS_REGION", "eu-west-1").run().code(2);
    let outcome = outcome.says("error: there are no AWS credentials");
    assert!(!outcome.stderr.contains("Install with"));
    insta::assert_snapshot!(build().run().code(1).told(), @"
    exit: 1
    --- stdout
    --- stderr
    error: the CodeArtifact domain cannot be found without a region
    hint: set AWS_REGION
    ");
    // What needs no installer needs no identity.
    sandbox.write("requirements.txt", "# nothing yet\n");
    sandbox.write("own.py", "");
    build().args(&["--source", "own.py"]).run().success();
}

#[test]
fn wrong_names_are_told_at_once() {
    let sandbox = Sandbox::with_requirements("--index-url https://user:pass@host/simple/\nalpha\n");
    let repositories = "acme,Acme/python,12/acme/python,acme/-x,acme/python";
    insta::assert_snapshot!(sandbox.run(&["build", "--codeartifact", repositories]).run().code(1).told(), @"
    exit: 1
    --- stdout
    --- stderr
    error: 5 problems with the input
    cause: a requirements file contains `--index-url https://host/simple/`, but `codeartifact` is also given (move it to the input `index-url`: this index is then searched after CodeArtifact)
    cause: `codeartifact` contains `acme`, which is not a repository (write `domain/repository`, or `123456789012/domain/repository` for a domain of that account)
    cause: `codeartifact` contains `Acme/python`, whose domain is not valid in CodeArtifact (use 2 to 50 lower-case letters, digits and `-` for the domain; it begins with a letter and does not end with `-`)
    cause: `codeartifact` contains `12/acme/python`, whose owner is not a valid AWS account ID (use the twelve digits of the account)
    cause: `codeartifact` contains `acme/-x`, whose repository name is not valid in CodeArtifact (use 2 to 100 letters, digits, `.`, `_` and `-` for the repository; it begins with a letter or digit)
    hint: nothing was built or published; correct all of them and run again
    ");
}

#[test]
fn other_repositories_are_other_inputs_and_their_order_counts() {
    let sandbox = Sandbox::with_requirements("alpha\n");
    let index = index(&sandbox, "index", PASSWORD, &[("alpha", "1.0")]);
    let url = index.base();
    let api = CodeArtifactApi::start(&[(PASSWORD, FUTURE)], &[("acme/one", &url), ("acme/two", &url)]);
    let publish = |names| run(&sandbox, &api, "publish", &["--codeartifact", names]).run().success();
    publish("acme/one,acme/two");
    publish("acme/one\nacme/two").says("shared unchanged");
    // The same packages make the same bytes.
    publish("acme/two,acme/one").says("codeartifact: acme/one, acme/two → acme/two, acme/one");
}
