//! Links of the documentation lead somewhere, to the very heading or picture that they name, and each page can be found.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

fn root() -> &'static Utf8Path {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files with this extension below the root, relative to it; neither build products nor hidden folders other than `.github`.
pub(crate) fn files(extension: &str) -> Vec<Utf8PathBuf> {
    let is_ours = |entry: &walkdir::DirEntry| {
        let name = entry.file_name().to_string_lossy();
        entry.depth() == 0
            || !(name == "target" || name == "node_modules" || (name.starts_with('.') && name != ".github"))
    };
    let entries = walkdir::WalkDir::new(root()).sort_by_file_name().into_iter().filter_entry(is_ours);
    let paths = entries.map(|entry| Utf8PathBuf::try_from(entry.expect("can be read").into_path()).expect("is UTF-8"));
    let ours = paths.filter(|path| path.extension() == Some(extension));
    ours.map(|path| path.strip_prefix(root()).expect("is below").to_owned()).collect()
}

/// A file below the root.
pub(crate) fn read(path: &Utf8Path) -> String {
    fs_err::read_to_string(root().join(path)).expect("can be read")
}

/// Text without its blocks of code.
fn prose(text: &str) -> String {
    let mut is_code = false;
    let lines = text.lines().filter(|line| {
        let is_fence = line.trim_start().trim_start_matches("> ").starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn pattern(text: &str) -> regex::Regex {
    regex::Regex::new(text).expect("is valid")
}

/// As GitHub makes them of headings: lower case, no punctuation and no emoji, a hyphen for each space, and a number behind
/// what was there before. HTML may have others.
fn anchors(prose: &str) -> BTreeSet<String> {
    let mut taken = BTreeMap::<String, usize>::new();
    let link = pattern(r"!?\[([^\]]*)\]\([^)]*\)");
    let tag = pattern(r"</?[a-zA-Z][^>]*>");
    let is_kept = |character: &char| character.is_alphanumeric() || "-_ ".contains(*character);
    let headings = prose.lines().filter_map(|line| {
        let heading = line.trim_start_matches('#');
        ((1..=6).contains(&(line.len() - heading.len())) && heading.starts_with(' ')).then_some(heading.trim())
    });
    let of_headings = headings.map(|heading| {
        let text = tag.replace_all(&link.replace_all(heading, "$1"), "").to_lowercase();
        let slug: String = text.trim_end_matches([' ', '#']).chars().filter(is_kept).collect();
        let slug = slug.replace(' ', "-");
        let count = taken.entry(slug.clone()).or_default();
        *count += 1;
        if *count == 1 { slug } else { format!("{slug}-{}", *count - 1) }
    });
    let mut all: BTreeSet<String> = of_headings.collect();
    all.extend(pattern(r#"\s(?:id|name)="([^"]+)""#).captures_iter(prose).map(|found| found[1].to_owned()));
    all
}

/// Targets of links and pictures, in Markdown and in HTML.
fn targets(prose: &str) -> Vec<String> {
    let code = pattern(r"`[^`\n]*`");
    let text = code.replace_all(prose, "");
    let links = [r"\]\(([^)\s]+)\)", r"(?m)^\[[^\]]+\]: *(\S+)", r#"\s(?:href|src|srcset)="([^"]+)""#];
    let all = links
        .iter()
        .flat_map(|link| pattern(link).captures_iter(&text).map(|found| found[1].to_owned()).collect::<Vec<_>>());
    all.filter(|target| !target.contains("://") && !target.starts_with("mailto:")).collect()
}

/// The file that a link of `page` leads to, relative to the root, and the anchor in it.
fn resolve(page: &Utf8Path, target: &str) -> (Utf8PathBuf, String) {
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    if file.is_empty() {
        return (page.to_owned(), anchor.to_owned());
    }
    let mut path = page.parent().expect("is in a folder").to_owned();
    for part in Utf8Path::new(file).components() {
        match part.as_str() {
            "." => {}
            ".." => {
                path.pop();
            }
            name => path.push(name),
        }
    }
    (path, anchor.to_owned())
}

/// Whether a page has the anchor. Of other files any will do: `#L10`.
fn has(path: &Utf8Path, anchor: &str) -> bool {
    let is_page = path.extension() == Some("md");
    root().join(path).exists() && (anchor.is_empty() || !is_page || anchors(&prose(&read(path))).contains(anchor))
}

#[test]
fn anchors_are_those_that_github_makes() {
    let text = "# What `s3:ListBucket` is *for*\n## 📦 Layers, many\n## Same\n## Same\n### [A link](b.md#c) & <b>more</b> ##\n#no\n\
        <a id=\"own\"></a>\n## snake_case – dash\n";
    let wanted =
        ["-layers-many", "a-link--more", "own", "same", "same-1", "snake_case--dash", "what-s3listbucket-is-for"];
    assert_eq!(anchors(text).into_iter().collect::<Vec<_>>(), wanted);
}

#[test]
fn links_and_pictures_of_the_documentation_lead_somewhere() {
    let (mut dead, mut seen) = (Vec::new(), 0);
    for page in files("md") {
        for target in targets(&prose(&read(&page))) {
            seen += 1;
            let (path, anchor) = resolve(&page, &target);
            if !has(&path, &anchor) {
                dead.push(format!("{page}: {target}"));
            }
        }
    }
    assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
    assert!(seen > 200, "the pattern finds nothing any more");
}

/// Messages, comments and examples name pages of the documentation as `docs/iam.md#publishing`.
#[test]
fn pages_that_other_files_name_exist() {
    let name = pattern(r"(?:^|[^\w/.:-])(?:\.\./)*(docs/[\w.-]+\.md|SECURITY\.md|CONTRIBUTING\.md)(#[\w-]+)?");
    let (mut dead, mut seen) = (Vec::new(), 0);
    for file in ["rs", "yml", "py", "sh", "mjs", "toml"].iter().flat_map(|extension| files(extension)) {
        for found in name.captures_iter(&read(&file)) {
            seen += 1;
            let anchor = found.get(2).map_or("", |anchor| anchor.as_str().trim_start_matches('#'));
            if !has(Utf8Path::new(&found[1]), anchor) {
                dead.push(format!("{file}: {}", &found[0]));
            }
        }
    }
    assert!(dead.is_empty(), "pages that do not exist:\n{}", dead.join("\n"));
    assert!(seen > 10, "the pattern finds nothing any more");
}

/// From `docs/README.md` each page is some clicks away.
#[test]
fn each_page_can_be_reached_from_the_index() {
    let index = Utf8PathBuf::from("docs/README.md");
    let (mut reached, mut next) = (BTreeSet::from([index.clone()]), vec![index]);
    while let Some(page) = next.pop() {
        let of_page = targets(&prose(&read(&page))).into_iter().map(|target| resolve(&page, &target).0);
        for path in of_page.filter(|path| path.extension() == Some("md") && root().join(path).exists()) {
            if reached.insert(path.clone()) {
                next.push(path);
            }
        }
    }
    let lost: Vec<Utf8PathBuf> =
        files("md").into_iter().filter(|page| page.starts_with("docs") && !reached.contains(page)).collect();
    assert!(lost.is_empty(), "no link leads from docs/README.md to {lost:?}");
}
