//! Keeps, follows or refuses a symbolic link.
//!
//! A link that stays in its folder is kept. A link that leaves the folder but not the workspace is replaced by its
//! target. A link that leaves the workspace is refused, unless it leads to `/opt`: the layer will be there, so the link
//! is kept and the audit follows it.

use camino::{Utf8Path, Utf8PathBuf};

use super::{normalize, utf8};
use crate::error::Failure;

/// How a folder is read.
#[derive(Clone, Copy)]
pub(super) struct Rule<'a> {
    /// Links that stay in it are kept.
    pub(super) root: &'a Utf8Path,
    /// Links that stay in it are followed.
    pub(super) workspace: &'a Utf8Path,
    /// Whether a link may lead to a missing file.
    pub(super) may_dangle: bool,
    /// Whether files with ignored names are taken, too.
    pub(super) takes_all: bool,
}

pub(super) enum Link {
    Keep {
        target: Utf8PathBuf,
        resolved: Utf8PathBuf,
    },
    /// Its target exists in the finished layer only.
    OfLayer(Utf8PathBuf),
    Follow(Utf8PathBuf),
}

pub(super) fn resolve_link(link: &Utf8Path, inside: &Utf8Path, rule: Rule<'_>) -> anyhow::Result<Link> {
    let target = fs_err::read_link(link)?;
    let target = utf8(&target)?.to_owned();
    let resolved = link.canonicalize_utf8();
    let stays_in = |folder: &Utf8Path| {
        let folder = folder.canonicalize_utf8();
        resolved.as_ref().is_ok_and(|resolved| folder.is_ok_and(|folder| resolved.starts_with(folder)))
    };
    let (in_root, in_workspace) = (stays_in(rule.root), stays_in(rule.workspace));
    match resolved {
        Ok(resolved) if target.is_relative() && in_root => Ok(Link::Keep { target, resolved }),
        Ok(resolved) if in_workspace => Ok(Link::Follow(resolved)),
        _ if target.starts_with("/opt") => Ok(Link::OfLayer(target)),
        Err(_) if rule.may_dangle && target.is_relative() && !climbs(inside, &target) => Ok(Link::OfLayer(target)),
        Ok(_) => Err(Failure::user(format!("the link `{link}` points outside the workspace: to `{target}`"))
            .hint("copy its target into the repository; if the target is in the layer, point the link to `/opt/…`")
            .into()),
        Err(error) => Err(Failure::user(format!("the link `{link}` points to `{target}`, which cannot be read"))
            .cause(error.to_string())
            .hint("add the target to the repository, or remove the link; if the target is in the layer, point the link to `/opt/…`")
            .into()),
    }
}

pub(super) fn climbs(link: &Utf8Path, target: &Utf8Path) -> bool {
    normalize(&link.parent().unwrap_or(Utf8Path::new("")).join(target)).is_none()
}
