//! What Python code says about other modules and files, as far as it can be told without running it.

use std::sync::LazyLock;

use regex::Regex;

/// A comment, a text, or a line that goes on in the next.
static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    regex(r#"(?s)#[^\n]*|"""(?:\\.|[^\\])*?"""|'''(?:\\.|[^\\])*?'''|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?|\\\n"#)
});

/// The code without comments and without texts in triple quotes, which are documentation as a rule.
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
    regex(r"(?m)(?:^|[;:])[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]*(\([^)]*\)|[^\n;]*)|import[ \t]+([^\n;]+))")
});
static DOTTED: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"["']\.*[A-Za-z_](?-u:\w)*(?:\.(?-u:\w)+)+|["']\.+[A-Za-z_](?-u:\w)*"#));
static ALL: LazyLock<Regex> = LazyLock::new(|| regex(r"__all__[^\[(\n]*[\[(]([^\])]*)"));
static QUOTED: LazyLock<Regex> = LazyLock::new(|| regex(r#"["']([^"'\n]*)["']"#));

fn regex(text: &str) -> Regex {
    Regex::new(text).expect("is valid")
}

/// Full names of modules, or of things in them, that the code of a module in `package` imports or names in a text.
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

/// Of a name that may begin with dots.
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

/// What a package exports by name: `from package import *` imports each.
pub(super) fn exported(code: &str) -> impl Iterator<Item = &str> {
    let lists = ALL.captures_iter(code).filter_map(|list| list.get(1));
    lists.flat_map(|list| QUOTED.captures_iter(list.as_str())).filter_map(|name| Some(name.get(1)?.as_str()))
}

/// Paths of folders called `name` that the code goes into: `"a/tests/x"` gives `a/tests`, and `join(here, "tests", "x")`
/// and `here / "tests" / "x"` give `tests`. A bare `"tests"` is as often compared as it is opened, and gives nothing.
pub(super) fn entered_folders<'a>(code: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(name) {
        let (before, after) = (&code[..at], &code[at + name.len()..]);
        let line = &before[before.rfind('\n').map_or(0, |end| end + 1)..];
        let rest = after.strip_prefix(['"', '\'']).map(str::trim_start);
        let is_whole = line.ends_with(['"', '\'']) && rest.is_some();
        if is_whole {
            let is_joined = rest.is_some_and(|rest| rest.starts_with(',')) && is_in_join(line);
            if is_joined || rest.is_some_and(|rest| rest.starts_with('/')) {
                found.push(name);
            }
        } else if line.ends_with(['"', '\'', '/'])
            && after.starts_with('/')
            && let Some(quote) = line.rfind(['"', '\''])
        {
            let start = at - line.len() + quote + 1;
            found.push(code[start..at + name.len()].trim_start_matches(['.', '/']));
        }
    }
    found.into_iter()
}

/// Whether the end of the line is an argument of a `join(` that it does not close.
fn is_in_join(line: &str) -> bool {
    line.rfind("join(").is_some_and(|start| {
        let arguments = &line[start + "join(".len()..];
        arguments.matches('(').count() >= arguments.matches(')').count()
    })
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
        let entered = |code: &'static str| entered_folders(code, "tests").collect::<Vec<_>>();
        assert_eq!(entered("join(dirname(x), 'tests', 'data')"), ["tests"]);
        assert_eq!(entered("here / 'tests' / 'x'"), ["tests"]);
        assert_eq!(entered("get('../io/tests/data/x.xml')"), ["io/tests"]);
        assert_eq!(entered("is_test = path.startswith(join(here, 'tests')); skip = {'tests', 'other'}"), [""; 0]);
        assert_eq!(exported("__all__ = ['a',\n 'tests']\n__all__ += ('b',)").collect::<Vec<_>>(), ["a", "tests", "b"]);
    }
}
