//! Where in a layer the files of a distribution go.
//!
//! Installers put everything below one folder, packages and all: scripts into `bin`, and the files of a wheel's `data`
//! as if that folder were `sys.prefix`
//! (<https://packaging.python.org/en/latest/specifications/binary-distribution-format/#the-data-directory>).
//! In a layer programs and shared libraries have folders of their own, which the runtime searches.

use camino::{Utf8Path, Utf8PathBuf};

use super::Distribution;

/// The place of an installed file, seen from `/opt`. `packages` is the layer's folder of packages.
pub(crate) fn place(path: &Utf8Path, owner: Option<&Distribution>, packages: &Utf8Path) -> Utf8PathBuf {
    let mut parts = path.components().map(|part| part.as_str());
    let (first, second) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let is_package = || owner.is_some_and(|owner| owner.record.contains_key(&Utf8Path::new(first).join("__init__.py")));
    let is_script = || owner.is_some_and(|owner| owner.scripts.contains_key(second));
    match first {
        // A distribution with a package of that name has its modules in it, and perhaps its scripts.
        "bin" if is_script() || !is_package() => path.to_owned(),
        "lib" if is_shared_library(second) && path.components().count() == 2 && !is_package() => path.to_owned(),
        // pip's place for the headers of a wheel; uv's is `include`.
        "include" if second == "site" => {
            let below: Utf8PathBuf = path.components().skip(3).collect();
            packages.join("include").join(below)
        }
        _ => packages.join(path),
    }
}

/// `libmkl_rt.so.2`, which the dynamic linker looks for; not `_speedups.so`, which Python does.
fn is_shared_library(name: &str) -> bool {
    name.starts_with("lib") && name.split('.').skip(1).any(|part| part == "so")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distribution(record: &[&str], script: &str) -> Distribution {
        Distribution {
            name: "x".parse().expect("is a name"),
            spelling: "x".to_owned(),
            version: "1".to_owned(),
            info: "x-1.dist-info".into(),
            record: record.iter().map(|path| ((*path).into(), ",".to_owned())).collect(),
            requires: Vec::new(),
            has_fixed_requires: true,
            requires_python: None,
            licence: crate::layer::licences::Licence::default(),
            changelog: None,
            tags: Vec::new(),
            scripts: [(script.to_owned(), "x:main".to_owned())].into(),
            is_local: false,
            url: None,
            private: None,
            project: None,
            repository: None,
            is_built_here: false,
        }
    }

    #[test]
    fn programs_and_libraries_leave_the_folder_of_packages() {
        let plain = distribution(&[], "run");
        let place = |path: &str, owner: &Distribution| place(path.into(), Some(owner), "python".into()).into_string();
        assert_eq!(place("bin/tool", &plain), "bin/tool");
        assert_eq!(place("lib/libk.so.2", &plain), "lib/libk.so.2");
        assert_eq!(place("lib/_k.so", &plain), "python/lib/_k.so");
        assert_eq!(place("lib/more/libk.so", &plain), "python/lib/more/libk.so");
        assert_eq!(place("share/x/a.txt", &plain), "python/share/x/a.txt");
        assert_eq!(place("include/site/python3.11/x/x.h", &plain), "python/include/x/x.h");
        assert_eq!(place("include/x/x.h", &plain), "python/include/x/x.h");
    }

    #[test]
    fn packages_may_have_the_names_of_those_folders() {
        let packages = distribution(&["bin/__init__.py", "lib/__init__.py"], "run");
        let place = |path: &str| place(path.into(), Some(&packages), "python".into()).into_string();
        assert_eq!(place("bin/tool.py"), "python/bin/tool.py");
        assert_eq!(place("bin/run"), "bin/run");
        assert_eq!(place("lib/libk.so"), "python/lib/libk.so");
    }
}
