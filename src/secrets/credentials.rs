//! All credentials in the environment of a run: the tools' own variables, URLs in any variable, and the files in which
//! pip, curl and git look for passwords.
//!
//! They are collected so that they can be hidden and searched for, whether or not the run uses them.

use std::ffi::OsString;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use camino::{Utf8Path, Utf8PathBuf};

use crate::environment::{Environment, pip_configuration};
use crate::facts;
use crate::secrets::{SecretUrl, Secrets};

/// Variables whose value is a secret whatever it looks like, by what their names begin and end with.
const SECRETS: &[(&str, &str)] = &[
    ("UV_INDEX_", "_PASSWORD"),
    ("POETRY_HTTP_BASIC_", "_PASSWORD"),
    ("POETRY_PYPI_TOKEN_", ""),
    ("UV_PUBLISH_", "TOKEN"),
    ("UV_PUBLISH_", "PASSWORD"),
    ("PDM_PUBLISH_", "PASSWORD"),
    ("TWINE_", "PASSWORD"),
    ("ACTIONS_", "_TOKEN"),
    ("AWS_", "SECRET_ACCESS_KEY"),
    ("AWS_", "_TOKEN"),
    ("CODEARTIFACT_", "_TOKEN"),
    ("GITHUB_", "TOKEN"),
    ("GH_", "TOKEN"),
];
/// How the names of other variables begin whose URLs are for the tools that run here, or for this program. What the URLs of
/// all others are for nobody knows.
const TOOLS: &[&str] = &["INPUT_", "GIT_", "GITHUB_", "ACTIONS_", "AWS_", "CODEARTIFACT_", "TWINE_"];
/// Name endings of other variables whose value is a credential if it looks like one.
const LIKELY_SECRETS: &[&str] = &["TOKEN", "PASSWORD", "PASSWD", "SECRET", "API_KEY", "APIKEY", "_PAT"];
/// From the home: files in which URLs have passwords. pip has more places for its own.
const FILES_WITH_URLS: &[&str] = &[".git-credentials", ".config/git/credentials", ".config/uv/uv.toml"];

/// Also from the arguments, which may have URLs.
///
/// A file that cannot be read is skipped: no tool can use it either.
pub fn of(environment: &Environment, arguments: &[OsString]) -> Secrets {
    let mut secrets = Secrets::default();
    for argument in arguments {
        secrets.add_urls_in(&argument.to_string_lossy());
    }
    for (name, value) in environment.variables() {
        if is_of_tools(name) {
            secrets.add_urls_in(value);
        } else {
            secrets.add_guesses_in(value);
        }
        let is_secret = SECRETS.iter().any(|(start, end)| name.starts_with(start) && name.ends_with(end));
        if is_secret {
            let user = name.strip_suffix("_PASSWORD").and_then(|start| environment.get(&format!("{start}_USERNAME")));
            secrets.add(user.unwrap_or_default(), value.trim());
        } else if LIKELY_SECRETS.iter().any(|end| name.to_uppercase().ends_with(end)) && looks_secret(value) {
            secrets.add_guess("", value.trim());
        }
        add_header(&mut secrets, value);
    }
    let files = FILES_WITH_URLS.iter().filter_map(|name| Some(home(environment)?.join(name)));
    for file in files.chain(named(environment, "UV_CONFIG_FILE")).chain(pip_configuration::files(environment)) {
        secrets.add_urls_in(&read(&file));
    }
    for (user, password) in stored_by_uv(environment) {
        secrets.add(&user, &password);
    }
    let netrc = named(environment, "NETRC").or_else(|| Some(home(environment)?.join(".netrc")));
    for (user, password) in netrc.iter().flat_map(|file| netrc_passwords(&read(file))) {
        secrets.add(&user, &password);
    }
    secrets
}

fn is_of_tools(variable: &str) -> bool {
    let families = facts::installer_variables().families.iter().map(String::as_str);
    let mut beginnings = families.chain(TOOLS.iter().copied());
    beginnings.any(|beginning| variable.starts_with(beginning)) || variable.to_uppercase().ends_with("_PROXY")
}

/// The index with the user and password that are given for its name, unless its URL has some.
pub fn with_own(index: SecretUrl, environment: &Environment) -> SecretUrl {
    match index.name().and_then(|name| of_index(name, environment)) {
        Some((user, password)) => index.with_credentials(&user, &password),
        None => index,
    }
}

/// User and password of an index by its name, as the variables of uv and of Poetry have them.
pub fn of_index(name: &str, environment: &Environment) -> Option<(String, String)> {
    PREFIXES.iter().find_map(|prefix| {
        let [user, password] = variables_of(prefix, name).map(|variable| environment.get(&variable));
        user.or(password)?;
        Some((user.unwrap_or_default().to_owned(), password.unwrap_or_default().to_owned()))
    })
}

/// For people whose index refused them: where its credentials were looked for, and what to do.
pub fn looked_for(index: &SecretUrl, environment: &Environment) -> (Option<String>, String) {
    let check = "check the user name, password or token of the index";
    let has_credentials = index.exposed() != index.shown();
    let Some(name) = index.name() else {
        let [user, password] = variables_of(PREFIXES[0], "acme");
        let advice =
            format!("or give the index a name, as in `acme={}`, and set `{user}` and `{password}`", index.shown());
        return (None, if has_credentials { check.to_owned() } else { format!("{check}; {advice}") });
    };
    let is_set = |variable: &String| environment.get(variable).is_some();
    let used = PREFIXES.into_iter().find(|prefix| variables_of(prefix, name).iter().any(is_set));
    let [user, password] = variables_of(used.unwrap_or(PREFIXES[0]), name);
    let state = |variable: &String| if is_set(variable) { "set" } else { "not set" };
    let cause = format!("`{user}` is {} and `{password}` is {}", state(&user), state(&password));
    match (used, has_credentials) {
        (None, true) => (Some(format!("{cause}; the index's URL contains credentials")), check.to_owned()),
        (None, false) => (Some(cause), format!("{check}; or set `{user}` and `{password}` in `env`")),
        (Some(_), _) => (Some(cause), check.to_owned()),
    }
}

/// How the names of variables begin that have credentials of an index.
const PREFIXES: [&str; 2] = ["UV_INDEX", "POETRY_HTTP_BASIC"];

/// Those for user and password of an index.
fn variables_of(prefix: &str, name: &str) -> [String; 2] {
    let name = name.to_uppercase().replace(|character: char| !character.is_ascii_alphanumeric(), "_");
    ["USERNAME", "PASSWORD"].map(|end| format!("{prefix}_{name}_{end}"))
}

/// `GIT_CONFIG_VALUE_0=Authorization: Basic …`
fn add_header(secrets: &mut Secrets, value: &str) {
    let Some((_, header)) = value.split_once("uthorization:") else { return };
    let (scheme, written) = header.trim().split_once(' ').unwrap_or(("", header.trim()));
    secrets.add("", written);
    let pair = STANDARD.decode(written).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    if let Some((user, password)) =
        pair.as_deref().filter(|_| scheme.eq_ignore_ascii_case("basic")).and_then(|pair| pair.split_once(':'))
    {
        secrets.add(user, password);
    }
}

/// Not a word, a path, a switch or a number.
fn looks_secret(value: &str) -> bool {
    let value = value.trim();
    let has = |kind: fn(&u8) -> bool| value.bytes().any(|byte| kind(&byte));
    let is_word = !has(u8::is_ascii_digit) || !has(u8::is_ascii_alphabetic);
    value.len() >= 8
        && !value.contains(char::is_whitespace)
        && !value.starts_with(['/', '.'])
        && (!is_word || value.len() >= 20)
}

fn home(environment: &Environment) -> Option<&Utf8Path> {
    environment.get("HOME").map(Utf8Path::new)
}

fn named(environment: &Environment, variable: &str) -> Option<Utf8PathBuf> {
    environment.get(variable).map(|path| environment.current_directory.join(path))
}

fn read(file: &Utf8Path) -> String {
    fs_err::read(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// Users and passwords that `uv auth login` keeps (<https://docs.astral.sh/uv/concepts/authentication/cli/>).
fn stored_by_uv(environment: &Environment) -> Vec<(String, String)> {
    let of_user = || Some(home(environment)?.join(".local/share"));
    let data = || named(environment, "XDG_DATA_HOME").or_else(of_user).map(|data| data.join("uv/credentials"));
    let Some(folder) = named(environment, "UV_CREDENTIALS_DIR").or_else(data) else { return Vec::new() };
    let table = read(&folder.join("credentials.toml")).parse::<toml::Table>().unwrap_or_default();
    let stored = table.get("credential").and_then(toml::Value::as_array).into_iter().flatten();
    let text = |value: &toml::Value, name: &str| value.get(name).and_then(toml::Value::as_str).map(str::to_owned);
    let stored = stored.flat_map(|one| {
        let user = text(one, "username").unwrap_or_default();
        let secrets = ["password", "token"].into_iter().filter_map(|name| text(one, name));
        secrets.map(|secret| (user.clone(), secret)).collect::<Vec<_>>()
    });
    stored.collect()
}

/// Users and passwords of a netrc file, as Python and curl read it.
fn netrc_passwords(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut user = String::new();
    let mut tokens = Tokens(text);
    while let Some(token) = tokens.next() {
        match token.as_str() {
            "machine" => {
                tokens.next();
                user.clear();
            }
            "default" => user.clear(),
            "login" | "user" => user = tokens.next().unwrap_or_default(),
            "password" => found.extend(tokens.next().map(|password| (user.clone(), password))),
            "account" => drop(tokens.next()),
            // A macro ends at the first empty line.
            "macdef" => tokens.0 = tokens.0.split_once("\n\n").map_or("", |(_, rest)| rest),
            comment if comment.starts_with('#') => tokens.0 = tokens.0.split_once('\n').map_or("", |(_, rest)| rest),
            _ => {}
        }
    }
    found
}

/// Words of a netrc file: between white space, or quoted; a backslash takes the next character as it is.
struct Tokens<'a>(&'a str);

impl Iterator for Tokens<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let text = self.0.trim_start();
        let is_quoted = text.starts_with('"');
        let mut token = String::new();
        let mut characters = text.char_indices().skip(usize::from(is_quoted));
        let mut end = text.len();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' if is_quoted => {
                    end = at + 1;
                    break;
                }
                '\\' => token.extend(characters.next().map(|(_, character)| character)),
                character if character.is_whitespace() && !is_quoted => {
                    end = at;
                    break;
                }
                character => token.push(character),
            }
        }
        self.0 = &text[end..];
        (!text.is_empty()).then_some(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(variables: &[(&str, &str)], text: &str) -> String {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        of(&Environment::new(variables.collect(), Utf8PathBuf::from("/")), &[]).redact(text)
    }

    #[test]
    fn variables_of_the_tools_hold_credentials() {
        let variables = [
            ("UV_INDEX_PRIVATE_USERNAME", "reader"),
            ("UV_INDEX_PRIVATE_PASSWORD", "first"),
            ("POETRY_HTTP_BASIC_CORP_PASSWORD", "second"),
            ("POETRY_PYPI_TOKEN_CORP", "third"),
            ("PIP_EXTRA_INDEX_URL", "https://a:fourth@host/simple https://b:fifth@host/simple"),
            ("HTTPS_PROXY", "http://c:sixth@proxy:3128"),
            ("AWS_SECRET_ACCESS_KEY", "seventh"),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "eighth"),
            ("GITHUB_TOKEN", "ninth"),
            ("GIT_CONFIG_KEY_0", "url.https://d:tenth@github.com/.insteadOf"),
            ("GIT_CONFIG_VALUE_1", "Authorization: Basic eC1hY2Nlc3MtdG9rZW46ZWxldmVudGg="),
            ("NEXUS_PASSWORD", "twelfth-12"),
        ];
        for word in [
            "first",
            "second",
            "third",
            "fourth",
            "fifth",
            "sixth",
            "seventh",
            "eighth",
            "ninth",
            "tenth",
            "eleventh",
            "twelfth-12",
        ] {
            assert_eq!(hidden(&variables, word), "***", "{word}");
        }
        assert_eq!(hidden(&variables, "eC1hY2Nlc3MtdG9rZW46ZWxldmVudGg= reader"), "*** reader");
    }

    #[test]
    fn other_variables_hold_none() {
        let variables = [
            ("USE_TOKEN", "true"),
            ("MYSQL_PASSWORD", "root"),
            ("VAULT_TOKEN", "/run/secrets/vault1"),
            ("SSH_AUTH_SOCK", "/tmp/agent.12"),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "/tmp/token-file-1"),
            ("HOMEPAGE", "https://host/~me@work"),
            ("AWS_ACCESS_KEY_ID", "AKIA123456789012"),
        ];
        let text =
            "true root /run/secrets/vault1 /tmp/agent.12 /tmp/token-file-1 https://host/~me@work AKIA123456789012";
        assert_eq!(hidden(&variables, text), text);
    }

    #[test]
    fn netrc_is_read_as_the_tools_do() {
        let text = "# machine x password commented\nmachine host login me password \"a \\\"b\\\" c\"\nmacdef init\npassword in-macro\n\n\
            machine other\n\tlogin you\n\tpassword #1#x\n\taccount a\ndefault login anonymous password back\\ slash\n";
        let found = netrc_passwords(text);
        let found: Vec<(&str, &str)> =
            found.iter().map(|(user, password)| (user.as_str(), password.as_str())).collect();
        assert_eq!(found, [("me", "a \"b\" c"), ("you", "#1#x"), ("anonymous", "back slash")]);
    }

    #[test]
    fn files_that_hold_passwords_are_read() {
        let folder = tempfile::tempdir().expect("can be made");
        let home = Utf8Path::from_path(folder.path()).expect("is UTF-8");
        fs_err::write(home.join(".netrc"), "machine host login me password from-netrc").expect("can be written");
        fs_err::write(home.join(".git-credentials"), "https://me:from-git@host\n").expect("can be written");
        fs_err::write(home.join("pip.conf"), "[global]\nindex-url = https://me:from-pip@host/simple\n")
            .expect("can be written");
        fs_err::create_dir_all(home.join(".local/share/uv/credentials")).expect("can be made");
        let stored = "[[credential]]\nservice = \"https://host/\"\nusername = \"me\"\nscheme = \"basic\"\npassword = \"from-store\"\n";
        fs_err::write(home.join(".local/share/uv/credentials/credentials.toml"), stored).expect("can be written");
        fs_err::create_dir_all(home.join(".config/uv")).expect("can be made");
        fs_err::write(home.join(".config/uv/uv.toml"), "index-url = \"https://me:from-uv@host/simple\"\n")
            .expect("can be written");
        let variables = [("HOME", home.as_str()), ("PIP_CONFIG_FILE", home.join("pip.conf").as_str())]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let secrets = of(&Environment::new(variables.into(), home.to_owned()), &[]);
        assert_eq!(secrets.redact("from-netrc from-git from-pip from-store from-uv"), "*** *** *** *** ***");
    }
}
