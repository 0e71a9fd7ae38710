//! The cache of finished files: it saves work, and never changes a layer.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};

use crate::harness::{Outcome, Run, Sandbox, tools};
use crate::packages::{wheel_of, wheel_with};
use crate::pypi::PasswordIndex;

/// With their hashes, which always stand for the same files.
const LOCKED: &str = "\
six==1.17.0 --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274
idna==3.10 --hash=sha256:946d195a0d259cbba61165e88e65941f16e9b36ea6ddb97f00452bae8b1287d3
";

/// A build with bytecode and imports.
fn build(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    let python = tools().python_version();
    let run = sandbox.run(&["build", "--output", "layer.zip", "--python-version", &python]);
    let defaults = [["--bytecode", "auto"], ["--smoke-test", "auto"]];
    let defaults = defaults.into_iter().filter(|[option, _]| !arguments.contains(option));
    run.args(&defaults.collect::<Vec<_>>().concat()).args(arguments)
}

/// The bytes of the layer that a run built, with what was said.
#[track_caller]
fn layer(sandbox: &Sandbox, run: Run) -> (Vec<u8>, Outcome) {
    let outcome = run.run().success();
    (fs_err::read(sandbox.path("layer.zip")).expect("is there"), outcome)
}

fn cache(sandbox: &Sandbox) -> Utf8PathBuf {
    sandbox.root().join("layer-cache")
}

fn packs(cache: &Utf8Path) -> Vec<Utf8PathBuf> {
    let entries = cache.join("packs").read_dir_utf8().into_iter().flatten();
    let mut packs: Vec<_> = entries.map(|entry| entry.expect("is readable").into_path()).collect();
    packs.sort();
    packs
}

/// Loses or damages a part of a cache: each file in another way.
pub(crate) fn damage(cache: &Utf8Path) {
    for (number, pack) in packs(cache).into_iter().enumerate() {
        let mut bytes = fs_err::read(&pack).expect("is there");
        if bytes.len() < 100 {
            continue;
        }
        let middle = bytes.len() / 2;
        match number % 5 {
            // In the streams, or in the index of a small one.
            0 => bytes.iter_mut().rev().skip(5).take(4).for_each(|byte| *byte ^= 0x55),
            1 => bytes.truncate(middle),
            2 => bytes[60] ^= 1,
            3 => bytes.clear(),
            _ => {
                fs_err::remove_file(&pack).expect("can be removed");
                continue;
            }
        }
        fs_err::write(&pack, bytes).expect("can be written");
    }
}

/// The lines that warn of a cache.
fn warnings(outcome: &Outcome) -> Vec<&str> {
    let warnings = outcome.stderr.lines().filter(|line| line.starts_with("warning:"));
    warnings.filter(|line| line.contains("cache")).collect()
}

#[test]
fn a_second_build_starts_no_installer_compiles_nothing_and_imports_nothing() {
    let sandbox = Sandbox::with_requirements(LOCKED);
    let (first, _) = layer(&sandbox, build(&sandbox, &[]));
    let trap = sandbox.trap(&["uv", "pip"]);
    let (second, outcome) = layer(&sandbox, build(&sandbox, &[]).path_first(&trap));
    assert!(first == second);
    assert_eq!(sandbox.trapped(), "");
    let outcome = outcome.says("2 distributions for").says("all from the cache").says("from the cache), ");
    outcome.says("all of them (from the cache, because nothing that they read has changed)");
}

#[test]
fn any_cache_gives_the_same_bytes() {
    let text =
        "requests==2.32.5\npyyaml==6.0.3\ncharset-normalizer==3.4.4\nidna==3.10\nurllib3==2.5.0\ncertifi==2025.10.5\n";
    let sandbox = Sandbox::with_requirements(text);
    sandbox.write("src/app/__init__.py", "import requests\nx = 1\n");
    let variants: &[&[&str]] = &[
        &[],
        &["--bytecode", "only"],
        &["--bytecode", "none", "--slim", "none"],
        &["--slim", "max"],
        &["--slim", "max", "--strip", "true"],
        &["--exclude", "pyyaml"],
        &["--layout", "site-packages"],
        &["--source", "src", "--exclude-files", "requests/certs.py"],
        &["--installer", "pip"],
    ];
    let mut expected = Vec::new();
    for variant in variants {
        let run =
            build(&sandbox, variant).env("LAMBDA_LAYER_CACHE_DIR", sandbox.root().join("none").join(variant.concat()));
        expected.push(layer(&sandbox, run).0);
    }
    // Each build finds what the others left, first in this order, then in the other, then in ruins.
    for round in ["forwards", "backwards", "damaged"] {
        let mut order: Vec<usize> = (0..variants.len()).collect();
        if round == "backwards" {
            order.reverse();
        }
        for index in order {
            if round == "damaged" {
                damage(&cache(&sandbox));
            }
            let (bytes, outcome) = layer(&sandbox, build(&sandbox, variants[index]));
            assert!(bytes == expected[index], "{round}: {:?}\n{}", variants[index], outcome.stderr);
            assert!(warnings(&outcome).len() <= 1, "{round}: {:?}\n{}", variants[index], outcome.stderr);
        }
    }
}

#[test]
fn a_new_version_of_one_costs_that_one() {
    let sandbox = Sandbox::with_requirements(LOCKED);
    layer(&sandbox, build(&sandbox, &[]));
    let bumped = LOCKED.replace(
        "idna==3.10 --hash=sha256:946d195a0d259cbba61165e88e65941f16e9b36ea6ddb97f00452bae8b1287d3",
        "idna==3.11 --hash=sha256:771a87f49d9defaf64091e6e6fe9c18d4833f140bd19464795bc32d966ca37ea",
    );
    sandbox.write("requirements.txt", bumped);
    let (half_warm, outcome) = layer(&sandbox, build(&sandbox, &[]));
    outcome.says("2 distributions for").says("1 of them from the cache").says("all of them (1 from the cache)");
    let (cold, _) = layer(&sandbox, build(&sandbox, &[]).env("LAMBDA_LAYER_CACHE_DIR", sandbox.root().join("other")));
    assert!(half_warm == cold);
}

#[test]
fn what_an_import_reads_decides_whether_it_is_tried_again() {
    let sandbox = Sandbox::with_requirements("user==1.0\nbase==1.0\naside==1.0\n");
    let wheels = sandbox.root().join("index");
    let requires =
        [("user-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: user\nVersion: 1.0\nRequires-Dist: base\n")];
    wheel_of(&wheels, "user", "1.0", &[("user.py", "import base\nbase.needed\n"), requires[0]]);
    wheel_with(&wheels, "base", "1.0", "needed = 1\n");
    wheel_with(&wheels, "base", "2.0", "other = 1\n");
    wheel_with(&wheels, "aside", "1.0", "x = 1\n");
    let index = PasswordIndex::start(&wheels, "me", "pass-w0rd-of-mine");
    let url = index.url_with_password();
    let run = || build(&sandbox, &["--index-url", &url]);
    let (_, outcome) = layer(&sandbox, run());
    outcome.says("Import 3 modules").says("all of them");
    sandbox.write("requirements.txt", "user==1.0\nbase==2.0\naside==1.0\n");
    let outcome = run().run();
    // `user` was imported once, but with another `base`.
    outcome.code(1).says("`user`").says("needed");
}

#[test]
fn a_requirement_that_an_import_does_not_read_may_change() {
    let sandbox = Sandbox::with_requirements("early==1.0\nlate==1.0\n");
    let wheels = sandbox.root().join("index");
    let requires = "Metadata-Version: 2.1\nName: early\nVersion: 1.0\nRequires-Dist: late\n";
    wheel_of(&wheels, "early", "1.0", &[("early.py", "x = 1\n"), ("early-1.0.dist-info/METADATA", requires)]);
    wheel_with(&wheels, "late", "1.0", "x = 1\n");
    wheel_with(&wheels, "late", "2.0", "x = 2\n");
    let index = PasswordIndex::start(&wheels, "me", "pass-w0rd-of-mine");
    let url = index.url_with_password();
    let run = || build(&sandbox, &["--index-url", &url]);
    layer(&sandbox, run()).1.says("Import 2 modules").says("all of them");
    sandbox.write("requirements.txt", "early==1.0\nlate==2.0\n");
    layer(&sandbox, run()).1.says("all of them (1 from the cache)");
    // The versions of two branches take turns.
    sandbox.write("requirements.txt", "early==1.0\nlate==1.0\n");
    layer(&sandbox, run()).1.says("all of them (from the cache, because nothing that they read has changed)");
}

#[test]
fn imports_of_a_new_version_find_all_that_the_layer_has() {
    let beside = "import os\nbeside = os.path.join(os.path.dirname(__file__), 'aside.py')\n";
    let modules = [
        "import aside\n".to_owned(),
        "import importlib.util\nassert importlib.util.find_spec('aside')\n".to_owned(),
        "import importlib.metadata\nassert importlib.metadata.version('aside') == '1.0'\n".to_owned(),
        "import os\nassert 'aside.py' in os.listdir(os.path.dirname(__file__))\n".to_owned(),
        format!("{beside}try:\n    open(beside)\nexcept OSError:\n    os._exit(1)\n"),
        format!("{beside}assert os.path.exists(beside)\n"),
        // The others are not written to disk for nothing: nobody notices a module that only asks whether they are there.
        format!("{beside}print('aside is there:', os.path.exists(beside))\n"),
    ];
    let sandbox = Sandbox::with_requirements("user==0.0\naside==1.0\n");
    let wheels = sandbox.root().join("index");
    wheel_with(&wheels, "aside", "1.0", "x = 1\n");
    wheel_with(&wheels, "user", "0.0", "x = 1\n");
    for (number, module) in modules.iter().enumerate() {
        wheel_with(&wheels, "user", &format!("{}.0", number + 1), module);
    }
    let index = PasswordIndex::start(&wheels, "me", "pass-w0rd-of-mine");
    let url = index.url_with_password();
    let run = || build(&sandbox, &["--index-url", &url]).env("RUNNER_DEBUG", "1");
    layer(&sandbox, run());
    for (number, module) in modules.iter().enumerate() {
        sandbox.write("requirements.txt", format!("user=={}.0\naside==1.0\n", number + 1));
        let (_, outcome) = layer(&sandbox, run());
        let outcome = outcome.says("all of them (1 from the cache)");
        if module.contains("print") {
            outcome.says("aside is there: False");
        }
    }
}

#[test]
fn a_module_for_an_extra_that_nobody_asked_for_is_tried_once() {
    let sandbox = Sandbox::with_requirements("part==1.0\n");
    let wheels = sandbox.root().join("index");
    let extra = "Metadata-Version: 2.1\nName: part\nVersion: 1.0\nRequires-Dist: absent; extra == 'x'\n";
    let files = [("part.py", "x = 1\n"), ("part_x.py", "import absent\n"), ("part-1.0.dist-info/METADATA", extra)];
    wheel_of(&wheels, "part", "1.0", &files);
    let index = PasswordIndex::start(&wheels, "me", "pass-w0rd-of-mine");
    let url = index.url_with_password();
    let findings = |outcome: &Outcome| outcome.stderr.lines().filter(|line| line.contains("absent")).count();
    let (_, first) = layer(&sandbox, build(&sandbox, &["--index-url", &url]));
    let (_, second) = layer(&sandbox, build(&sandbox, &["--index-url", &url]));
    assert_eq!(findings(&first), findings(&second));
    second.says("from the cache, because nothing that they read has changed");
    // As soon as it is there, it is tried again.
    sandbox.write("own/absent.py", "y = 1\n");
    let (_, third) = layer(&sandbox, build(&sandbox, &["--index-url", &url, "--source", "own"]));
    third.says("Import 3 modules").says("all of them");
}

/// Makes everything that indexes said older, by so many seconds.
fn make_older(cache: &Utf8Path, seconds: u64) {
    for entry in cache.join("wheels").read_dir_utf8().expect("is there") {
        let path = entry.expect("is readable").into_path();
        let text = fs_err::read_to_string(&path).expect("is text");
        let (_, value) = text.split_once('\n').expect("has a checksum");
        let mut value: serde_json::Value = serde_json::from_str(value).expect("is JSON");
        value["at"] = (value["at"].as_u64().expect("is a time") - seconds).into();
        let value = value.to_string();
        let sum = lambda_layer::types::Digest::of(value.as_bytes()).hex();
        fs_err::write(&path, format!("{sum}\n{value}")).expect("can be written");
    }
}

#[test]
fn what_pypi_said_is_believed_for_ten_minutes_and_asked_again_once() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\nidna==3.10\n");
    let asks = || {
        let (_, outcome) = layer(&sandbox, build(&sandbox, &["--bytecode", "none", "--smoke-test", "off"]));
        outcome.stderr.contains("Install with uv")
    };
    assert!(asks(), "nothing is known yet");
    for _ in 0..2 {
        make_older(&cache(&sandbox), 200);
        assert!(!asks(), "it is still believed");
    }
    make_older(&cache(&sandbox), 250);
    assert!(asks(), "builds that took it from the cache have not made it newer");
    assert!(!asks(), "the answer is new");
}

#[test]
fn an_index_may_replace_a_wheel() {
    let sandbox = Sandbox::with_requirements("alpha==1.0\n");
    let wheels = sandbox.root().join("index");
    wheel_with(&wheels, "alpha", "1.0", "which = 'old'\n");
    let index = PasswordIndex::start(&wheels, "me", "pass-w0rd-of-mine");
    let url = index.url_with_password();
    let run = || build(&sandbox, &["--index-url", &url, "--bytecode", "none"]);
    let (old, _) = layer(&sandbox, run());
    wheel_with(&wheels, "alpha", "1.0", "which = 'new'\n");
    let (new, _) = layer(&sandbox, run().env("UV_CACHE_DIR", sandbox.root().join("uv")));
    assert!(old != new, "the old wheel is in the layer");
    let (cold, _) = layer(&sandbox, run().env("UV_CACHE_DIR", sandbox.root().join("uv-2")).unset("XDG_CACHE_HOME"));
    assert!(new == cold);
}

#[test]
fn a_locked_set_that_uv_knows_is_installed_without_an_index() {
    let sandbox = Sandbox::with_requirements(LOCKED);
    let dead = "http://127.0.0.1:9";
    let run = |own: &str, uv: &str| {
        let run = build(&sandbox, &[]).env("UV_CACHE_DIR", sandbox.root().join(uv)).env("UV_HTTP_RETRIES", "0");
        run.env("LAMBDA_LAYER_CACHE_DIR", sandbox.root().join(own))
    };
    let without_network = |run: Run| {
        let run = run.env("HTTPS_PROXY", dead).env("HTTP_PROXY", dead).env("ALL_PROXY", dead).env("NO_PROXY", "");
        run.env("https_proxy", dead).env("http_proxy", dead).env("all_proxy", dead).env("no_proxy", "")
    };
    without_network(run("none", "uv")).run().code(2).says("could not be reached");
    let (online, _) = layer(&sandbox, run("first", "uv"));
    let (offline, outcome) = layer(&sandbox, without_network(run("second", "uv")));
    outcome.says("Install with uv").says("2 distributions");
    assert!(offline == online);
    // The lock allows a file that uv has not heard of, and that might fit better than the others.
    let unheard = format!("{} --hash=sha256:{}\n", LOCKED.trim_end(), "0".repeat(64));
    sandbox.write("requirements.txt", unheard);
    without_network(run("third", "uv")).run().code(2).says("could not be reached");
    let (asked, _) = layer(&sandbox, run("third", "uv"));
    assert!(asked == online);
    // One of the two is in the cache of finished files, and the other one is in uv's.
    sandbox.write("requirements.txt", LOCKED.lines().next().expect("has two"));
    layer(&sandbox, run("fourth", "uv"));
    sandbox.write("requirements.txt", LOCKED);
    let (rest, outcome) = layer(&sandbox, without_network(run("fourth", "uv")));
    outcome.says("2 distributions").says("1 of them from the cache");
    assert!(rest == online);
}

#[test]
fn this_runs_secrets_are_searched_for_in_files_of_earlier_runs() {
    let sandbox = Sandbox::with_requirements("alpha==1.0\n");
    let wheels = sandbox.root().join("index");
    wheel_with(&wheels, "alpha", "1.0", "x = 'Zx81-spectrum-48k'\n");
    let index = PasswordIndex::start(&wheels, "me", "pass-w0rd-of-mine");
    let url = index.url_with_password();
    let run = || build(&sandbox, &["--index-url", &url, "--bytecode", "none", "--smoke-test", "off"]);
    layer(&sandbox, run());
    let outcome = run().env("UV_INDEX_OTHER_PASSWORD", "Zx81-spectrum-48k").env("UV_INDEX_OTHER_USERNAME", "me").run();
    outcome.code(1).says("python/alpha.py").says("secret");
}

#[test]
fn a_cache_that_others_can_write_is_not_read() {
    let sandbox = Sandbox::with_requirements(LOCKED);
    let (expected, _) = layer(&sandbox, build(&sandbox, &[]));
    let place = cache(&sandbox);
    let check = |what: &str| {
        let (bytes, outcome) = layer(&sandbox, build(&sandbox, &[]));
        assert!(bytes == expected, "{what}");
        assert!(!outcome.stderr.contains("from the cache"), "{what}\n{}", outcome.stderr);
        assert_eq!(warnings(&outcome).len(), 1, "{what}\n{}", outcome.stderr);
        outcome.says("is not used as a cache")
    };
    let mode = |mode| fs_err::set_permissions(&place, std::fs::Permissions::from_mode(mode)).expect("can be changed");
    mode(0o777);
    check("everybody can write").says("others can write to it (mode 777)");
    mode(0o755);
    let moved = sandbox.root().join("moved");
    fs_err::rename(&place, &moved).expect("can be moved");
    std::os::unix::fs::symlink(&moved, &place).expect("can be made");
    check("a link").says("it is a link");
    fs_err::remove_file(&place).expect("can be removed");
    fs_err::write(&place, "").expect("can be written");
    check("a file").says("it is not a folder");
    fs_err::remove_file(&place).expect("can be removed");
    fs_err::rename(&moved, &place).expect("can be moved");
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&place, Some(4711), None).expect("can be changed");
        check("of somebody else").says("it belongs to user 4711");
        // The runner's user restores caches, and owns the workspace.
        std::os::unix::fs::chown(sandbox.path(""), Some(4711), None).expect("can be changed");
        let run = build(&sandbox, &[]).env("GITHUB_ACTIONS", "true").env("GITHUB_WORKSPACE", sandbox.path(""));
        layer(&sandbox, run).1.says("all from the cache");
    } else {
        crate::harness::skipped("only root can give a folder to somebody else");
    }
}

#[test]
fn no_home_and_no_room_are_no_reason_to_fail() {
    let sandbox = Sandbox::with_requirements(LOCKED);
    let (expected, _) = layer(&sandbox, build(&sandbox, &[]));
    let without = |name: &str| build(&sandbox, &[]).unset("LAMBDA_LAYER_CACHE_DIR").unset("XDG_CACHE_HOME").unset(name);
    let (bytes, outcome) = layer(&sandbox, without("HOME"));
    assert!(bytes == expected && warnings(&outcome).is_empty(), "{}", outcome.stderr);
    // A device that is always full, where the folder of the packs should be.
    let place = sandbox.root().join("full");
    fs_err::create_dir(&place).expect("can be made");
    fs_err::write(place.join("packs"), "").expect("can be written");
    let (bytes, outcome) = layer(&sandbox, build(&sandbox, &[]).env("LAMBDA_LAYER_CACHE_DIR", &place));
    assert!(bytes == expected);
    assert_eq!(warnings(&outcome).len(), 1, "{}", outcome.stderr);
    outcome.says("nothing more is kept in the cache");
    let (bytes, outcome) = layer(&sandbox, build(&sandbox, &[]).env("UV_NO_CACHE", "1"));
    assert!(bytes == expected && !outcome.stderr.contains("from the cache"));
}

#[test]
fn a_full_disk_costs_the_cache_and_nothing_else() {
    let sandbox = Sandbox::with_requirements(LOCKED);
    let (expected, _) = layer(&sandbox, build(&sandbox, &[]));
    let place = sandbox.root().join("small-disk");
    fs_err::create_dir(&place).expect("can be made");
    let mount = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=40k,mode=755", "tmpfs", place.as_str()])
        .output();
    if !mount.is_ok_and(|done| done.status.success()) {
        return crate::harness::skipped("only root can mount a small disk");
    }
    let run = || build(&sandbox, &[]).env("LAMBDA_LAYER_CACHE_DIR", &place);
    let (first, second) = (layer(&sandbox, run()), layer(&sandbox, run()));
    let unmounted = std::process::Command::new("umount").arg(&place).status().expect("can be started");
    assert!(unmounted.success());
    for (bytes, outcome) in [first, second] {
        assert!(bytes == expected);
        assert_eq!(warnings(&outcome).len(), 1, "{}", outcome.stderr);
        outcome.says("No space left on device");
    }
}

#[test]
fn what_another_version_of_the_program_kept_stays_its_own() {
    let sandbox = Sandbox::with_requirements(LOCKED);
    let (expected, _) = layer(&sandbox, build(&sandbox, &[]));
    for pack in packs(&cache(&sandbox)) {
        let other = pack.as_str().replace(&pack.as_str()[pack.as_str().len() - 21..], "0123456789abcdef.pack");
        fs_err::rename(&pack, other).expect("can be renamed");
    }
    let (bytes, outcome) = layer(&sandbox, build(&sandbox, &[]));
    assert!(bytes == expected && warnings(&outcome).is_empty());
    assert_eq!(packs(&cache(&sandbox)).len(), 4);
}

#[test]
fn two_builds_share_a_cache_at_the_same_time() {
    let sandboxes = [Sandbox::with_requirements(LOCKED), Sandbox::with_requirements(LOCKED)];
    let shared = cache(&sandboxes[0]);
    for _ in 0..3 {
        let runs =
            sandboxes.each_ref().map(|sandbox| build(sandbox, &[]).env("LAMBDA_LAYER_CACHE_DIR", &shared).start());
        let outcomes = runs.map(|run| run.wait().success());
        assert!(outcomes.iter().all(|outcome| warnings(outcome).is_empty()));
        let zips = sandboxes.each_ref().map(|sandbox| fs_err::read(sandbox.path("layer.zip")).expect("is there"));
        assert!(zips[0] == zips[1]);
        fs_err::remove_file(&packs(&shared)[0]).expect("can be removed");
    }
}

#[test]
fn every_file_can_be_checked() {
    let sandbox = Sandbox::with_requirements(LOCKED);
    let (expected, _) = layer(&sandbox, build(&sandbox, &[]));
    let (bytes, outcome) = layer(&sandbox, build(&sandbox, &["--verify-cache", "true"]));
    assert!(bytes == expected);
    outcome.says("all from the cache");
    // Another content, made to look right to all quick checks: that takes somebody who wants to.
    forge(&packs(&cache(&sandbox)));
    let (forged, _) = layer(&sandbox, build(&sandbox, &[]));
    assert!(forged != expected, "the forgery is none");
    forge(&packs(&cache(&sandbox)));
    let (bytes, outcome) = layer(&sandbox, build(&sandbox, &["--verify-cache", "true"]));
    assert!(bytes == expected);
    outcome.says("the cache is damaged");
}

/// Gives a file of a distribution another content: bytes, sums and index fit together, but not the digest.
fn forge(packs: &[Utf8PathBuf]) {
    use sha2::{Digest as _, Sha256};
    for pack in packs {
        let bytes = fs_err::read(pack).expect("is there");
        let length =
            usize::try_from(u64::from_le_bytes(bytes[8..16].try_into().expect("is long enough"))).expect("fits");
        let mut index: serde_json::Value = serde_json::from_slice(&bytes[48..48 + length]).expect("is JSON");
        let mut streams = bytes[48 + length..].to_vec();
        let files = index["files"].as_array_mut().expect("is a list");
        let is_code = |file: &&mut serde_json::Value| {
            let path = file["path"].as_str().map(Utf8Path::new);
            path.and_then(Utf8Path::extension) == Some("py")
        };
        let file = files.iter_mut().find(is_code).expect("has a module");
        let size = usize::try_from(file["content"]["size"].as_u64().expect("is a number")).expect("fits");
        let text = format!("{:size$}", "import os # forged");
        let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
        let mut deflated = vec![0; compressor.deflate_compress_bound(text.len())];
        let made = compressor.deflate_compress(text.as_bytes(), &mut deflated).expect("has room");
        deflated.truncate(made);
        let stream = BTreeMap::from([
            ("offset", streams.len() as u64),
            ("length", deflated.len() as u64),
            ("crc", u64::from(libdeflater::crc32(text.as_bytes()))),
            ("check", u64::from(libdeflater::crc32(&deflated))),
        ]);
        file["content"]["stream"] = serde_json::to_value(stream).expect("is JSON");
        streams.extend(deflated);
        index["length"] = streams.len().into();
        let index = serde_json::to_vec(&index).expect("is JSON");
        let head = [&bytes[..8], &(index.len() as u64).to_le_bytes(), Sha256::digest(&index).as_slice()].concat();
        fs_err::write(pack, [head, index, streams].concat()).expect("can be written");
    }
}
