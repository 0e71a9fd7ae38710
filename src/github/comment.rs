//! The one comment of this action on a pull request.
