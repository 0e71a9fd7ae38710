//! Grants and revokes permissions on a version. In its policy, only statements of this program are changed.
//!
//! The ids of these statements contain the principals, so a run needs only the policy itself. Every change names the
//! revision of the policy that it is based on.

mod policy;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use aws_sdk_lambda::operation::add_layer_version_permission::AddLayerVersionPermissionError as AddError;
use aws_sdk_lambda::operation::get_layer_version_policy::GetLayerVersionPolicyError;
use aws_sdk_lambda::operation::remove_layer_version_permission::RemoveLayerVersionPermissionError as RemoveError;
use futures::future::join_all;

use crate::aws::errors;
use crate::console::Console;
use crate::error::Failure;
use crate::registry::Registry;
use crate::types::{LayerVersionArn, Place, Principal};
use crate::versions::select::Chosen;
use crate::versions::share::policy::{Policy, statement_id};
use crate::versions::{Change, ChangeKind, ChangeOutcome};

/// How often a policy may change while a run edits it.
const CONFLICTS: usize = 5;

/// Grants missing permissions and revokes those that are no longer named, in all places in parallel.
pub async fn apply(
    principals: &BTreeSet<Principal>,
    versions: &[Chosen],
    registry: &Registry,
    dry_run: bool,
    console: &Console,
) -> Vec<Change> {
    let Some(aws) = registry.aws() else { return Vec::new() };
    if principals.contains(&Principal::Public) {
        console.warning(
            "`share-with` contains `public`: every AWS account can use this version and read everything in it",
        );
    }
    let shared = versions.iter().map(|Chosen { place, arn }| async move {
        let arn = match arn {
            Ok(arn) => arn,
            Err(error) => {
                let row = Change::new(place, ChangeKind::Share, "version", wish(principals), ChangeOutcome::Failed);
                return vec![row.failed(error)];
            }
        };
        let sharing = Sharing { lambda: &aws.clients(place).lambda, place, arn, wanted: principals };
        sharing.run(dry_run).await
    });
    join_all(shared).await.concat()
}

/// One version to share.
struct Sharing<'a> {
    lambda: &'a aws_sdk_lambda::Client,
    place: &'a Place,
    arn: &'a LayerVersionArn,
    wanted: &'a BTreeSet<Principal>,
}

/// The changes that were made before a failure.
#[derive(Default)]
struct Progress {
    granted: BTreeSet<Principal>,
    revoked: BTreeSet<Principal>,
}

/// The result of one change to a policy.
enum Step {
    /// Done, with the new revision of the policy if the reply contains it.
    Done(Option<String>),
    /// Another program changed the policy, or an earlier request of ours whose answer was lost.
    Conflict,
}

impl Sharing<'_> {
    async fn run(&self, dry_run: bool) -> Vec<Change> {
        let first = match self.read().await {
            Ok(policy) => policy,
            Err(error) => return vec![self.row(&wish(self.wanted), ChangeOutcome::Failed).failed(&error)],
        };
        let before = first.ours();
        let missing: BTreeSet<Principal> = self.wanted.difference(&before).cloned().collect();
        let surplus: BTreeSet<Principal> = before.difference(self.wanted).cloned().collect();
        let mut progress = Progress::default();
        let converged = if dry_run { Ok(()) } else { self.converge(first.clone(), &mut progress).await };
        if converged.is_ok() {
            // All changes count, whichever run made them.
            progress = Progress { granted: missing.clone(), revoked: surplus.clone() };
        }
        let mut rows = self.rows(&first, &progress, if dry_run { ChangeOutcome::Would } else { ChangeOutcome::Done });
        if let Err(error) = converged {
            let missing: BTreeSet<Principal> = missing.difference(&progress.granted).cloned().collect();
            let surplus: BTreeSet<Principal> = surplus.difference(&progress.revoked).cloned().collect();
            let left = if missing.is_empty() { format!("revoke from {}", names(&surplus)) } else { wish(&missing) };
            rows.push(self.row(&left, ChangeOutcome::Failed).failed(&error));
        } else if rows.is_empty() {
            rows.push(self.row("shared with nobody", ChangeOutcome::Unchanged));
        }
        // A user who revokes permissions wants to know who still has some.
        if let Some(last) = rows.last_mut() {
            last.detail += &if self.wanted.is_empty() {
                first.others()
            } else if self.wanted.contains(&Principal::Public) {
                String::new()
            } else {
                first.note(&Principal::Public, "shares it with everybody")
            };
        }
        rows
    }

    /// One row for each principal that was added or removed, and one for all others. `first` is the policy before the
    /// changes.
    fn rows(&self, first: &Policy, progress: &Progress, outcome: ChangeOutcome) -> Vec<Change> {
        let granted = progress.granted.iter().map(|principal| {
            let also = first.note(principal, "also grants access");
            self.row(&format!("shared with {principal}{also}"), outcome)
        });
        let revoked = progress.revoked.iter().map(|principal| {
            let still = first.note(principal, "still grants access");
            self.row(&format!("no longer shared with {principal}{still}"), outcome)
        });
        let before = first.ours();
        let kept = self.wanted.intersection(&before);
        let kept: Vec<String> =
            kept.map(|principal| format!("{principal}{}", first.note(principal, "also grants access"))).collect();
        let unchanged = self.row(&format!("shared with {}", kept.join(", ")), ChangeOutcome::Unchanged);
        granted.chain(revoked).chain((!kept.is_empty()).then_some(unchanged)).collect()
    }

    /// Grants first and then revokes, so that nobody who stays loses the version in between.
    async fn converge(&self, first: Policy, progress: &mut Progress) -> anyhow::Result<()> {
        let (mut policy, mut conflicts) = (first, 0);
        loop {
            let ours = policy.ours();
            let surplus: Vec<&Principal> = ours.difference(self.wanted).collect();
            match self.step(&policy, &ours, surplus.first().copied(), progress).await? {
                // The reply to a removal lacks the new revision, so only after the last one the policy need not be read
                // again.
                Step::Done(_) if surplus.len() <= 1 => return Ok(()),
                Step::Done(_) => {}
                Step::Conflict => conflicts += 1,
            }
            if conflicts == CONFLICTS {
                let failure = Failure::system(format!("something else keeps changing the policy of `{}`", self.arn));
                return Err(failure.hint("run again when it is done").into());
            }
            policy = self.read().await?;
        }
    }

    /// Grants everything that is missing, and revokes one permission.
    async fn step(
        &self,
        policy: &Policy,
        ours: &BTreeSet<Principal>,
        surplus: Option<&Principal>,
        progress: &mut Progress,
    ) -> anyhow::Result<Step> {
        let mut revision = policy.revision.clone();
        for principal in self.wanted.difference(ours) {
            match self.grant(principal, revision).await? {
                Step::Done(new) => revision = new,
                Step::Conflict => return Ok(Step::Conflict),
            }
            progress.granted.insert(principal.clone());
        }
        let Some(principal) = surplus else { return Ok(Step::Done(revision)) };
        let step = self.revoke(principal, revision).await?;
        if let Step::Done(_) = step {
            progress.revoked.insert(principal.clone());
        }
        Ok(step)
    }

    async fn read(&self) -> anyhow::Result<Policy> {
        let request = self.lambda.get_layer_version_policy().layer_name(self.arn.layer());
        match request.version_number(self.number()?).send().await {
            Ok(reply) => Policy::parse(&reply.policy.unwrap_or_default(), reply.revision_id, self.arn),
            // A version has no policy before its first statement and after the last one is removed.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetLayerVersionPolicyError::is_resource_not_found_exception) =>
            {
                Ok(Policy::default())
            }
            Err(error) => Err(errors::explain("lambda:GetLayerVersionPolicy", &self.arn.to_string(), &error)),
        }
    }

    async fn grant(&self, principal: &Principal, revision: Option<String>) -> anyhow::Result<Step> {
        let request = self.lambda.add_layer_version_permission().layer_name(self.arn.layer());
        let request = request.version_number(self.number()?).set_revision_id(revision);
        let request = request.statement_id(statement_id(principal)).action("lambda:GetLayerVersion");
        let request = match principal {
            Principal::Account(account) => request.principal(account.as_str()),
            Principal::Organization(id) => request.principal("*").organization_id(id),
            Principal::Public => request.principal("*"),
        };
        let error = match request.send().await {
            Ok(reply) => return Ok(Step::Done(reply.revision_id)),
            Err(error) => error,
        };
        let is = |kind: fn(&AddError) -> bool| error.as_service_error().is_some_and(kind);
        if is(AddError::is_resource_conflict_exception) || is(AddError::is_precondition_failed_exception) {
            return Ok(Step::Conflict);
        }
        let failure = errors::failure_of("lambda:AddLayerVersionPermission", &self.arn.to_string(), &error);
        if is(AddError::is_policy_length_exceeded_exception) {
            return Err(failure.hint("share with an organisation, `org:o-…`, instead of each of its accounts").into());
        }
        Err(failure.into())
    }

    async fn revoke(&self, principal: &Principal, revision: Option<String>) -> anyhow::Result<Step> {
        let request = self.lambda.remove_layer_version_permission().layer_name(self.arn.layer());
        let request = request.version_number(self.number()?).set_revision_id(revision);
        let Err(error) = request.statement_id(statement_id(principal)).send().await else {
            return Ok(Step::Done(None));
        };
        let is = |kind: fn(&RemoveError) -> bool| error.as_service_error().is_some_and(kind);
        if is(RemoveError::is_precondition_failed_exception) || is(RemoveError::is_resource_not_found_exception) {
            return Ok(Step::Conflict);
        }
        Err(errors::explain("lambda:RemoveLayerVersionPermission", &self.arn.to_string(), &error))
    }

    fn number(&self) -> anyhow::Result<i64> {
        Ok(i64::try_from(self.arn.version())?)
    }

    fn row(&self, detail: &str, outcome: ChangeOutcome) -> Change {
        let subject = format!("version {}", self.arn.version());
        Change::new(self.place, ChangeKind::Share, subject, detail, outcome)
    }
}

/// The wanted permissions in words.
fn wish(wanted: &BTreeSet<Principal>) -> String {
    format!("share with {}", if wanted.is_empty() { "nobody".to_owned() } else { names(wanted) })
}

fn names(principals: &BTreeSet<Principal>) -> String {
    principals.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
