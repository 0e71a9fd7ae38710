//! What AWS's message says about a refusal: the action, the resource, and the kind of policy that refuses.
//!
//! The action may differ from the one of the request: Lambda reads the zip with the caller's permissions, and S3 uses a
//! KMS key.

#[cfg(test)]
#[path = "refusal/tests.rs"]
mod tests;

use super::advice::{AwsErrors, Policy};
use super::pattern;
use crate::facts::permissions;

/// A refusal that names an action.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// As in a policy: `s3:GetObject`.
    action: String,
    /// An ARN or `*`.
    resource: Option<String>,
    /// The ARN of the run's identity.
    principal: Option<String>,
    why: Why,
}

#[derive(Debug, PartialEq, Eq)]
enum Why {
    /// The message gives no reason.
    Unsaid,
    /// No policy of this kind allows the action.
    Missing(&'static Policy),
    /// A policy denies the action: its kind and its ARN, as far as the message says them.
    Denied(Option<&'static Policy>, Option<String>),
    /// S3 refuses Lambda's request.
    ByS3,
}

impl Refusal {
    /// `None` if the message names no action. `partition` is the partition of the requested region.
    pub(super) fn read(message: &str, partition: &str) -> Option<Self> {
        // Copied messages may have line breaks anywhere.
        let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
        Self::long(&message).or_else(|| Self::by_s3(&message, partition))
    }

    /// `User: ARN is not authorized to perform: ACTION on resource: RESOURCE because …`
    fn long(message: &str) -> Option<Self> {
        const SAYS: &str = "not authorized to perform";
        let start = message.to_ascii_lowercase().find(SAYS)?;
        let (before, after) = (&message[..start], &message[start + SAYS.len()..]);
        let after = after.trim_start_matches([':', ' ']);
        let is_of_action = |character: char| character.is_ascii_alphanumeric() || ":-*".contains(character);
        let end = after.find(|character| !is_of_action(character)).unwrap_or(after.len());
        let (action, rest) = after.split_at(end);
        let action = action.trim_end_matches(':');
        action.split_once(':').filter(|(service, name)| !service.is_empty() && !name.is_empty())?;
        let principal = before.rsplit_once("User: ").and_then(|(_, user)| user.split(' ').next());
        Some(Self {
            action: action.to_owned(),
            resource: rest.split_once("on resource").and_then(|(_, rest)| resource(rest)),
            principal: principal.filter(|user| user.starts_with("arn:")).map(str::to_owned),
            why: why(rest),
        })
    }

    /// `… make sure your request credentials have permission to GetObject for BUCKET/KEY. S3 Error Code: …`
    fn by_s3(message: &str, partition: &str) -> Option<Self> {
        let (_, rest) = message.split_once("denied by S3")?.1.split_once("permission to ")?;
        let (action, rest) = rest.split_once(" for ")?;
        let path = rest.split_once(". S3 Error").map_or(rest, |(path, _)| path);
        let path = path.split(' ').next().unwrap_or_default();
        let resource = Some(format!("arn:{partition}:s3:::{path}"));
        Some(Self { action: format!("s3:{action}"), resource, principal: None, why: Why::ByS3 })
    }

    /// Whether no policy of the identity or of the resource could allow the action.
    pub(super) fn is_from_above(&self) -> bool {
        match &self.why {
            Why::Denied(..) => true,
            Why::Missing(policy) => !policy.principal && policy.name != "identity-based policy",
            Why::Unsaid | Why::ByS3 => false,
        }
    }

    /// What to do about the refusal. `action` and `resource` are those of the request.
    pub(super) fn hint(&self, (action, resource): (&str, &str)) -> String {
        let known = self.resource.clone().or_else(|| (self.action == action).then(|| resource.to_owned()));
        let on = pattern(&known.unwrap_or_else(|| permissions::widest_resource(&self.action)));
        match &self.why {
            Why::Unsaid => format!("allow it: {}", statement(&self.action, &on, None)),
            Why::ByS3 => format!(
                "allow it: {}; if the bucket is encrypted with your own key (SSE-KMS), also allow `kms:Decrypt` on that key",
                statement(&self.action, &on, None)
            ),
            Why::Missing(policy) if policy.name == "identity-based policy" => {
                format!("allow it: {}", statement(&self.action, &on, None))
            }
            Why::Missing(policy) => self.share(policy).unwrap_or_else(|| {
                let principal = policy.principal.then(|| self.identity());
                let statement = statement(&self.action, &on, principal.as_deref());
                format!("ask {} to allow it in {}: {statement}", policy.who, policy.place)
            }),
            Why::Denied(policy, arn) => {
                let place = policy.map_or("a policy", |policy| policy.place.as_str());
                let who = policy.map_or("the person who manages the policy", |policy| policy.who.as_str());
                let on = self.resource.as_ref().map(|resource| format!(" on `{resource}`")).unwrap_or_default();
                let arn = arn.as_ref().map(|arn| format!(" in `{arn}`")).unwrap_or_default();
                format!(
                    "ask {who} to change the `Deny` statement{arn}: {place} denies `{}`{on}, and an `Allow` elsewhere does not override that",
                    self.action
                )
            }
        }
    }

    /// Advice for a layer of another account: either that account does not share it, or the version was deleted; AWS
    /// gives the same message for both.
    fn share(&self, policy: &Policy) -> Option<String> {
        let is_layer = self.action == "lambda:GetLayerVersion" && policy.name == "resource-based policy";
        let arn = self.resource.as_ref().filter(|_| is_layer)?;
        let (layer, version) = arn.rsplit_once(':').filter(|(_, version)| version.parse::<u64>().is_ok())?;
        let account = self.principal.as_ref().and_then(|user| user.split(':').nth(4)).unwrap_or("ACCOUNT");
        Some(format!(
            "check that `{arn}` still exists, and ask its owner to share it: `aws lambda add-layer-version-permission --layer-name {layer} --version-number {version} --statement-id account-{account} --action lambda:GetLayerVersion --principal {account}`"
        ))
    }

    /// The role or user for a resource policy: a session's own ARN changes with each run.
    fn identity(&self) -> String {
        let Some(arn) = &self.principal else { return "ARN OF THIS RUN'S ROLE".to_owned() };
        match arn.split_once(":assumed-role/") {
            Some((start, role)) => {
                let role = role.split('/').next().unwrap_or_default();
                format!("{}:role/{role}", start.replacen(":sts:", ":iam:", 1))
            }
            None => arn.clone(),
        }
    }
}

/// A policy statement that allows an action, with its principal in policies that need one.
pub(super) fn statement(action: &str, resource: &str, principal: Option<&str>) -> String {
    let principal = principal.map(|arn| format!(r#""Principal": {{"AWS": "{arn}"}}, "#)).unwrap_or_default();
    format!(r#"{{"Effect": "Allow", {principal}"Action": "{action}", "Resource": "{resource}"}}"#)
}

/// The resource after `on resource`, which S3 puts in quotes.
fn resource(text: &str) -> Option<String> {
    let text = text.trim_start_matches([':', ' ']);
    let found = match text.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => text.split(' ').next().map(|word| word.trim_end_matches(['.', ',', ';', ':'])),
    };
    found.filter(|found| found.starts_with("arn:") || *found == "*").map(str::to_owned)
}

fn why(text: &str) -> Why {
    for policy in &AwsErrors::get().policies {
        let name = &policy.name;
        let denies = ["a", "an", "the"].map(|article| format!("explicit deny in {article} {name}"));
        if let Some((_, rest)) = denies.iter().find_map(|denies| text.split_once(denies.as_str())) {
            let arn = rest.trim_start_matches([':', ' ']).split(' ').next().unwrap_or_default();
            let arn = arn.trim_end_matches(['.', ',', ';']);
            return Why::Denied(Some(policy), arn.starts_with("arn:").then(|| arn.to_owned()));
        }
        // The second wording is KMS's for other accounts.
        if text.contains(&format!("no {name} allows"))
            || text.contains(&format!("no {} allow", name.replace("policy", "policies")))
        {
            return Why::Missing(policy);
        }
    }
    if text.contains("explicit deny") { Why::Denied(None, None) } else { Why::Unsaid }
}
