//! Writes the scripts of distributions. Installers write them for their own Python, with its path in the first line; in
//! a layer the runtime's Python runs them from `/opt/bin`, and they import the layer's packages.

use camino::Utf8Path;

use crate::types::PythonVersion;

/// The path of Python in the Lambda runtime and in its images.
fn interpreter(python: PythonVersion) -> String {
    format!("/var/lang/bin/python{python}")
}

/// The script for a console or GUI entry point, `module:function`.
///
/// `packages` is the folder of the layer's packages, relative to `/opt`. The script adds it to `sys.path`, because only
/// the runtime's own bootstrap does that, and not for programs that a function starts.
pub(crate) fn entry_point(object: &str, packages: &Utf8Path, python: PythonVersion) -> Vec<u8> {
    let (module, function) = object.split_once(':').unwrap_or((object, ""));
    let start = function.split('.').next().unwrap_or_default();
    let script = if function.is_empty() {
        format!("import {module}\n")
    } else {
        format!("from {module} import {start}\n\nsys.exit({function}())\n")
    };
    format!("#!{}\nimport sys\n\nsys.path.insert(0, \"/opt/{packages}\")\n{script}", interpreter(python)).into_bytes()
}

/// The script for the runtime's Python, if an installer wrote another Python into its first line; `None` if it needs no
/// change.
pub(crate) fn with_runtime_interpreter(script: &[u8], python: PythonVersion) -> Option<Vec<u8>> {
    let end = script.iter().position(|byte| *byte == b'\n').unwrap_or(script.len());
    let first = std::str::from_utf8(&script[..end]).ok()?.trim_end();
    let program = first.strip_prefix("#!")?.split_whitespace().next()?;
    // Installers wrap long paths: `#!/bin/sh` and `'''exec' "/long/path/python" "$0" "$@"`.
    let wrapped = program == "/bin/sh" && script[end..].trim_ascii_start().starts_with(b"'''exec'");
    if wrapped {
        let mut lines = script.splitn(4, |byte| *byte == b'\n').skip(3);
        return Some([format!("#!{}\n", interpreter(python)).as_bytes(), lines.next().unwrap_or_default()].concat());
    }
    let is_python =
        Utf8Path::new(program).file_name().is_some_and(|name| name.starts_with("python") || name.starts_with("pypy"));
    (is_python && program != interpreter(python))
        .then(|| [format!("#!{}", interpreter(python)).as_bytes(), &script[end..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn python() -> PythonVersion {
        "3.13".parse().expect("is known")
    }

    #[test]
    fn entry_points_find_the_layer_s_packages() {
        insta::assert_snapshot!(String::from_utf8(entry_point("pkg.cli:App.main", "python".into(), python())).expect("is UTF-8"), @r#"
        #!/var/lang/bin/python3.13
        import sys

        sys.path.insert(0, "/opt/python")
        from pkg.cli import App

        sys.exit(App.main())
        "#);
    }

    #[test]
    fn only_python_scripts_are_changed() {
        let changed = |text: &str| {
            with_runtime_interpreter(text.as_bytes(), python()).map(|bytes| String::from_utf8(bytes).expect("is UTF-8"))
        };
        assert_eq!(
            changed("#!/home/me/.venv/bin/python3\nx = 1\n").as_deref(),
            Some("#!/var/lang/bin/python3.13\nx = 1\n")
        );
        assert_eq!(
            changed("#!/bin/sh\n'''exec' \"/long/python\" \"$0\" \"$@\"\n' '''\nx = 1\n").as_deref(),
            Some("#!/var/lang/bin/python3.13\nx = 1\n")
        );
        assert_eq!(changed("#!/bin/bash\necho\n"), None);
        assert_eq!(with_runtime_interpreter(b"\x7fELF", python()), None);
    }
}
