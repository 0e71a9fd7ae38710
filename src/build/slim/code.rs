//! Finds out which other modules and files Python code mentions, as far as that is possible without running it. The
//! time is always proportional to the size of the code, because the code in a layer is not trusted.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

/// A comment, a string, or a line that continues on the next. An unterminated triple-quoted string extends to the end
/// of the code, as in Python; otherwise each such quote would be searched to the end in vain.
static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r##"(?s)#[^\n]*|"""(?:\\.|[^\\])*?(?:"""|\\?\z)|'''(?:\\.|[^\\])*?(?:'''|\\?\z)|"##,
        r#""(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?|\\\n"#
    ))
});

/// The code without comments and without triple-quoted strings, which usually are documentation.
pub(super) fn without_comments(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut copied = 0;
    for token in TOKEN.find_iter(text) {
        let is_documentation = token.as_str().starts_with("\"\"\"") || token.as_str().starts_with("'''");
        if is_documentation || token.as_str().starts_with(['#', '\\']) {
            code.push_str(&text[copied..token.start()]);
            code.push_str(if is_documentation { "''" } else { "" });
            copied = token.end();
        }
    }
    code.push_str(&text[copied..]);
    code
}

static IMPORT: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"(?m)(?:^|[;:])[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]*(\([\w\s,]*|[^\n;]*)|import[ \t]+([^\n;]+))")
});
static DOTTED: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"["']\.*[A-Za-z_](?-u:\w)*(?:\.(?-u:\w)+)+|["']\.+[A-Za-z_](?-u:\w)*"#));
static ALL: LazyLock<Regex> = LazyLock::new(|| regex(r"__all__[^\[(\n]*[\[(]([^\])]*)"));
static QUOTED: LazyLock<Regex> = LazyLock::new(|| regex(r#"["']([^"'\n]*)["']"#));

fn regex(text: &str) -> Regex {
    Regex::new(text).expect("is valid")
}

/// Full names of modules, or of objects in them, that the code of a module in `package` imports or has in a string.
pub(super) fn modules(code: &str, package: &str) -> Vec<String> {
    let mut found = Vec::new();
    for import in IMPORT.captures_iter(code) {
        let names = |group: usize| {
            let list = import.get(group).map_or("", |list| list.as_str());
            let names = list.split(',').map(|name| name.trim_matches(|other: char| "() \t\r\n".contains(other)));
            names.filter_map(|name| name.split_whitespace().next())
        };
        match import.get(1) {
            None => found.extend(names(3).map(str::to_owned)),
            Some(from) => {
                let from = absolute(from.as_str(), package);
                found.extend(names(2).map(|name| format!("{from}.{name}")));
                found.push(from);
            }
        }
    }
    found.extend(DOTTED.find_iter(code).map(|text| absolute(&text.as_str()[1..], package)));
    found
}

/// The absolute form of a name that may begin with dots.
fn absolute(name: &str, package: &str) -> String {
    let below = name.trim_start_matches('.');
    let dots = name.len() - below.len();
    if dots == 0 {
        return name.to_owned();
    }
    let mut parts: Vec<&str> = package.split('.').filter(|part| !part.is_empty()).collect();
    parts.truncate((parts.len() + 1).saturating_sub(dots));
    parts.extend((!below.is_empty()).then_some(below));
    parts.join(".")
}

/// The names that a package exports: `from package import *` imports each of them.
pub(super) fn exported(code: &str) -> impl Iterator<Item = &str> {
    let lists = ALL.captures_iter(code).filter_map(|list| list.get(1));
    lists.flat_map(|list| QUOTED.captures_iter(list.as_str())).filter_map(|name| Some(name.get(1)?.as_str()))
}

/// A string, a call that joins paths, or another bracket.
static STEP: LazyLock<Regex> =
    LazyLock::new(|| regex(r#""(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?|(?:join|[Pp]ath)?\(|\)"#));

/// The longest path on Linux, in bytes (`PATH_MAX`).
const LONGEST: usize = 4096;

/// Paths of folders with one of these names that the code reads files from: `"a/tests/x"` gives `a/tests`, and both
/// `join(here, "tests", "x")` and `here / "tests" / "x"` give `tests`. A bare `"tests"` gives nothing, because it is
/// just as often only compared.
pub(super) fn entered_folders<'a>(code: &'a str, names: &BTreeSet<&str>) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    // For each open bracket, whether it belongs to a call that joins paths; and the number of those.
    let (mut open, mut joins) = (Vec::new(), 0);
    for token in STEP.find_iter(code) {
        match token.as_str() {
            ")" => joins -= usize::from(open.pop().unwrap_or(false)),
            call if call.ends_with('(') && !call.starts_with(['"', '\'']) => {
                open.push(call != "(");
                joins += usize::from(call != "(");
            }
            text => {
                let path = text.trim_matches(['"', '\'']);
                let rest = code[token.end()..].trim_start();
                let is_joined = rest.starts_with('/') || (rest.starts_with(',') && joins > 0);
                if is_joined && names.contains(path) {
                    found.insert(path);
                }
                found.extend(folders_in(path).filter(|folder| names.contains(last(folder))).map(known));
            }
        }
    }
    found
}

/// The folders of a path: `a` and `a/b` for `a/b/c`.
fn folders_in(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at]).take_while(|folder| folder.len() <= LONGEST)
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// The constant part of a path: `tests` for `../tests`, `{here}/tests` and `%s/tests`.
fn known(path: &str) -> &str {
    let known = path.rfind(['}', '%']).map_or(path, |at| path[at..].split_once('/').map_or("", |(_, rest)| rest));
    known.trim_start_matches(['.', '/'])
}

/// A call that reads data of a package by the package's name.
static RESOURCE: LazyLock<Regex> = LazyLock::new(|| {
    let calls =
        "files|contents|is_resource|path|(?:open|read)_(?:text|binary)|get_data|resource_(?-u:\\w)+|PackageLoader";
    regex(&format!(r#"\b(?:{calls})\((?:\s|(?-u:\w)+\s*=)*["']([.\w]+)["']"#))
});

/// Full names of packages whose data the code of a module in `package` reads: `a.tests` for `files("a.tests")`.
pub(super) fn read_packages(code: &str, package: &str) -> Vec<String> {
    let calls = RESOURCE.captures_iter(code).filter_map(|call| call.get(1));
    calls.map(|name| absolute(name.as_str(), package)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_documentation_are_no_code() {
        let text = "'''from a import b'''\nx = 'it\\'s # here' # not 'here'\nfrom c import \\\n  d\n";
        assert_eq!(without_comments(text), "''\nx = 'it\\'s # here' \nfrom c import   d\n");
        assert_eq!(without_comments("x = 'open\ny = 1 # é"), "x = 'open\ny = 1 ");
    }

    #[test]
    fn imports_are_found_however_they_are_written() {
        let modules = |code: &str| modules(code, "a.b");
        assert_eq!(modules("from . import x, y as z"), ["a.b.x", "a.b.y", "a.b"]);
        assert_eq!(modules("from ..tests.runner import (\n  T,\n)"), ["a.tests.runner.T", "a.tests.runner"]);
        assert_eq!(modules("if x: import c.tests as d, e"), ["c.tests", "e"]);
        assert_eq!(modules("import_module('.tests', p); m = \"a.tests:main\""), ["a.b.tests", "a.tests"]);
        assert_eq!(modules("x = 'tests'"), [""; 0]);
        assert_eq!(modules("from .... import x"), [".x", ""]);
    }

    #[test]
    fn a_folder_that_is_only_named_is_not_entered() {
        let entered =
            |code: &'static str| entered_folders(code, &BTreeSet::from(["tests"])).into_iter().collect::<Vec<_>>();
        assert_eq!(entered("join(dirname(x), 'tests', 'data')"), ["tests"]);
        assert_eq!(entered("open(os.path.join(\n  here(),\n  'tests',\n  'data'))"), ["tests"]);
        assert_eq!(entered("files('x').joinpath('tests', 'data'); Path(here, \"a/tests/b\")"), ["a/tests", "tests"]);
        assert_eq!(entered("here / 'tests' / 'x'"), ["tests"]);
        assert_eq!(entered("get('../io/tests/data/x.xml')"), ["io/tests"]);
        assert_eq!(entered("f'{here}/a/tests/x' + '%s/tests/tests/x' % here"), ["a/tests", "tests", "tests/tests"]);
        assert_eq!(entered("is_test = path.startswith(join(here, 'tests')); skip = {'tests', 'other'}"), [""; 0]);
        assert_eq!(entered("join(a, 'x'), call('tests', 'x')"), [""; 0]);
        assert_eq!(exported("__all__ = ['a',\n 'tests']\n__all__ += ('b',)").collect::<Vec<_>>(), ["a", "tests", "b"]);
    }

    #[test]
    fn packages_whose_data_is_read_are_named_in_the_call() {
        let read = |code: &str| read_packages(code, "a.b");
        assert_eq!(read("files('a.tests') / 'x'; open_text( package=\"c\", resource='x')"), ["a.tests", "c"]);
        assert_eq!(
            read("pkgutil.get_data('.tests', 'x'); resource_filename('d.tests', 'x')"),
            ["a.b.tests", "d.tests"]
        );
        assert_eq!(read("open_files('a.tests'); files(name)"), [""; 0]);
    }

    /// Each of these took minutes when the search started again at each position and went to the end, or back to the
    /// start of the line.
    #[test]
    fn code_of_any_shape_is_read_in_one_go() {
        const TIMES: usize = 50_000;
        let names = BTreeSet::from(["tests"]);
        let shapes = [
            "x('tests',",
            "'tests/",
            "'tests',",
            "join(",
            "\\\"\"\"\n",
            "\\'''\n",
            "from a import (\n",
            "__all__ ",
            "__all__[",
            "('",
            ";    ",
        ];
        for shape in shapes {
            for start in ["", "'", "join(", "\\"] {
                let text = format!("{start}{}\\", shape.repeat(TIMES));
                let code = without_comments(&text);
                assert!(entered_folders(&code, &names).len() < TIMES && modules(&code, "a").len() <= TIMES, "{shape}");
                assert!(read_packages(&code, "a").is_empty() && exported(&code).count() <= TIMES, "{shape}");
            }
        }
    }
}
