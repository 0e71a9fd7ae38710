//! GitHub's OpenID Connect token: it names the repository and branch of a run, and AWS accepts it to assume a role.
//!
//! <https://docs.github.com/en/actions/reference/security/oidc>

use aws_config::SdkConfig;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;

use crate::aws::download;
use crate::environment::Environment;
use crate::error::Failure;
use crate::facts;
use crate::types::RoleArn;

/// The issuer of the token, except on GitHub Enterprise.
const ISSUER: &str = "token.actions.githubusercontent.com";
/// Variables that give a run credentials, or say where to get them.
const CREDENTIALS: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

/// Where a job with `permissions: id-token: write` gets its token.
#[derive(Clone, Debug)]
pub(crate) struct GitHub {
    config: SdkConfig,
    url: String,
    bearer: SecretString,
    /// `ORG/REPO`, and the same with GitHub's numeric ids.
    repository: String,
    numbered: String,
    /// For example `ref:refs/heads/main`, for a token that cannot be read.
    reference: String,
}

#[derive(Deserialize)]
struct Answer {
    value: String,
}

impl GitHub {
    /// `None` if the run has credentials of its own, or may not request a token.
    pub(crate) fn of(environment: &Environment, config: &SdkConfig) -> Option<Self> {
        let given = |name: &str| environment.get(name).filter(|value| !value.is_empty());
        if CREDENTIALS.iter().any(|name| given(name).is_some()) {
            return None;
        }
        let url = given("ACTIONS_ID_TOKEN_REQUEST_URL")?;
        let bearer = SecretString::from(given("ACTIONS_ID_TOKEN_REQUEST_TOKEN")?);
        let repository = given("GITHUB_REPOSITORY").unwrap_or("ORG/REPO");
        let (owner, name) = repository.split_once('/').unwrap_or((repository, "REPO"));
        let id = |variable: &str, placeholder: &'static str| given(variable).unwrap_or(placeholder).to_owned();
        let numbered = format!(
            "{owner}@{}/{name}@{}",
            id("GITHUB_REPOSITORY_OWNER_ID", "ORG_ID"),
            id("GITHUB_REPOSITORY_ID", "REPO_ID")
        );
        Some(Self {
            config: config.clone(),
            url: url.to_owned(),
            bearer,
            repository: repository.to_owned(),
            numbered,
            reference: format!("ref:{}", given("GITHUB_REF").unwrap_or("refs/heads/main")),
        })
    }

    /// A new token for the STS of a role. Tokens are valid for some minutes.
    ///
    /// # Errors
    /// GitHub issues no token.
    pub(crate) async fn token(&self, role: &RoleArn) -> anyhow::Result<SecretString> {
        let separator = if self.url.contains('?') { '&' } else { '?' };
        let location = format!("{}{separator}audience={}", self.url, facts::token_audience(role.partition()));
        let answer = download::ask(&self.config, &location, "GitHub's identity token", &self.bearer).await;
        let answer = answer.map_err(|failed| {
            failed.hint("give the job `permissions: id-token: write`, or run aws-actions/configure-aws-credentials before this step")
        })?;
        match serde_json::from_slice::<Answer>(&answer) {
            Ok(answer) => Ok(answer.value.into()),
            // A reply that cannot be parsed may contain the token, so it is not shown.
            Err(_) => Err(Failure::system("GitHub's response does not contain an identity token")
                .hint("run again, or run aws-actions/configure-aws-credentials before this step")
                .into()),
        }
    }

    /// What a role's trust policy must contain for a run of this repository: the token's subject, in both of GitHub's
    /// forms.
    pub(crate) fn trust(&self, role: &RoleArn, token: &SecretString) -> String {
        let claims = claims(token.expose_secret()).unwrap_or_default();
        let issuer = claims["iss"].as_str().and_then(|issuer| issuer.strip_prefix("https://")).unwrap_or(ISSUER);
        let subject = claims["sub"].as_str().and_then(|subject| subject.splitn(3, ':').nth(2));
        let reference = subject.unwrap_or(&self.reference);
        let partition = role.partition();
        let audience = facts::token_audience(partition);
        let account = role.account();
        format!(
            r#"{{"Effect": "Allow", "Principal": {{"Federated": "arn:{partition}:iam::{account}:oidc-provider/{issuer}"}}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {{"StringEquals": {{"{issuer}:aud": "{audience}", "{issuer}:sub": ["repo:{}:{reference}", "repo:{}:{reference}"]}}}}}}"#,
            self.repository, self.numbered
        )
    }
}

/// The claims of a token. The signature is not verified, because they are only shown to the user.
fn claims(token: &str) -> Option<Value> {
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}
