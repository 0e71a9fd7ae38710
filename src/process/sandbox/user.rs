//! The user that runs a sandboxed program instead of root, so that the program does not own the job's files.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

/// The numbers of a user and a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct User {
    pub(super) id: u32,
    pub(super) group: u32,
}

/// The user that owns no files, on every Linux.
const NOBODY: User = User { id: 65534, group: 65534 };

impl User {
    /// The user for a sandboxed program; `None` if root does not run this, or if the other user could not read all of
    /// `paths`.
    pub(crate) fn instead_of_root<'a>(paths: impl IntoIterator<Item = &'a Utf8Path>) -> Option<Self> {
        let is_root = rustix::process::geteuid().is_root();
        (is_root && paths.into_iter().all(is_within_reach_of_all)).then_some(NOBODY)
    }

    /// Lets this user, but no others, into a folder of ours.
    ///
    /// # Errors
    /// The kernel does not know the user, as in a user namespace with only one user.
    pub(crate) fn admit(self, folder: &Utf8Path) -> std::io::Result<()> {
        fs_err::os::unix::fs::chown(folder, None, Some(self.group))?;
        fs_err::set_permissions(folder, std::fs::Permissions::from_mode(0o710))
    }

    /// Makes this user the owner of a folder.
    ///
    /// # Errors
    /// The same as for [`User::admit`].
    pub(crate) fn own(self, folder: &Utf8Path) -> std::io::Result<()> {
        fs_err::os::unix::fs::chown(folder, Some(self.id), Some(self.group))
    }
}

/// Whether everybody may read the path and enter all folders above it.
fn is_within_reach_of_all(path: &Utf8Path) -> bool {
    let Ok(path) = path.canonicalize_utf8() else { return false };
    let mode = |path: &Utf8Path| path.metadata().map_or(0, |metadata| metadata.mode());
    mode(&path) & 0o004 != 0 && path.ancestors().skip(1).all(|folder| mode(folder) & 0o001 != 0)
}
