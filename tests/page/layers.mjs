// Layers for the pages: a small real one in two versions, a very large one, and one with names that are none.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

import { FOLDER } from "./browser.mjs";

const PROGRAM = resolve("target/debug/lambda-layer");

function workspace(name) {
  const folder = join(FOLDER, "work", name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, ".git"), { recursive: true });
  return folder;
}

// Gives the page's path. The program may refuse a layer; it writes the page all the same.
function run(folder, ...options) {
  // No more of the machine than what a package index needs.
  const isPassed = (name) => /^(PATH|HOME|SSL_CERT_(FILE|DIR)|PIP_.*|.*_proxy)$/i.test(name);
  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => isPassed(name)));
  environment.XDG_CACHE_HOME = join(FOLDER, "cache");
  const page = join(folder, "out", "page.html");
  try {
    execFileSync(PROGRAM, [...options, "--python-version", "3.13", "--report", page], { cwd: folder, env: environment, stdio: "pipe" });
  } catch (error) {
    if (error.status !== 1) throw new Error(`${error.stdout}${error.stderr}`);
  }
  return page;
}

function write(folder, path, bytes) {
  const place = join(folder, path);
  mkdirSync(dirname(place), { recursive: true });
  writeFileSync(place, bytes);
}

// The second version of a layer, published into a folder.
export function published() {
  const folder = workspace("published");
  const publish = (requirements) => {
    write(folder, "requirements.txt", requirements);
    return run(folder, "publish", "--layer-name", "shared", "--bytecode", "none", "--smoke-test", "off");
  };
  publish("PyYAML==6.0.2\nrequests==2.32.3\nsix==1.17.0\n");
  return publish("PyYAML==6.0.3\nrequests==2.32.3\nSQLAlchemy==2.0.44\n");
}

// The page of `usage`. A folder has no functions, so they are put into its data: 500, in the form that the program writes.
export function usage() {
  const folder = workspace("usage");
  write(folder, "requirements.txt", "six==1.17.0\n");
  run(folder, "publish", "--layer-name", "shared", "--bytecode", "none", "--smoke-test", "off");
  const page = run(folder, "usage", "--layer-name", "shared", "--registry", ".lambda-layers");
  const text = readFileSync(page, "utf8");
  const [, json] = /id="data">(.*?)<\/script>/s.exec(text);
  const data = JSON.parse(json);
  const counts = [310, 150, 40];
  data.verdict = "in use";
  data.reason = "500 functions use it; 190 functions do not use the current version";
  Object.assign(data.usage, {
    summary: data.reason,
    unread: ["the functions in us-east-1 could not be read: lambda:ListFunctions failed for `*`: AccessDeniedException"],
    versions: { more: 0, rows: [
      ["eu-west-1", 9, "current", "2026-11-26", "3 days", 21705523, ["production"], "none", `${counts[0]} functions`],
      ["eu-west-1", 7, "outdated", "2026-10-19", "41 days", 21600123, ["</script><b>x", "blue"], "1 high, 2 medium", `${counts[1]} functions`],
      ["eu-west-1", 2, "deleted", "", "", null, [], "unknown", `${counts[2]} functions`],
      ["us-east-1", 6, "current", "2026-11-26", "3 days", 21705523, [], "none", "functions not read"],
    ] },
    functions: { more: 7, rows: counts.flatMap((count, index) => Array.from({ length: count }, (_, number) => [`team-${number % 7}-service-${index}-${number}`, number % 3 === 0 ? "$LATEST, 3, 4" : "$LATEST", true, index])) },
    parameters: { more: 0, rows: [["/layers/shared/</script>", 0]] },
    unused: "14 older versions are not in use",
  });
  writeFileSync(page, text.replace(json, () => JSON.stringify(data).replaceAll("<", "\\u003c")));
  return page;
}

// In a zip: to make and remove so many files takes a minute on a busy disk.
const ZIP = `
import json, sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED, compresslevel=1) as layer:
    for name, text in json.load(sys.stdin).items():
        layer.writestr(name, text)
`;

// 40 packages of 500 files; sizes as they are in the world: most are small, a few are large.
export function large() {
  const folder = workspace("large");
  let seed = 7;
  const random = () => { seed = (seed * 48271) % 2147483647; return seed / 2147483647; };
  const endings = [".py", ".py", ".pyc", ".json", ".dat"];
  const folders = ["", "core/", "core/internal/", "util/", "data/tables/"];
  const files = {};
  for (let row = 0; row < 40; row += 1) {
    const [module, info] = [`package_${row}`, `package_${row}-1.${row}.dist-info`];
    const paths = Array.from({ length: 500 }, (_, index) => `${module}/${folders[index % 5]}module_${index}${endings[Math.floor(random() * 5)]}`);
    for (const path of paths) files[`python/${path}`] = "x".repeat(Math.min(200000, Math.floor(60 / random())));
    files[`python/${info}/METADATA`] = `Metadata-Version: 2.1\nName: package-${row}\nVersion: 1.${row}\n\n`;
    files[`python/${info}/RECORD`] = [...paths, `${info}/METADATA`, `${info}/RECORD`].map((path) => `${path},,\n`).join("");
  }
  execFileSync("python3", ["-c", ZIP, join(folder, "layer.zip")], { input: JSON.stringify(files) });
  return run(folder, "audit", "layer.zip", "--fail-on", "never", "--vulnerabilities", "off");
}

export const HOSTILE = ["</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>.py", "a\u202egpj.exe", "`code` **bold** ::error::", "🦀 名前.py", "x".repeat(250), "{{data}}", "%0A::set-output"];

export function hostile() {
  const folder = workspace("hostile");
  const paths = HOSTILE.map((name) => `evil/${name}`).filter((path) => !path.includes("</"));
  for (const path of paths) write(folder, `layer/python/${path}`, "x = 1\n");
  // A name with a slash in it is a folder and a file.
  write(folder, `layer/python/evil/${HOSTILE[0]}`, "x = 1\n");
  write(folder, "layer/python/evil/broken</script>.so", "x");
  write(folder, `layer/python/evil/${"deep/".repeat(300)}end.py`, "x = 1\n");
  write(folder, "layer/python/evil-1.0.dist-info/METADATA", `Metadata-Version: 2.1\nName: evil\nVersion: <b onclick=alert(1)>${"9".repeat(10000)}\nLicense: <script>\n\n`);
  return run(folder, "audit", "layer", "--vulnerabilities", "off");
}
