//! Reads the policy of a layer version: which statements are this program's, and which principals they name.

use std::collections::BTreeSet;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::Value;

use crate::types::{LayerVersionArn, Principal};

/// The prefix of the ids of our statements.
const PREFIX: &str = "lambda-layer-";
/// The key in the condition of a statement for an organisation
/// (<https://docs.aws.amazon.com/lambda/latest/dg/permissions-layer-cross-account.html>).
const ORGANIZATION: &str = "aws:PrincipalOrgID";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Policy {
    statements: Vec<Statement>,
    /// Changes with each statement; `None` if there is no policy.
    pub(super) revision: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    #[serde(default)]
    sid: String,
    #[serde(default)]
    effect: String,
    #[serde(default)]
    principal: Value,
    #[serde(default)]
    condition: Option<Value>,
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "Statement")]
    statements: Vec<Statement>,
}

/// The id of a statement: `lambda-layer-123456789012`, `lambda-layer-org-o-a1b2c3d4e5` or `lambda-layer-public`; at
/// most 100 characters of `[a-zA-Z0-9-_]`.
pub(super) fn statement_id(principal: &Principal) -> String {
    match principal {
        Principal::Account(account) => format!("{PREFIX}{account}"),
        Principal::Organization(id) => format!("{PREFIX}org-{id}"),
        Principal::Public => format!("{PREFIX}public"),
    }
}

impl Policy {
    /// Parses the JSON of a policy.
    ///
    /// # Errors
    /// The policy is not in the documented format.
    pub(super) fn parse(text: &str, revision: Option<String>, arn: &LayerVersionArn) -> anyhow::Result<Self> {
        let document: Document =
            serde_json::from_str(text).with_context(|| format!("could not read the policy of `{arn}`"))?;
        Ok(Self { statements: document.statements, revision })
    }

    /// The principals of this program's statements.
    pub(super) fn ours(&self) -> BTreeSet<Principal> {
        self.statements.iter().filter_map(Statement::ours).collect()
    }

    /// The note `` (the statement `x`, which something else made, grants it, too)``, if there is such a statement;
    /// otherwise empty.
    pub(super) fn note(&self, principal: &Principal, does: &str) -> String {
        let granting = self.foreign().find(|statement| statement.grants().as_ref() == Some(principal));
        let note = granting.map(|granting| {
            format!(" (the statement `{}`, which was not created by lambda-layer, {does})", granting.sid)
        });
        note.unwrap_or_default()
    }

    /// The note `` (statements that something else made stay: `x`, `y`)``; empty if there are none.
    pub(super) fn others(&self) -> String {
        let names: Vec<String> = self.foreign().map(|statement| format!("`{}`", statement.sid)).collect();
        match names.as_slice() {
            [] => String::new(),
            names => format!(" (statements that were not created by lambda-layer are kept: {})", names.join(", ")),
        }
    }

    fn foreign(&self) -> impl Iterator<Item = &Statement> {
        self.statements.iter().filter(|statement| statement.ours().is_none())
    }
}

impl Statement {
    /// The principal in the id, if the statement is this program's.
    fn ours(&self) -> Option<Principal> {
        let name = self.sid.strip_prefix(PREFIX)?;
        match name.strip_prefix("org-") {
            Some(id) => format!("org:{id}").parse().ok(),
            None => name.parse().ok(),
        }
    }

    /// The principal that the statement names, if `share-with` could name it, too.
    fn grants(&self) -> Option<Principal> {
        let name = match &self.principal {
            Value::Object(kinds) => kinds.get("AWS")?.as_str()?,
            principal => principal.as_str()?,
        };
        if self.effect != "Allow" {
            return None;
        }
        match (name, &self.condition) {
            ("*", None) => Some(Principal::Public),
            ("*", Some(condition)) => {
                let id = condition.get("StringEquals")?.get(ORGANIZATION)?.as_str()?;
                format!("org:{id}").parse().ok()
            }
            (account, _) => {
                // Only whole accounts: `arn:aws:iam::123456789012:root`.
                let account = account.strip_suffix(":root").map_or(Some(account), |arn| arn.rsplit(':').next());
                account?.parse().ok().map(Principal::Account)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(text: &str) -> Principal {
        text.parse().expect("is valid")
    }

    fn policy(statements: &Value) -> Policy {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:layer:shared:7".parse().expect("is valid");
        let text = serde_json::json!({ "Version": "2012-10-17", "Id": "default", "Statement": statements });
        Policy::parse(&text.to_string(), None, &arn).expect("is a policy")
    }

    #[test]
    fn an_id_says_whom_it_is_for() {
        let all = ["123456789012", "org:o-a1b2c3d4e5", "public"].map(principal);
        let ids = all.iter().map(statement_id);
        let statements: Vec<Value> = ids.map(|id| serde_json::json!({ "Sid": id })).collect();
        assert_eq!(policy(&Value::from(statements)).ours(), BTreeSet::from(all));
        let others = serde_json::json!([{ "Sid": "lambda-layer-prod" }, { "Sid": "public" }, {}]);
        assert_eq!(policy(&others).ours(), BTreeSet::new());
        let longest = statement_id(&principal(&format!("org:o-{}", "a".repeat(32))));
        assert!(longest.len() <= 100 && longest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
    }

    #[test]
    fn statements_of_others_are_understood_as_far_as_they_concern() {
        let others = policy(&serde_json::json!([
            { "Sid": "account", "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::210987654321:root" } },
            { "Sid": "user", "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::333333333333:user/jo" } },
            { "Sid": "org", "Effect": "Allow", "Principal": "*",
              "Condition": { "StringEquals": { "aws:PrincipalOrgID": "o-a1b2c3d4e5" } } },
            { "Sid": "denied", "Effect": "Deny", "Principal": "*" },
        ]));
        let note = |name: &str| others.note(&principal(name), "grants it, too");
        insta::assert_snapshot!(note("210987654321"), @" (the statement `account`, which was not created by lambda-layer, grants it, too)");
        assert!(note("org:o-a1b2c3d4e5").contains("`org`"));
        assert_eq!((note("333333333333"), note("public")), (String::new(), String::new()));
    }
}
