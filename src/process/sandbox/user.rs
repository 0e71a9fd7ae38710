//! The user that runs a sandboxed program in place of root, so that it does not own the job's files.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

/// A user and a group, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct User {
    pub(super) id: u32,
    pub(super) group: u32,
}

/// Who owns nothing, on every Linux.
const NOBODY: User = User { id: 65534, group: 65534 };

impl User {
    /// `None` where it is not root who runs this, or where another user could not reach all of `paths`.
    pub(crate) fn instead_of_root<'a>(paths: impl IntoIterator<Item = &'a Utf8Path>) -> Option<Self> {
        let is_root = rustix::process::geteuid().is_root();
        (is_root && paths.into_iter().all(is_within_reach_of_all)).then_some(NOBODY)
    }

    /// Lets this user, but no other, into a folder of ours.
    ///
    /// # Errors
    /// Where the user does not exist for the kernel, as in a user namespace with one user.
    pub(crate) fn admit(self, folder: &Utf8Path) -> std::io::Result<()> {
        fs_err::os::unix::fs::chown(folder, None, Some(self.group))?;
        fs_err::set_permissions(folder, std::fs::Permissions::from_mode(0o710))
    }

    /// Makes a folder this user's.
    ///
    /// # Errors
    /// As of [`User::admit`].
    pub(crate) fn own(self, folder: &Utf8Path) -> std::io::Result<()> {
        fs_err::os::unix::fs::chown(folder, Some(self.id), Some(self.group))
    }
}

/// Whether everybody may read it, and enter all folders above.
fn is_within_reach_of_all(path: &Utf8Path) -> bool {
    let Ok(path) = path.canonicalize_utf8() else { return false };
    let mode = |path: &Utf8Path| path.metadata().map_or(0, |metadata| metadata.mode());
    mode(&path) & 0o004 != 0 && path.ancestors().skip(1).all(|folder| mode(folder) & 0o001 != 0)
}
