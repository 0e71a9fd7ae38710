//! Symbolic links in a layer: what has the name of a library, program or module is judged by what it leads to.

use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use camino::Utf8Path;

use crate::audit::found;
use crate::binaries::{HERE, build, compile, findings};
use crate::harness::{Outcome, Sandbox};
use crate::zip::members;

/// With a library in `vendor/lib` as packages install it: the file has its whole version, and links the shorter ones.
fn with_library() -> Sandbox {
    let sandbox = Sandbox::new();
    compile(&sandbox.path("vendor/lib/libfoo.so.4.1.0"), &["-Wl,-soname,libfoo.so.4"]);
    link(&sandbox, "vendor/lib/libfoo.so.4", "libfoo.so.4.1.0");
    link(&sandbox, "vendor/lib/libfoo.so", "libfoo.so.4");
    sandbox
}

fn link(sandbox: &Sandbox, path: &str, target: &str) {
    let place = sandbox.path(path);
    fs_err::create_dir_all(place.parent().expect("has a parent")).expect("can be made");
    symlink(target, place).expect("can be made");
}

/// A module that needs that library.
fn add_module(sandbox: &Sandbox) {
    compile(&sandbox.path("own/pkg/_pkg.abi3.so"), &[sandbox.path("vendor/lib/libfoo.so.4.1.0").as_str()]);
    sandbox.write("own/pkg/__init__.py", "");
}

fn audit(sandbox: &Sandbox, subject: &str) -> Outcome {
    sandbox.run(&["audit", subject, "--python-version", "3.13", "--architecture", HERE]).run()
}

/// Zips a folder as `zip --symlinks` does.
fn zip(sandbox: &Sandbox, folder: &str, zip: &str) {
    let mut writer = ::zip::ZipWriter::new(fs_err::File::create(sandbox.path(zip)).expect("can be made"));
    let options = ::zip::write::SimpleFileOptions::default();
    for entry in walkdir::WalkDir::new(sandbox.path(folder)).sort_by_file_name() {
        let entry = entry.expect("can be read");
        let place = Utf8Path::from_path(entry.path()).expect("is UTF-8");
        let name = place.strip_prefix(sandbox.path(folder)).expect("is below");
        if entry.file_type().is_symlink() {
            let target = place.read_link_utf8().expect("is a link");
            writer.add_symlink(name.as_str(), target.as_str(), options).expect("can be written");
        } else if entry.file_type().is_file() {
            let mode = place.metadata().expect("is there").permissions().mode();
            writer.start_file(name.as_str(), options.unix_permissions(mode)).expect("can be written");
            writer.write_all(&fs_err::read(place).expect("can be read")).expect("can be written");
        }
    }
    writer.finish().expect("can be written");
}

#[test]
fn a_library_with_its_links_is_included_as_it_is() {
    let sandbox = with_library();
    add_module(&sandbox);
    let outcome = build(&sandbox, "3.13", HERE, &["--source", "own", "--include", "vendor/lib=lib"]).success();
    assert_eq!(findings(&outcome), "");
    let members = members(&sandbox.path("layer.zip"));
    let links = ["lib/libfoo.so", "lib/libfoo.so.4"].map(|name| (members[name].mode, members[name].text().to_owned()));
    assert_eq!(links, [(0o120_777, "libfoo.so.4".to_owned()), (0o120_777, "libfoo.so.4.1.0".to_owned())]);
    // Without the link that the module asks for, nobody finds the library.
    fs_err::remove_file(sandbox.path("vendor/lib/libfoo.so")).expect("is there");
    fs_err::remove_file(sandbox.path("vendor/lib/libfoo.so.4")).expect("is there");
    compile(&sandbox.path("vendor/lib/libfoo.so.4.1.0"), &[]);
    let outcome = build(&sandbox, "3.13", HERE, &["--source", "own", "--include", "vendor/lib=lib"]).code(1);
    outcome.says("needs `libfoo.so.4`, which is neither in the layer nor in the runtime");
}

#[test]
fn zips_and_folders_with_links_pass_an_audit() {
    let sandbox = with_library();
    add_module(&sandbox);
    fs_err::rename(sandbox.path("own"), sandbox.path("vendor/python")).expect("can be renamed");
    fs_err::remove_file(sandbox.path("vendor/python/pkg/__init__.py")).expect("is there");
    // Absolute, and through a link to a folder.
    link(&sandbox, "vendor/lib/libbar.so", "/opt/lib/libfoo.so");
    link(&sandbox, "vendor/more", "lib");
    link(&sandbox, "vendor/python/pkg/libbar.so", "../../more/libbar.so");
    zip(&sandbox, "vendor", "layer.zip");
    for subject in ["layer.zip", "vendor"] {
        let outcome = audit(&sandbox, subject).success();
        assert!(outcome.stdout.contains("no findings in"), "{}", outcome.stdout);
    }
}

#[test]
fn what_leads_to_no_library_is_told() {
    let sandbox = with_library();
    sandbox.write("vendor/share/readme", "text");
    sandbox.write("vendor/python/m.py", "");
    for (path, target) in [
        ("vendor/lib/libtext.so", "../share/readme"),
        ("vendor/lib/libgone.so", "libgone.so.1"),
        ("vendor/lib/libgone.so.1", "libgone.so.1.2"),
        ("vendor/lib/libround.so", "/opt/lib/libround.so"),
        ("vendor/lib/libfar.so", "/home/me/libfar.so.1"),
        ("vendor/lib/libup.so", "../../libup.so.1"),
        ("vendor/lib/libz.so", "/lib64/libz.so.1"),
        ("vendor/share/gone", "none"),
    ] {
        link(&sandbox, path, target);
    }
    // A link that was checked out or zipped where links are not kept.
    sandbox.write("vendor/lib/libflat.so", "libfoo.so.4");
    zip(&sandbox, "vendor", "layer.zip");
    let told = found(&audit(&sandbox, "layer.zip").code(1));
    assert_eq!(told, found(&audit(&sandbox, "vendor").code(1)));
    insta::assert_snapshot!(told, @"
    error    broken-binary  lib/libflat.so
      `lib/libflat.so` is a symbolic link that was stored as text (check out with `core.symlinks=true`, zip with `--symlinks`)
    error    broken-binary  lib/libtext.so
      `lib/libtext.so` is named like a library, but links to `share/readme`, which is not one
    error    dangling-link  lib/libgone.so.1
      `lib/libgone.so.1` is a link to `libgone.so.1.2`, which does not exist
    error    dangling-link  lib/libround.so
      `lib/libround.so` is a link to `/opt/lib/libround.so`, which leads back to the link itself
    error    link-outside   lib/libup.so
      `lib/libup.so` is a link to `../../libup.so.1`, which leads out of the layer
    warning  dangling-link  share/gone
      `share/gone` is a link to `none`, which does not exist
    warning  link-outside   lib/libfar.so
      `lib/libfar.so` is a link to `/home/me/libfar.so.1`, which is outside the layer
    ");
}

#[test]
fn programs_are_judged_by_what_their_links_lead_to() {
    let sandbox = Sandbox::new();
    sandbox.write("layer/python/m.py", "");
    sandbox.write("layer/share/idle", "#!/bin/sh\n");
    sandbox.write("layer/share/windows", "#!/bin/sh\r\n");
    sandbox.write("layer/share/fine", "#!/bin/sh\n");
    sandbox.write("layer/python/bin/tool", "#!/bin/sh\n");
    for path in ["layer/share/windows", "layer/share/fine", "layer/python/bin/tool"] {
        let mode = std::fs::Permissions::from_mode(0o755);
        fs_err::set_permissions(sandbox.path(path), mode).expect("can be changed");
    }
    link(&sandbox, "layer/bin/idle", "../share/idle");
    link(&sandbox, "layer/bin/windows", "/opt/share/windows");
    link(&sandbox, "layer/bin/fine", "../share/fine");
    link(&sandbox, "layer/bin/tool", "../python/bin/tool");
    link(&sandbox, "layer/extensions/idle", "../bin/idle");
    insta::assert_snapshot!(found(&audit(&sandbox, "layer").success()), @"
    warning  extension-not-executable  extensions/idle
      `extensions/idle` is not executable, so Lambda cannot start it as an extension
    warning  interpreter-missing       bin/windows
      `bin/windows` is started with `#!/bin/sh`, but the line has a Windows line ending, which Linux treats as part of the name
    warning  program-not-executable    bin/idle
      `bin/idle` is a program, but is not executable
    ");
}

#[test]
fn a_build_script_may_link_to_what_others_bring() {
    let sandbox = with_library();
    let script = "mkdir -p $LAMBDA_LAYER_OPT/lib\n\
        ln -s /opt/share/libfoo.so.4 $LAMBDA_LAYER_OPT/lib/libfoo.so.4\n\
        ln -s ../share/libfoo.so.4.1.0 $LAMBDA_LAYER_OPT/lib/libbar.so\n";
    add_module(&sandbox);
    let inputs = ["--source", "own", "--include", "vendor/lib=share", "--build-script", script];
    let outcome = build(&sandbox, "3.13", HERE, &inputs).success();
    insta::assert_snapshot!(findings(&outcome), @"notice:  the runtime does not use `share` by default (this is fine if your code opens it as `/opt/share`, or if a variable points to it (`AWS_LAMBDA_EXEC_WRAPPER=/opt/share/libfoo.so.4.1.0`); programs belong in `bin`, libraries in `lib`) [unsearched-folder]");
    let members = members(&sandbox.path("layer.zip"));
    assert_eq!(members["lib/libfoo.so.4"].text(), "/opt/share/libfoo.so.4");
    assert_eq!(members["lib/libbar.so"].text(), "../share/libfoo.so.4.1.0");
    // What is in no layer is told.
    let outcome = build(&sandbox, "3.13", HERE, &["--source", "own", "--build-script", script]).code(1);
    insta::assert_snapshot!(findings(&outcome), @"
    error: 3 findings prevent the layer from being published
    cause: `python/pkg/_pkg.abi3.so` of own source needs `libfoo.so.4`, which is neither in the layer nor in the runtime (use a wheel that bundles it, or add it with `include`: `…/libfoo.so.4=lib/libfoo.so.4`) [missing-library]
    cause: `lib/libbar.so` is a link to `../share/libfoo.so.4.1.0`, which does not exist (make it a relative link to a file in the layer, or replace it with the file itself) [dangling-link]
    cause: `lib/libfoo.so.4` is a link to `/opt/share/libfoo.so.4`, which does not exist (make it a relative link to a file in the layer, or replace it with the file itself) [dangling-link]
    hint: correct all of them and run again
    ");
}

#[test]
fn a_link_into_the_layer_needs_nothing_on_this_machine() {
    let sandbox = with_library();
    add_module(&sandbox);
    link(&sandbox, "vendor/links/libfoo.so.4", "/opt/share/libfoo.so");
    let places = "vendor/links=lib\nvendor/lib=share";
    let outcome = build(&sandbox, "3.13", HERE, &["--source", "own", "--include", places]).success();
    insta::assert_snapshot!(findings(&outcome), @"notice:  the runtime does not use `share` by default (this is fine if your code opens it as `/opt/share`, or if a variable points to it (`AWS_LAMBDA_EXEC_WRAPPER=/opt/share/libfoo.so.4.1.0`); programs belong in `bin`, libraries in `lib`) [unsearched-folder]");
    // Any other that leads nowhere is a mistake.
    link(&sandbox, "vendor/links/libgone.so", "libgone.so.1");
    let outcome = build(&sandbox, "3.13", HERE, &["--source", "own", "--include", places]).code(1);
    let told = findings(&outcome).replace(sandbox.root().as_str(), "[ROOT]");
    insta::assert_snapshot!(told, @"
    error: the link `[ROOT]/work/vendor/links/libgone.so` points to `libgone.so.1`, which cannot be read
    cause: No such file or directory (os error 2)
    hint: add the target to the repository, or remove the link; if the target is in the layer, point the link to `/opt/…`
    ");
}
