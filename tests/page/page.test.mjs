// What a reader does with a report page, in a browser.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";

import { barriers, FOLDER, start, visit } from "./browser.mjs";
import { hostile, large, published, usage } from "./layers.mjs";

let browser;
const pages = {};

before(async () => {
  Object.assign(pages, { published: published(), large: large(), hostile: hostile(), usage: usage() });
  browser = await start();
});
after(() => browser.close());

const shot = (page, name, options = {}) => page.screenshot({ path: `${FOLDER}/${name}.png`, ...options });
const place = async (page) => (await page.locator("#path li").allTextContents()).map((text) => text.replace(/ [\d.]+ [KM]?B$/, ""));
const focused = (page) => page.evaluate(() => document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent);
const status = (page) => page.locator("#status").textContent();

test("the head says what became of the layer", () => visit(browser, pages.published, async (page) => {
  assert.match(await page.title(), /^shared published$/);
  assert.equal(await page.locator("#verdict").textContent(), "published");
  assert.match(await page.locator(".gauge-row").textContent(), /MB unzipped, \+[\d.]+ MB since version 1 .* of Lambda’s 250 MB/s);
  assert.match(await page.locator("#destinations").textContent(), /layer:shared:2/);
  const changes = await page.locator("#changes tbody tr").evaluateAll((rows) => rows.map((row) => row.innerText.replace(/\s+/g, " ")));
  assert.match(changes[0], /^sqlalchemy added 2\.0\.44 [\d.]+ MB \+[\d.]+ MB$/);
  assert.ok(changes.some((row) => /^six removed 1\.17\.0 – −[\d.]+ KB$/.test(row)), changes.join("\n"));
  assert.ok(changes.some((row) => /^pyyaml upgraded 6\.0\.2 → 6\.0\.3 /.test(row)), changes.join("\n"));
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme });
    await shot(page, `published-${scheme}`, { fullPage: true });
  }
}));

test("a click goes into a package and the path leads back", () => visit(browser, pages.published, async (page) => {
  await page.locator("#map button", { hasText: "sqlalchemy" }).first().click({ position: { x: 20, y: 8 } });
  assert.deepEqual(await place(page), ["shared", "sqlalchemy"]);
  assert.match(await status(page), /^sqlalchemy 2\.0\.44 · .* of the layer · \d+ files/);
  // A folder that is drawn inside of another one is reached at once.
  const inner = page.locator('#map .cell[data-depth="2"].open').first();
  await inner.click({ position: { x: 10, y: 8 } });
  assert.equal((await place(page)).length, 4);
  await page.locator("#path button").first().click();
  assert.deepEqual(await place(page), ["shared"]);
  await page.locator("#list button", { hasText: "pyyaml" }).click();
  assert.deepEqual(await place(page), ["shared", "pyyaml"]);
}));

test("the pointer is told path and size", () => visit(browser, pages.published, async (page) => {
  await page.locator('#map .cell[data-depth="3"]:not(.open)').first().hover();
  assert.match(await page.locator("#tip").innerText(), /\/.*\n[\d.]+ [KM]?B · .* of the layer/);
  await page.mouse.move(2, 2);
  assert.ok(await page.locator("#tip").isHidden());
}));

test("the keyboard does all of it", () => visit(browser, pages.published, async (page) => {
  await page.keyboard.press("Tab");
  assert.match(await focused(page), /Skip to the map/);
  await page.keyboard.press("Enter");
  await page.locator("#map button[tabindex='0']").focus();
  const first = await focused(page);
  await page.keyboard.press("ArrowRight");
  const second = await focused(page);
  assert.notEqual(second, first);
  await page.keyboard.press("ArrowLeft");
  assert.equal(await focused(page), first);
  await page.keyboard.press("Enter");
  assert.equal((await place(page)).length, 2);
  assert.ok(await page.evaluate(() => document.activeElement.matches("#map .cell:focus-visible")));
  await page.keyboard.press("End");
  await page.keyboard.press("Home");
  await page.keyboard.press("Escape");
  assert.equal((await place(page)).length, 1);
  assert.equal(await focused(page), first, "the cell one came from");
  assert.ok(await page.locator("#tip").isVisible(), "told to those without a pointer, too");
}));

test("a search counts, shows and clears", () => visit(browser, pages.published, async (page) => {
  await page.locator("h1").click();
  await page.keyboard.press("/");
  await page.keyboard.type("dialects mysql");
  // The page searches while one types, so it also tells of "dialects" alone.
  await page.waitForFunction(() => {
    const found = [...document.querySelectorAll("#list li")];
    return found.length > 0 && found.every((item) => item.textContent.includes("dialects/mysql"));
  });
  assert.match(await status(page), /^\d+ of [\d,]+ files match, [\d.]+ KB$/);
  assert.ok((await page.locator("#list li").allTextContents()).every((text) => text.includes("dialects/mysql")));
  assert.ok((await page.locator("#map .cell.dim").count()) > 0);
  await page.keyboard.press("Enter");
  assert.match(await status(page), /^python\/sqlalchemy\/dialects\/mysql\/.*Python · sqlalchemy 2\.0\.44$/);
  assert.equal(await page.locator("#map .cell.chosen").count(), 1);
  await shot(page, "search");
  await page.locator("#search").fill("no such file");
  await page.waitForFunction(() => document.getElementById("status").textContent.startsWith("0 of"));
  assert.equal(await page.locator("#list li").count(), 0);
  await page.locator("#search").press("Escape");
  assert.equal(await page.locator("#map .cell.dim").count(), 0);
}));

test("tables are sorted by their heads", () => visit(browser, pages.published, async (page) => {
  const head = page.locator("#packages thead button", { hasText: "Package" });
  const names = () => page.locator("#packages tbody th").allTextContents();
  assert.equal(await page.locator("#packages th[aria-sort]").textContent(), "Size");
  await head.focus();
  await page.keyboard.press("Enter");
  const sorted = await names();
  assert.deepEqual(sorted, [...sorted].sort());
  assert.equal(await page.locator("#packages th[aria-sort]").getAttribute("aria-sort"), "ascending");
  await page.keyboard.press("Enter");
  assert.deepEqual(await names(), [...sorted].reverse());
  await page.locator("#packages tbody button", { hasText: "requests" }).click();
  assert.deepEqual(await place(page), ["shared", "requests"]);
}));

test("it is arranged and coloured in other ways", () => visit(browser, pages.published, async (page) => {
  const choose = (group, label) => page.locator(`#${group} label`, { hasText: label }).click();
  await choose("views", "Folders");
  assert.match(await page.locator("#list").textContent(), /python/);
  await choose("colours", "Kind");
  assert.match(await page.locator("#colour-legend").textContent(), /Compiled.*Python.*Bytecode/);
  await choose("colours", "Change");
  assert.match(await page.locator("#colour-legend").textContent(), /Added.*Grown.*Shrunk/);
  await choose("views", "Packages");
  assert.ok((await page.locator('#map .change-added[data-depth="1"]').count()) > 0);
  await shot(page, "changes");
}));

test("20,000 files open at once", () => visit(browser, pages.large, async (page, opened) => {
  console.log(`a page of 20,000 files opens in ${opened} ms`);
  assert.match(await page.locator("#facts").textContent(), /Files20,0\d\d/);
  const cells = await page.locator("#map .cell").count();
  assert.ok(cells > 100 && cells <= 1500, `${cells} cells`);
  await page.locator("#search").fill("module_49");
  await page.waitForFunction(() => document.getElementById("status").textContent.includes("match"));
  assert.equal(await page.locator("#list li").count(), 100);
  await page.locator("#list-more").click();
  assert.equal(await page.locator("#list li").count(), 200);
  await shot(page, "large");
}));

test("names are names, whatever they look like", () => visit(browser, pages.hostile, async (page) => {
  await page.locator("#list button", { hasText: "outside distributions" }).click();
  const text = await page.locator("body").innerText();
  assert.equal(await page.locator("img, b[onclick]").count(), 0);
  assert.equal(await page.locator("script").count(), 2);
  assert.ok(text.includes("<img src=x onerror=alert(1)>.py") && text.includes("a‹U+202E›gpj.exe"), text);
  assert.ok(!text.includes("\u202e"));
  await page.locator("#list button", { hasText: "deep/deep" }).click();
  await page.locator("#search").fill("</script");
  await page.waitForFunction(() => document.getElementById("status").textContent.includes("match"));
  await shot(page, "hostile", { fullPage: true });
}));

test("it says who uses the layer", () => visit(browser, pages.usage, async (page) => {
  assert.equal(await page.locator("#verdict").textContent(), "in use");
  for (const part of [".overview", "#contents", ".skip"]) assert.ok(await page.locator(part).isHidden(), part);
  const lines = (table) => page.locator(`#usage ${table} tbody tr:visible`).evaluateAll((rows) => rows.map((row) => row.innerText.replace(/\s+/g, " ").trim()));
  const versions = await lines(".scroll:not(.functions)");
  assert.equal(versions[0], "eu-west-1 version 9 current 2026-11-26 3 days 20.7 MB production none 310 functions");
  assert.equal(versions[2], "eu-west-1 version 2 deleted unknown – unknown 40 functions");
  assert.ok(versions[1].includes("</script><b>x"), versions[1]);
  // Those without the current version first.
  const functions = await lines(".functions");
  assert.match(functions[0], /^team-\d-service-2-\d+ \$LATEST(, 3, 4)? eu-west-1 version 2 deleted$/);
  assert.match(functions[40], / eu-west-1 version 7 outdated$/);
  assert.equal(functions.length, 500);
  const box = await page.locator("#usage .functions").boundingBox();
  assert.ok(box.height <= 640, "500 functions do not push the rest away");
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme });
    await shot(page, `usage-${scheme}`, { fullPage: true });
  }
  const search = page.locator("#usage input[type=search]");
  await search.focus();
  await page.keyboard.type("TEAM-3 outdated");
  const found = await lines(".functions");
  assert.ok(found.length > 0 && found.every((line) => /^team-3-.* outdated$/.test(line)), found.join("\n"));
  assert.equal((await page.locator("#usage label [role=status]").textContent()).trim(), `${found.length} of 500`);
  // Sorting keeps what was searched for.
  await page.locator("#usage .functions thead button", { hasText: "Function" }).click();
  assert.deepEqual(await lines(".functions"), [...found].sort((left, right) => left.localeCompare(right, "en")));
  await search.fill("");
  assert.equal((await lines(".functions")).length, 500);
  assert.match(await page.locator("#usage").innerText(), /The parameter \/layers\/shared\/<\/script> contains eu-west-1 version 9\./);
}));

test("it fits a phone", async () => {
  for (const name of ["published", "hostile", "usage"]) {
    await visit(browser, pages[name], async (page) => {
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= 360, `${name}: ${wide}`);
      if (name !== "usage") {
        await page.locator("#map button").first().tap({ position: { x: 12, y: 8 } });
        assert.equal((await place(page)).length, 2);
      }
      await shot(page, `phone-${name}`, { fullPage: true });
    }, { width: 360, height: 740, scheme: "dark", hasTouch: true, isMobile: true });
  }
});

test("a finding leads to what explains it, and to its file", () => {
  const page = readFileSync(pages.hostile, "utf8").replace(/"docs":(null|"[^"]*")/, '"docs":"https://example.com/findings.md#"');
  writeFileSync(`${FOLDER}/work/linked.html`, page);
  return visit(browser, `${FOLDER}/work/linked.html`, async (page) => {
    assert.equal(await page.locator(".finding.error a").first().getAttribute("href"), "https://example.com/findings.md#broken-binary");
    await page.locator("#findings").getByText("Show in the map").first().click();
    assert.match(await status(page), /^python\/evil\/broken<\/script>\.so · 1 B/);
    assert.equal(await page.locator("#map .cell.chosen").count(), 1);
  });
});

test("without its files a layer is shown by its packages", () => {
  const page = readFileSync(pages.published, "utf8").replace(/"files":\{.*\}\}<\/script>/, '"files":null}</script>');
  writeFileSync(`${FOLDER}/work/packages.html`, page);
  return visit(browser, `${FOLDER}/work/packages.html`, async (page) => {
    assert.ok(await page.locator("#search").isHidden());
    assert.ok((await page.locator("#map button").count()) > 5);
    await page.locator("#map button").first().click();
    assert.match(await status(page), /^sqlalchemy 2\.0\.44 · /);
  });
});

test("nobody is kept out", async () => {
  for (const [scheme, name] of [["light", "published"], ["dark", "published"], ["light", "usage"], ["dark", "usage"]]) {
    await visit(browser, pages[name], async (page) => assert.deepEqual(await barriers(page), []), { scheme, bypassCSP: true });
  }
});

test("without its script it says so", () => visit(browser, pages.published, async (page) => {
  assert.match(await page.locator("body").innerText(), /turned off here/);
}, { javaScriptEnabled: false }));
