// A browser in which a page may do nothing but show itself.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

export const FOLDER = process.env.PAGE_FOLDER;
const require = createRequire(`${FOLDER}/`);
const { chromium } = require("playwright-core");
const OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export const start = () => chromium.launch({ executablePath: "/usr/bin/chromium", args: OPTIONS });

// Opens a page, hands it to `act`, and fails on whatever it complained of or asked for meanwhile.
export async function visit(browser, path, act, { scheme = "light", width = 1360, height = 1000, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, ...options });
  const page = await context.newPage();
  const trouble = [];
  const address = pathToFileURL(path).href;
  page.on("console", (said) => { if (["error", "warning"].includes(said.type())) trouble.push(said.text()); });
  page.on("pageerror", (error) => trouble.push(error.stack));
  page.on("dialog", (dialog) => { trouble.push(dialog.message()); dialog.dismiss(); });
  page.on("request", (request) => { if (request.url() !== address && !request.url().startsWith("data:")) trouble.push(request.url()); });
  const begin = performance.now();
  await page.goto(address);
  const opened = Math.round(performance.now() - begin);
  await act(page, opened);
  await context.close();
  assert.deepEqual(trouble, []);
}

// What a checker of accessibility finds. It is no part of the page, so the page's policy does not count for it.
export async function barriers(page) {
  await page.addScriptTag({ content: readFileSync(require.resolve("axe-core/axe.min.js"), "utf8") });
  const { violations } = await page.evaluate(() => window.axe.run());
  return violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}`);
}
