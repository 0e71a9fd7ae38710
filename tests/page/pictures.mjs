// Pictures for README and docs: a comment, a job summary and a report page, as the program writes them and GitHub shows them.

import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

import { FOLDER, start } from "./browser.mjs";

const require = createRequire(`${FOLDER}/`);
const sharp = require("sharp");
const { marked } = await import(require.resolve("marked"));
const stylesheet = (scheme) => readFileSync(join(FOLDER, "node_modules", "github-markdown-css", `github-markdown-${scheme}.css`), "utf8");

const PROGRAM = resolve("target/debug/lambda-layer");
const PICTURES = resolve("docs/pictures");
const REGIONS = ["eu-west-1", "us-east-1"];
const BUCKET = "acme-layers-{region}";
const LARGEST = 190_000;

// --- AWS

// What the stand-in reads of a signature.
const signed = (region, service) => ({ Authorization: `AWS4-HMAC-SHA256 Credential=testing/20260101/${region}/${service}/aws4_request, SignedHeaders=host, Signature=0` });

// The tests' stand-in for AWS, with the buckets.
async function aws() {
  const tools = readdirSync("target/test-tools").map((name) => join("target/test-tools", name, "bin"));
  const python = tools.filter((folder) => existsSync(join(folder, "moto_server"))).map((folder) => join(folder, "python3"))[0];
  if (!python) throw new Error("there is no moto: run `cargo test -- aws::` first");
  const server = spawn(python, ["-u", "tests/aws/server.py", "--port", "0"], { stdio: ["ignore", "pipe", "pipe"] });
  const lines = [server.stdout, server.stderr].map((input) => createInterface({ input }));
  const url = await new Promise((found, failed) => {
    for (const from of lines) from.on("line", (line) => { const match = /http:\/\/127\.0\.0\.1:\d+/.exec(line); if (match) found(match[0]); });
    server.on("exit", () => failed(new Error("the stand-in for AWS did not start")));
  });
  for (const region of REGIONS) {
    const place = `<CreateBucketConfiguration><LocationConstraint>${region}</LocationConstraint></CreateBucketConfiguration>`;
    const answer = await fetch(`${url}/${BUCKET.replace("{region}", region)}`, {
      method: "PUT",
      body: region === "us-east-1" ? undefined : place,
      headers: signed(region, "s3"),
    });
    if (!answer.ok) throw new Error(await answer.text());
  }
  return { url, stop: () => server.kill() };
}

// The tests' stand-in for OSV, with the advisories of the tests.
async function osv() {
  const advisories = "tests/fixtures/osv/advisories";
  const world = join(FOLDER, "osv.json");
  writeFileSync(world, JSON.stringify({ advisories: readdirSync(advisories).map((name) => JSON.parse(readFileSync(join(advisories, name), "utf8"))) }));
  const server = spawn("python3", ["tests/integration/osv_server.py", world], { stdio: ["ignore", "pipe", "inherit"] });
  const url = await new Promise((found, failed) => {
    createInterface({ input: server.stdout }).on("line", (line) => found(line.split(" ").pop()));
    server.on("exit", () => failed(new Error("the stand-in for OSV did not start")));
  });
  return { url, stop: () => server.kill() };
}

// --- Runs

function workspace(name, files) {
  const folder = join(FOLDER, "work", name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, ".git"), { recursive: true });
  write(folder, files);
  return folder;
}

function write(folder, files) {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

// The pull request that each step is for.
function event() {
  const path = join(FOLDER, "event.json");
  writeFileSync(path, JSON.stringify({ pull_request: { number: 7, head: { sha: "3f9c1d7a52be08c4d1e6f7a8b9c0d1e2f3a4b5c6" } } }));
  return path;
}

// A step of a workflow; gives its job summary and its output `comment`.
function step(folder, url, inputs, code = 0) {
  const isPassed = (name) => /^(PATH|HOME|SSL_CERT_(FILE|DIR)|PIP_.*|UV_.*|.*_proxy)$/i.test(name);
  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => isPassed(name)));
  const [outputs, summary] = ["outputs", "summary.md"].map((name) => join(folder, "..", `${name}-${process.pid}`));
  for (const file of [outputs, summary]) writeFileSync(file, "");
  Object.assign(environment, {
    XDG_CACHE_HOME: join(FOLDER, "cache"),
    GITHUB_ACTIONS: "true", CI: "true", GITHUB_OUTPUT: outputs, GITHUB_STEP_SUMMARY: summary, GITHUB_WORKSPACE: folder,
    GITHUB_SERVER_URL: "https://github.com", GITHUB_REPOSITORY: "acme/layers", GITHUB_RUN_ID: "42",
    GITHUB_ACTION_REPOSITORY: "acme/lambda-layer-action", GITHUB_ACTION_REF: "v1", GITHUB_EVENT_NAME: "pull_request", GITHUB_EVENT_PATH: event(),
    LAMBDA_LAYER_OSV_URL: known.url, AWS_ENDPOINT_URL: url, AWS_REGION: REGIONS[0], AWS_ACCESS_KEY_ID: "testing", AWS_SECRET_ACCESS_KEY: "testing",
  });
  // What is known of packages differs from day to day.
  const all = { "bucket": BUCKET, "regions": REGIONS.join("\n"), "vulnerabilities": "off", ...inputs };
  for (const [name, value] of Object.entries(all)) environment[`INPUT_${name.toUpperCase()}`] = value;
  try {
    execFileSync(PROGRAM, [], { cwd: folder, env: environment, stdio: "pipe" });
  } catch (error) {
    if (error.status !== code) throw new Error(`${error.stdout}${error.stderr}`);
  }
  const comment = /^comment<<(.*)\n([\s\S]*?)\n\1$/m.exec(readFileSync(outputs, "utf8"))?.[2] ?? "";
  return { comment, summary: readFileSync(summary, "utf8") };
}

// A layer in which packages are added, upgraded, downgraded and removed: before and after, with limits that it fits and one that
// it does not fit.
function one(url) {
  const layer = { "layer-name": "shared", "python-version": "3.13", "max-unzipped-size": "200 MB", "max-zipped-size": "50 MB" };
  const folder = workspace("one", { "requirements.txt": "requests==2.32.5\npydantic==2.11.7\nattrs==24.3.0\nurllib3==2.5.0\n" });
  const { summary } = step(folder, url, layer);
  const preview = { ...layer, command: "preview", comment: "never", "report-url": "https://github.com/acme/layers/actions/runs/42/artifacts/7" };
  const { comment: unchanged } = step(folder, url, preview);
  write(folder, { "requirements.txt": "requests==2.32.5\npydantic==2.12.5\npandas==2.3.3\nboto3==1.40.1\nurllib3==1.26.20\n" });
  const { comment } = step(folder, url, preview);
  const { comment: refused } = step(folder, url, { ...preview, "max-unzipped-size": "80 MB" }, 1);
  const { summary: published } = step(folder, url, layer);
  return { summary, published, comment, unchanged, refused };
}

// A change that brings one known vulnerability, and keeps another one.
function vulnerable(url) {
  const layer = { "layer-name": "web", "python-version": "3.13", "constraints": "constraints.txt" };
  const folder = workspace("vulnerable", { "requirements.txt": "requests==2.32.5\n", "constraints.txt": "idna==3.6\nJinja2==3.1.4\n" });
  step(folder, url, layer);
  write(folder, { "requirements.txt": "requests==2.32.5\nFlask==3.1.2\n" });
  return step(folder, url, { ...layer, command: "preview", comment: "never", vulnerabilities: "notice" });
}

// The page of the second version of a layer for data.
function page(url) {
  const layer = { "layer-name": "data-science", "python-version": "3.13", "report": "page.html" };
  const folder = workspace("page", { "requirements.txt": "numpy==2.2.6\npandas==2.2.3\nrequests==2.32.3\n" });
  step(folder, url, layer);
  write(folder, { "requirements.txt": "numpy==2.3.3\npandas==2.3.3\nrequests==2.32.5\nSQLAlchemy==2.0.43\n" });
  step(folder, url, layer);
  return join(folder, "page.html");
}

// Functions that use versions of a layer: region, name, ARN.
async function makeFunctions(url, functions) {
  const trust = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" }] };
  const role = new URLSearchParams({ Action: "CreateRole", Version: "2010-05-08", RoleName: "function", AssumeRolePolicyDocument: JSON.stringify(trust) });
  const answers = [await fetch(url, { method: "POST", headers: signed("us-east-1", "iam"), body: role })];
  for (const [region, name, arn] of functions) {
    const made = {
      FunctionName: name, Runtime: "python3.13", Role: "arn:aws:iam::123456789012:role/function", Handler: "app.handler",
      Code: { ZipFile: "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==" }, Layers: [arn],
    };
    const headers = { "Content-Type": "application/json", ...signed(region, "lambda") };
    answers.push(await fetch(`${url}/2015-03-31/functions`, { method: "POST", headers, body: JSON.stringify(made) }));
  }
  for (const answer of answers) if (!answer.ok) throw new Error(await answer.text());
}

// The page about who uses a layer: three versions, of which the first is in use, has a vulnerability, and is labelled.
async function usage(url) {
  const layer = { "layer-name": "payments", "python-version": "3.13" };
  const folder = workspace("usage", { "requirements.txt": "requests==2.32.3\nidna==3.6\n" });
  const publish = async (requirements, daysAgo, inputs = {}) => {
    write(folder, { "requirements.txt": requirements });
    step(folder, url, { ...layer, ...inputs });
    await fetch(`${url}/_aws/age`, { method: "PUT", body: String(daysAgo * 86_400) });
  };
  // Each is older by what comes after it.
  await publish("requests==2.32.3\nidna==3.6\n", 41, { labels: "critical" });
  await publish("requests==2.32.4\nidna==3.10\n", 16);
  await publish("requests==2.32.5\nidna==3.10\n", 3, { labels: "production" });
  const arn = (region, number) => `arn:aws:lambda:${region}:123456789012:layer:payments:${number}`;
  await makeFunctions(url, [
    ["eu-west-1", "orders", 3], ["eu-west-1", "billing", 3], ["eu-west-1", "invoices", 1], ["eu-west-1", "mail", 2],
    ["us-east-1", "orders", 3], ["us-east-1", "search", 1],
  ].map(([region, name, number]) => [region, name, arn(region, number)]));
  step(folder, url, { "layer-name": "payments", command: "usage", report: "usage.html", vulnerabilities: "notice" });
  return join(folder, "usage.html");
}

// Five layers of one file: three change, one becomes too large, and one stays as it is.
function several(url) {
  const file = `layers:
  - layer-name: web
    requirements: web.txt
  - layer-name: reports
    requirements: reports.txt
  - layer-name: mail
    requirements: mail.txt
  - layer-name: plots
    requirements: plots.txt
    max-unzipped-size: 100 MB
  - layer-name: http
    requirements: http.txt
defaults: { python-version: 3.13 }
`;
  const before = {
    "web.txt": "pydantic==2.11.7\n", "reports.txt": "openpyxl==3.1.5\n", "mail.txt": "Jinja2==3.1.6\nlxml==6.0.2\n",
    "plots.txt": "numpy==2.3.3\n", "http.txt": "httpx==0.28.1\n",
  };
  const folder = workspace("several", { "lambda-layers.yml": file, ...before });
  step(folder, url, {});
  write(folder, {
    "web.txt": "pydantic==2.12.5\norjson==3.11.3\n", "reports.txt": "openpyxl==3.1.5\nnumpy==2.3.3\n", "mail.txt": "Jinja2==3.1.6\n",
    "plots.txt": "numpy==2.3.3\nmatplotlib==3.10.6\n",
  });
  return step(folder, url, { command: "preview", comment: "never" }, 1);
}

// --- Pictures

const COLOURS = {
  light: { border: "#d1d9e0", head: "#f6f8fa", text: "#1f2328", muted: "#59636e" },
  dark: { border: "#3d444d", head: "#151b23", text: "#f0f6fc", muted: "#9198a1" },
};

// The box that GitHub puts around a comment, or around the summary of a job.
function framed(markdown, title, scheme) {
  const { border, head, text, muted } = COLOURS[scheme];
  return `<!doctype html><meta charset="utf-8"><style>${stylesheet(scheme)}
    body { margin: 0; padding: 1px; width: 828px; background: ${scheme === "dark" ? "#0d1117" : "#fff"}; }
    .frame { border: 1px solid ${border}; border-radius: 6px; overflow: hidden; }
    .title { padding: 8px 16px; background: ${head}; border-bottom: 1px solid ${border}; color: ${muted}; font: 14px "Noto Sans", sans-serif; }
    .title b { color: ${text}; } .title i { border: 1px solid ${border}; border-radius: 2em; padding: 0 6px; font: 500 12px "Noto Sans"; }
    .markdown-body { padding: 16px; } .markdown-body > :last-child { margin-bottom: 0 !important; }
  </style><div class="frame"><div class="title">${title}</div><div class="markdown-body">${marked.parse(markdown)}</div></div>`;
}

// In the light and in the dark, with no more colours than text and areas need.
async function picture(browser, path, { width, height, scale, colours, isWhole }, open) {
  for (const scheme of ["light", "dark"]) {
    const context = await browser.newContext({ viewport: { width, height }, deviceScaleFactor: scale, colorScheme: scheme });
    const page = await context.newPage();
    await open(page, scheme);
    const png = await (isWhole ? page.locator("body").screenshot() : page.screenshot());
    const file = `${path}-${scheme}.png`;
    await sharp(png).png({ palette: true, colours, dither: 0, effort: 10, compressionLevel: 9 }).toFile(file);
    if (statSync(file).size > LARGEST) throw new Error(`${file} has more than ${LARGEST} bytes`);
    await context.close();
  }
}

const pictureOf = (browser, name, markdown, title) => {
  writeFileSync(join(FOLDER, `${name}.md`), markdown);
  const form = { width: 830, height: 600, scale: 2, colours: 32, isWhole: true };
  return picture(browser, join(PICTURES, name), form, (page, scheme) => page.setContent(framed(markdown, title, scheme)));
};

const BOT = "<b>github-actions</b> <i>bot</i> commented";
mkdirSync(PICTURES, { recursive: true });
const { url, stop } = await aws();
const known = await osv();
const browser = await start();
try {
  const { summary, published, ...comments } = one(url);
  await pictureOf(browser, "comment", comments.comment, BOT);
  await pictureOf(browser, "refused", comments.refused, BOT);
  await pictureOf(browser, "unchanged", comments.unchanged, BOT);
  await pictureOf(browser, "summary", summary, "<b>Layer</b> summary");
  await pictureOf(browser, "published", published, "<b>Layer</b> summary");
  await pictureOf(browser, "vulnerable", vulnerable(url).comment, BOT);
  await pictureOf(browser, "layers", several(url).comment, BOT);
  const address = pathToFileURL(page(url)).href;
  const users = pathToFileURL(await usage(url)).href;
  await picture(browser, join(PICTURES, "usage"), { width: 1100, height: 780, scale: 1, colours: 64, isWhole: false }, (tab) => tab.goto(users));
  await picture(browser, resolve("docs/report-page"), { width: 1240, height: 1180, scale: 1, colours: 128, isWhole: false }, (tab) => tab.goto(address));
} finally {
  await browser.close();
  stop();
  known.stop();
}
