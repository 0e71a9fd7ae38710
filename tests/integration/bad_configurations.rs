//! Files that are no `lambda-layers.yml`: no text, no YAML, or more of it than is allowed.

use crate::harness::Sandbox;

#[track_caller]
pub(crate) fn refused(file: impl AsRef<[u8]>) -> String {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    sandbox.write("lambda-layers.yml", file);
    sandbox.run(&["plan"]).run().code(1).stderr
}

/// Files that are no YAML, or more of it than is allowed, each with the first line of what is said.
#[test]
#[expect(clippy::too_many_lines, reason = "one table of files, and what is said of each")]
fn what_is_no_such_file_is_refused_in_words() {
    let utf16: Vec<u8> = "\u{feff}layers:".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bare: Vec<u8> = "layers:".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let files: &[(&str, &[u8])] = &[
        ("nothing", b""),
        ("comments", b"# nothing\n\n# here\n"),
        ("a document of nothing", b"---\n"),
        ("text", b"layers"),
        ("no layers", b"defaults: {slim: safe}\n"),
        ("an empty list", b"layers: []\n"),
        ("nothing below", b"layers:\n"),
        ("UTF-16", &utf16),
        ("UTF-16 without a mark", &bare),
        ("Latin-1", b"layers:\n  a:\n    description: caf\xe9\n"),
        ("a tab", b"layers:\n\t- layer-name: a\n"),
        ("a tab further in", b"layers:\n  - layer-name: a\n\t  slim: max\n"),
        ("a key twice", b"layers:\n  - layer-name: a\n    slim: max\n    slim: safe\n"),
        ("a layer twice", b"layers:\n  a: {slim: max}\n  a: {slim: safe}\n"),
        ("an anchor", b"layers:\n  - &a {layer-name: a}\n"),
        ("an alias", b"layers:\n  - layer-name: a\n    exclude-files: *.txt\n"),
        ("a merge key", b"layers:\n  - layer-name: a\n    <<: {slim: max}\n"),
        ("a tag", b"layers:\n  - layer-name: !!str a\n"),
        ("two documents", b"layers: {a: }\n---\nlayers: {b: }\n"),
        ("a list for a value", b"layers:\n  - layer-name: a\n    slim: [max]\n"),
        ("a mapping for a value", b"layers:\n  - layer-name: {py}\n"),
        ("braces without quotes", b"layers:\n  - layer-name: {py}-web\n"),
        ("a mapping in a list", b"layers:\n  - layer-name: a\n    exclude: [{x: y}]\n"),
        ("a list in a list", b"layers:\n  - layer-name: a\n    exclude: [[x]]\n"),
        ("an open list", b"layers:\n  - layer-name: a\n    exclude: [x\n  - layer-name: b\n"),
        ("an open quote", b"layers:\n  - layer-name: 'a\n"),
        ("a colon too many", b"layers:\n  - layer-name: a: b\n"),
        ("an indentation too many", b"layers:\n  - layer-name: a\n     slim: max\n"),
        ("an indentation too few", b"layers:\n  - layer-name: a\n   slim: max\n"),
        ("a zero", b"layers:\n  - layer-name: a\0b\n"),
        ("an escaped zero", b"layers:\n  - layer-name: \"a\\0b\"\n"),
        ("an escape", b"layers:\n  - layer-name: a\n    description: \"a\x1b[31mb\"\n"),
        ("a name that Lambda does not take", b"layers:\n  - layer-name: a b\n"),
        ("a nested variable", b"environment: [A]\nlayers:\n  - layer-name: 'x${A${B}}'\n"),
        ("an open variable", b"environment: [A]\nlayers:\n  - layer-name: 'x${A'\n"),
        ("an unset variable", b"environment: [A]\nlayers:\n  - layer-name: 'x${A}'\n"),
        ("a name of no variable", b"environment: [A-B]\nlayers: {a: }\n"),
        ("the name inside and out", b"layers: {a: {layer-name: b}}\n"),
        ("a Python twice", b"layers: {'a-{py}': {python-version: [3.13, '3.13']}}\n"),
        ("a Python that YAML reads as a number", b"layers: {'a-{py}': {python-version: 3.1}}\n"),
        ("a name of all", b"defaults: {layer-name: a}\nlayers: {a: }\n"),
    ];
    let said = files.iter().map(|(what, bytes)| format!("{what}\n{}", refused(bytes)));
    insta::assert_snapshot!(said.collect::<Vec<_>>().join("\n"), @r#"
    nothing
    error: `lambda-layers.yml` is empty
    hint: remove it, then run `lambda-layer init` to create a first one

    comments
    error: `lambda-layers.yml` is empty
    hint: remove it, then run `lambda-layer init` to create a first one

    a document of nothing
    error: `lambda-layers.yml` is empty
    hint: remove it, then run `lambda-layer init` to create a first one

    text
    error: lambda-layers.yml:1:1: the file is text, but a mapping is expected
    cause:   1 | layers
    cause:     | ^^^^^^
    hint: begin the file with `layers:`, see docs/configuration.md

    no layers
    error: lambda-layers.yml:1:1: the file has no `layers`
    cause:   1 | defaults: {slim: safe}
    cause:     | ^
    hint: list at least one: `layers: [{layer-name: shared}]`

    an empty list
    error: lambda-layers.yml:1:1: `layers` is empty
    cause:   1 | layers: []
    cause:     | ^^^^^^
    hint: list at least one: `layers: [{layer-name: shared}]`

    nothing below
    error: lambda-layers.yml:1:1: `layers` is empty
    cause:   1 | layers:
    cause:     | ^^^^^^
    hint: list at least one: `layers: [{layer-name: shared}]`

    UTF-16
    error: `lambda-layers.yml` is in UTF-16
    hint: save it as UTF-8

    UTF-16 without a mark
    error: `lambda-layers.yml` is in UTF-16
    hint: save it as UTF-8

    Latin-1
    error: `lambda-layers.yml` is not valid UTF-8 (line 3)
    hint: save it as UTF-8

    a tab
    error: lambda-layers.yml:2:1: YAML does not allow tabs for indentation
    cause:   2 |  - layer-name: a
    cause:     | ^
    hint: indent with spaces

    a tab further in
    error: lambda-layers.yml:3:1: YAML does not allow tabs for indentation
    cause:   3 |    slim: max
    cause:     | ^
    hint: indent with spaces

    a key twice
    error: lambda-layers.yml:4:5: `slim` occurs twice: here and on line 3
    cause:   4 |     slim: safe
    cause:     |     ^^^^
    hint: remove one of them

    a layer twice
    error: lambda-layers.yml:3:3: `a` occurs twice: here and on line 2
    cause:   3 |   a: {slim: safe}
    cause:     |   ^
    hint: remove one of them

    an anchor
    error: lambda-layers.yml:2:5: YAML anchors and aliases are not supported
    cause:   2 |   - &a {layer-name: a}
    cause:     |     ^^^^
    hint: use `defaults` for what layers share; put a value that begins with `*` or `&` in quotes

    an alias
    error: lambda-layers.yml:3:20: YAML anchors and aliases are not supported
    cause:   3 |     exclude-files: *.txt
    cause:     |                    ^
    hint: use `defaults` for what layers share; put a value that begins with `*` or `&` in quotes

    a merge key
    error: lambda-layers.yml:3:5: YAML anchors and aliases are not supported
    cause:   3 |     <<: {slim: max}
    cause:     |     ^^
    hint: use `defaults` for what layers share; put a value that begins with `*` or `&` in quotes

    a tag
    error: lambda-layers.yml:2:17: YAML tags are not supported
    cause:   2 |   - layer-name: !!str a
    cause:     |                 ^^^^^^^
    hint: remove it, or put a value that begins with `!` in quotes

    two documents
    error: lambda-layers.yml:2:1: a second document begins here
    cause:   2 | ---
    cause:     | ^^^
    hint: remove the `---`: the file can contain only one document

    a list for a value
    error: lambda-layers.yml:3:11: `slim` is a list, but one value is expected
    cause:   3 |     slim: [max]
    cause:     |           ^
    hint: this input takes only one value: define a layer for each value

    a mapping for a value
    error: lambda-layers.yml:2:17: `layer-name` is a mapping, but a value is expected
    cause:   2 |   - layer-name: {py}
    cause:     |                 ^
    hint: put a value that begins with `{` in quotes

    braces without quotes
    error: lambda-layers.yml:2:21: there is something after a `}`
    cause:   2 |   - layer-name: {py}-web
    cause:     |                     ^
    hint: put a value that begins with `{` in quotes

    a mapping in a list
    error: lambda-layers.yml:3:15: an item of `exclude` is a mapping, but text is expected
    cause:   3 |     exclude: [{x: y}]
    cause:     |               ^
    hint: put a value that contains `: ` or begins with `{` in quotes

    a list in a list
    error: lambda-layers.yml:3:15: an item of `exclude` is a list, but text is expected
    cause:   3 |     exclude: [[x]]
    cause:     |               ^
    hint: write one list, without another list inside it

    an open list
    error: lambda-layers.yml:4:15: a `:` where no key is allowed
    cause:   4 |   - layer-name: b
    cause:     |               ^
    hint: look for a missing `]` or `}` above this line

    an open quote
    error: lambda-layers.yml:2:17: a quote that is never closed
    cause:   2 |   - layer-name: 'a
    cause:     |                 ^
    hint: add the closing quote

    a colon too many
    error: lambda-layers.yml:2:18: a `:` where no key is allowed
    cause:   2 |   - layer-name: a: b
    cause:     |                  ^
    hint: check the indentation, and put a value that contains `: ` in quotes

    an indentation too many
    error: lambda-layers.yml:3:10: a `:` where no key is allowed
    cause:   3 |      slim: max
    cause:     |          ^
    hint: check the indentation, and put a value that contains `: ` in quotes

    an indentation too few
    error: lambda-layers.yml:3:4: the indentation does not match any line above
    cause:   3 |    slim: max
    cause:     |    ^
    hint: indent all keys of a mapping by the same number of spaces

    a zero
    error: lambda-layers.yml:2:18: a control character, U+0000
    cause:   2 |   - layer-name: a�b
    cause:     |                  ^
    hint: remove it

    an escaped zero
    error: lambda-layers.yml:2:17: `layer-name` contains a control character, U+0000
    cause:   2 |   - layer-name: "a\0b"
    cause:     |                 ^^^^^^
    hint: remove it

    an escape
    error: lambda-layers.yml:3:20: a control character, U+001B
    cause:   3 |     description: "a�[31mb"
    cause:     |                    ^
    hint: remove it

    a name that Lambda does not take
    error: lambda-layers.yml:2:17: `layer-name` is `a b`, which Lambda does not accept
    cause:   2 |   - layer-name: a b
    cause:     |                 ^^^
    hint: use letters, digits, `-` and `_`

    a nested variable
    error: lambda-layers.yml:3:17: a `${` inside another one
    cause:   3 |   - layer-name: 'x${A${B}}'
    cause:     |                 ^^^^^^^^^^^
    hint: write `${NAME}`; for a literal `${`, write `$${`

    an open variable
    error: lambda-layers.yml:3:17: a `${` without a closing `}`
    cause:   3 |   - layer-name: 'x${A'
    cause:     |                 ^^^^^^
    hint: write `${NAME}`; for a literal `${`, write `$${`

    an unset variable
    error: lambda-layers.yml:3:17: the environment variable `A` is not set
    cause:   3 |   - layer-name: 'x${A}'
    cause:     |                 ^^^^^^^
    hint: set it in the `env` of the workflow, or give it a default: `environment: {A: …}`

    a name of no variable
    error: lambda-layers.yml:1:15: `A-B` is not a valid name for a variable
    cause:   1 | environment: [A-B]
    cause:     |               ^^^
    hint: use only letters, digits and `_`, and do not begin with a digit

    the name inside and out
    error: lambda-layers.yml:1:14: the layer already has a name: `a`
    cause:   1 | layers: {a: {layer-name: b}}
    cause:     |              ^^^^^^^^^^
    hint: remove one of them

    a Python twice
    error: lambda-layers.yml:1:44: `python-version` lists `3.13` twice
    cause:   1 | layers: {'a-{py}': {python-version: [3.13, '3.13']}}
    cause:     |                                            ^^^^^^
    hint: remove one of them

    a Python that YAML reads as a number
    error: lambda-layers.yml:1:37: `python-version` is `3.1`, for which there is no supported Lambda runtime
    cause:   1 | layers: {'a-{py}': {python-version: 3.1}}
    cause:     |                                     ^^^
    hint: use `3.14`, `3.13`, `3.12`, `3.11`, `3.10` or `3.9`; `3.15` is available as a preview

    a name of all
    error: lambda-layers.yml:1:12: `layer-name` cannot be a default
    cause:   1 | defaults: {layer-name: a}
    cause:     |            ^^^^^^^^^^
    hint: give each layer its own `layer-name`
    "#);
}

#[test]
fn nothing_can_make_it_large() {
    let mut laughs = "a0: &a0 [x]\n".to_owned();
    for level in 1..30 {
        let below = format!("*a{}", level - 1);
        laughs += &format!("a{level}: &a{level} [{below}, {below}, {below}]\n");
    }
    assert!(refused(laughs).contains("YAML anchors and aliases are not supported"));
    assert!(refused("[".repeat(500_000)).contains("nested too deeply"));
    assert!(refused("- ".repeat(500_000)).contains("nested too deeply"));
    assert!(refused(format!("layers: {{a: }} #{}", "x".repeat(1 << 20))).contains("is larger than 1 MB"));
}
