//! File modes that keep Lambda, or code in Lambda, from reading a file.
//!
//! Lambda unpacks as root and runs as another user: everybody must be able to read, and to enter folders
//! (<https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-deployment.html>); for a folder that nobody may enter
//! publishing ends with "Layer conversion failed" (<https://github.com/aws/aws-cli/issues/6049>).

use camino::Utf8Path;

use crate::layer::Finding;

pub(super) const LINK: u32 = 0o120_000;
const TYPE: u32 = 0o170_000;
const FILE: u32 = 0o100_000;
const OTHERS_READ: u32 = 0o004;
const OTHERS_ENTER: u32 = 0o005;

/// `None` where the zip says nothing of modes.
pub(super) fn of_folder(path: &Utf8Path, mode: Option<u32>) -> Option<Finding> {
    let mode = mode? & 0o777;
    (mode & OTHERS_ENTER != OTHERS_ENTER)
        .then(|| refused(path, format!("the folder `{path}` has mode {mode:03o}, so the function cannot enter it")))
}

pub(super) fn of_file(path: &Utf8Path, mode: Option<u32>) -> Option<Finding> {
    let mode = mode?;
    match mode & TYPE {
        LINK => None,
        0 | FILE => (mode & OTHERS_READ == 0)
            .then(|| refused(path, format!("`{path}` has mode {:03o}, so the function cannot read it", mode & 0o777))),
        _ => Some(Finding::error(
            "mode-refused",
            path.as_str(),
            format!("`{path}` is a device, socket or pipe, which a layer cannot contain"),
            "remove it, and create the zip again",
        )),
    }
}

fn refused(path: &Utf8Path, message: String) -> Finding {
    Finding::error(
        "mode-refused",
        path.as_str(),
        message,
        "run `chmod -R a+rX` on the layer's folder, and create the zip again; with Python's zipfile, set `external_attr`",
    )
}
