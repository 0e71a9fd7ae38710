//! The permissions that the run's identity needs, by feature: `data/permissions.yml`, for documents and for hints.

use std::fmt::Write as _;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Value, json};

/// The permissions for one feature.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    pub feature: String,
    /// The anchor in `docs/iam.md`.
    pub id: String,
    /// The inputs or commands that use the feature, in Markdown.
    pub when: String,
    pub permissions: Vec<Permission>,
}

/// One action on one kind of resource.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permission {
    /// The action as in a policy, `lambda:PublishLayerVersion`.
    pub action: String,
    /// The pattern of an ARN, with names in braces.
    pub resource: String,
    #[serde(rename = "for")]
    pub purpose: String,
    pub when: String,
}

static FEATURES: LazyLock<Vec<Feature>> = LazyLock::new(|| {
    serde_yaml::from_str(include_str!("../../data/permissions.yml")).expect("the data files are checked by a test")
});

/// The examples for the names in braces, in documents.
const EXAMPLES: [(&str, &str); 10] = [
    ("{account}", "123456789012"),
    ("{bucket}", "acme-layers"),
    ("{domain}", "acme"),
    ("{function}", "orders"),
    ("{key}", "1234abcd-12ab-34cd-56ef-1234567890ab"),
    ("{layer}", "shared-dependencies"),
    ("{parameter}", "/layers/*"),
    ("{profile}", "layers"),
    ("{repository}", "python"),
    ("{role}", "arn:aws:iam::210987654321:role/layers"),
];

pub fn features() -> &'static [Feature] {
    &FEATURES
}

/// Whether the table contains the action: a hint must not name an action that the documents do not.
pub fn is_known(action: &str) -> bool {
    FEATURES.iter().flat_map(|feature| &feature.permissions).any(|permission| permission.action == action)
}

/// The widest ARN for an action, such as `arn:aws:lambda:*:*:layer:*:*`; `*` if the table does not contain it.
pub(crate) fn widest_resource(action: &str) -> String {
    let known = FEATURES.iter().flat_map(|feature| &feature.permissions).find(|permission| permission.action == action);
    let mut resource = known.map_or("*", |permission| permission.resource.as_str()).to_owned();
    while let Some((start, rest)) = resource.split_once('{') {
        resource = format!("{start}*{}", rest.split_once('}').map_or("", |(_, rest)| rest));
    }
    resource
}

impl Feature {
    /// The statements of a policy, with actions on the same resource together.
    pub fn statements(&self) -> Vec<Value> {
        let mut resources: Vec<(String, Vec<&str>)> = Vec::new();
        for permission in &self.permissions {
            let resource = filled(&permission.resource);
            match resources.iter_mut().find(|(known, _)| *known == resource) {
                Some((_, actions)) => actions.push(&permission.action),
                None => resources.push((resource, vec![&permission.action])),
            }
        }
        let statement = |(resource, mut actions): (String, Vec<&str>)| {
            actions.sort_unstable();
            json!({ "Effect": "Allow", "Action": actions, "Resource": resource })
        };
        resources.into_iter().map(statement).collect()
    }

    /// The section in `docs/iam.md`.
    pub fn section(&self) -> String {
        let mut text =
            format!("## {}\n\nFor {}.\n\n| permission | for | when |\n|---|---|---|\n", self.feature, self.when);
        for Permission { action, purpose, when, .. } in &self.permissions {
            writeln!(text, "| `{action}` | {purpose} | {when} |").expect("a String takes everything");
        }
        let statements: Vec<String> = self.statements().iter().map(line).collect();
        write!(text, "\n```json\n[\n  {}\n]\n```\n", statements.join(",\n  ")).expect("a String takes everything");
        text
    }
}

/// A statement on one line, with its keys in the usual order.
fn line(statement: &Value) -> String {
    let (actions, resource) = (&statement["Action"], &statement["Resource"]);
    format!(r#"{{ "Effect": "Allow", "Action": {actions}, "Resource": {resource} }}"#)
}

fn filled(pattern: &str) -> String {
    EXAMPLES.iter().fold(pattern.to_owned(), |text, (name, example)| text.replace(name, example))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_filled_in_and_every_action_has_its_service() {
        for feature in features() {
            for permission in &feature.permissions {
                assert!(!filled(&permission.resource).contains('{'), "{}", permission.resource);
                assert!(permission.action.split_once(':').is_some_and(|(service, name)| {
                    service.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
                        && name.starts_with(char::is_uppercase)
                }));
            }
        }
    }

    #[test]
    fn statements_of_one_resource_stand_together() {
        let publishing = features().iter().find(|feature| feature.id == "publishing").expect("is there");
        let objects = publishing
            .statements()
            .into_iter()
            .find(|statement| statement["Resource"].as_str() == Some("arn:aws:s3:::acme-layers/lambda-layers/*"));
        assert_eq!(objects.expect("is there")["Action"], json!(["s3:GetObject", "s3:PutObject"]));
    }
}
