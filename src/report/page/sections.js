// The parts around the map: the head with the sizes, and the tables below.

function drawHead() {
  byId("name").append(name(data.name));
  const verdict = byId("verdict");
  verdict.textContent = data.verdict;
  verdict.classList.add(data.failure ? "bad" : ["unchanged", "adopted", "not in use"].includes(data.verdict) ? "idle" : "good");
  byId("target").hidden = !data.target;
  byId("target").textContent = data.target ?? "";
  if (data.failure) drawFailure(...data.failure);
  else byId("reason").append(...message(data.reason));
  const destinations = byId("destinations");
  destinations.hidden = data.destinations.length === 0;
  destinations.append(...data.destinations.map(([outcome, place, arn]) =>
    element("li", {}, element("span", { class: "chip" }, outcome), ` ${place} `, arn ? element("code", {}, arn) : null)));
  drawSizes();
  const identity = [["Content hash", data.contentHash], ["Fingerprint", data.fingerprint]].filter(([, value]) => value);
  byId("identity").append(...identity.flatMap(([label, value]) => [element("dt", {}, label), element("dd", {}, element("code", {}, value))]));
}

function drawFailure(error, causes, hint) {
  const box = byId("failure");
  box.hidden = false;
  box.append(element("p", {}, element("strong", {}, ...message(error))));
  // The findings are listed below.
  if (causes.length > 0 && data.findings.rows.length === 0) box.append(element("ul", {}, ...causes.map((cause) => element("li", {}, ...message(cause)))));
  if (hint) box.append(element("p", {}, ...message(hint)));
}

function drawSizes() {
  const { unzipped, limit, before } = data;
  const whole = unzipped ?? totalBytes;
  byId("unzipped").textContent = unzipped === null && totalBytes === 0 ? "Size unknown" : bytes(whole);
  const note = byId("unzipped-note");
  if (unzipped === null && totalBytes === 0) note.textContent = "the layer was not built in this run";
  else note.append("unzipped");
  if (before && before.unzipped !== null && unzipped !== null) {
    note.append(", ", delta(unzipped - before.unzipped), " since ", name(before.name), element("span", { class: "muted" }, ` (${bytes(before.unzipped)})`));
  }
  byId("share").textContent = `${wholePercent(whole, limit)} of Lambda’s ${Math.round(limit / 1048576)} MB`;
  const kinds = KINDS.map(() => 0);
  files.sizes.forEach((size, file) => { kinds[Number(files.kinds[file])] += size; });
  const listed = kinds.reduce((sum, size) => sum + size, 0);
  const gauge = byId("gauge");
  const full = Math.max(limit, whole);
  const segments = data.files ? kinds.map((size, kind) => [size, `kind-${kind}`]) : [];
  for (const [size, kind] of [...segments, [whole - listed, "plain"]]) {
    if (size <= 0) continue;
    const segment = element("i", { class: kind });
    segment.style.width = `${(size / full) * 100}%`;
    gauge.append(segment);
  }
  const words = [`${bytes(whole)} of ${bytes(limit)}`];
  if (before && before.unzipped !== null) {
    const mark = element("b", { class: "before", title: `${before.name}: ${bytes(before.unzipped)}` });
    mark.style.left = `${Math.min(before.unzipped / full, 1) * 100}%`;
    gauge.append(mark);
    words.push(`before ${bytes(before.unzipped)}`);
    byId("kinds").append(element("li", {}, element("span", { class: "swatch before", "aria-hidden": "true" }), name(before.name), element("span", { class: "muted" }, ` ${bytes(before.unzipped)}`)));
  }
  gauge.classList.toggle("over", whole > limit);
  gauge.setAttribute("aria-label", words.join(", "));
  byId("kinds").prepend(...kinds.map((size, kind) => [size, kind]).filter(([size]) => size > 0).map(([size, kind]) =>
    element("li", {}, element("span", { class: `swatch kind-${kind}`, "aria-hidden": "true" }), `${KINDS[kind]} `, element("span", { class: "muted" }, bytes(size)))));
  drawFacts();
}

function drawFacts() {
  const { zipped, before } = data;
  const found = (severity) => data.tally.filter(([of]) => of === severity).reduce((sum, [, , count]) => sum + count, 0);
  const worst = ["error", "warning", "notice"].map((severity) => [severity, found(severity)]).filter(([, count]) => count > 0);
  const findings = worst.length === 0 ? "none" : worst.map(([severity, count]) => counted(count, severity)).join(", ");
  const saved = data.savings.rows.reduce((sum, [, , , size]) => sum + size, 0);
  const rows = [
    zipped === null ? null : ["Zipped", bytes(zipped), before && before.zipped !== null ? delta(zipped - before.zipped) : null],
    ["Packages", number(packages.filter(({ version }) => version !== "").length), null],
    fileCount > 0 ? ["Files", number(fileCount), null] : null,
    // A layer that this run did not build was not checked either.
    worst.length === 0 && ["unchanged", "to be built"].includes(data.verdict) ? null : ["Findings", worst.length > 0 ? element("a", { href: "#findings" }, findings) : findings, null],
    saved > 0 ? ["Left out", element("a", { href: "#savings" }, bytes(saved)), null] : null,
  ].filter(Boolean);
  byId("facts").append(...rows.map(([label, value, more]) => element("div", {}, element("dt", {}, label), element("dd", {}, value, more ? " " : null, more))));
}

function drawSections() {
  drawChanges();
  drawUsage();
  drawFindings();
  drawVulnerabilities();
  drawPackages();
  drawImports();
  drawSavings();
}

// The node of a package or of a file, if the map has one.
function nodeOf(subject, distribution) {
  const { byFile, root } = treeOf("packages");
  fileByPath ??= new Map(files.names.map((_, file) => [pathOf(file), file]));
  if (fileByPath.has(subject)) return byFile[fileByPath.get(subject)];
  return root.children.find((node) => node.name === subject || (distribution !== "" && node.name === distribution)) ?? null;
}
let fileByPath = null;

function shower(node, shown) {
  if (!node) return shown;
  const show = () => {
    if (state.view !== "packages") {
      document.querySelector('#views input[value="packages"]').checked = true;
      setView("packages");
    }
    reveal(node);
  };
  return element("button", { type: "button", class: "link", title: "Show in the map", click: show }, shown);
}

function drawChanges() {
  if (!data.before) return;
  const section = byId("changes");
  section.hidden = false;
  byId("changes-title").append("Changes since ", name(data.before.name));
  const rows = data.changes.rows;
  if (rows.length === 0) {
    section.append(element("p", {}, "No package changed."));
    return;
  }
  const most = Math.max(...rows.map(([, , , , was, is]) => Math.abs(is - was)), 1);
  const versions = ([kind, , from, to]) => {
    if (kind === "added") return [name(to)];
    if (kind === "removed") return [element("s", {}, name(from))];
    return from === to ? [name(to)] : [name(from), element("span", { "aria-label": "to" }, " → "), name(to)];
  };
  section.append(sortable([
    { title: "Package", key: (row) => row[1], cell: (row) => shower(nodeOf(row[1], ""), name(row[1])) },
    { title: "Change", isExtra: true, key: (row) => row[0], cell: ([kind]) => element("span", { class: `chip change ${kind}` }, kind) },
    { title: "Version", key: (row) => row[3] || row[2], cell: (row) => element("span", {}, ...versions(row), row[6] ? " " : null, row[6] ? element("a", { href: row[6], rel: "noreferrer" }, "changelog") : null) },
    { title: "Size", isNumber: true, isExtra: true, key: (row) => row[5], cell: (row) => (row[0] === "removed" ? "–" : bytes(row[5])) },
    {
      title: "Difference", isNumber: true, key: (row) => row[5] - row[4],
      cell: ([, , , , was, is]) => element("span", { class: "growth" }, bar(Math.abs(is - was), most, { class: is > was ? "up" : "down" }), delta(is - was)),
    },
  ], rows, 4, "Packages that changed"), moreRows(data.changes.more) ?? "");
}

function drawFindings() {
  const { rows, more } = data.findings;
  if (rows.length === 0) return;
  const section = byId("findings");
  section.hidden = false;
  const SHOWN = 3;
  const item = ([, , subject, distribution, text, help]) => element("li", {},
    element("p", {}, ...message(text)), element("p", { class: "muted" }, ...message(help)),
    nodeOf(subject, distribution) ? element("p", {}, shower(nodeOf(subject, distribution), "Show in the map")) : null);
  section.append(...data.tally.map(([severity, code, count]) => {
    const found = rows.filter((row) => row[0] === severity && row[1] === code);
    const shown = data.docs ? element("a", { href: `${data.docs}${code}`, rel: "noreferrer" }, code) : code;
    const heading = element("h3", {}, element("span", { class: `chip severity ${severity}` }, severity), " ", element("code", {}, shown), count > 1 ? element("span", { class: "muted" }, ` × ${number(count)}`) : null);
    return element("article", { class: `finding ${severity}` }, heading, element("ul", {}, ...found.slice(0, SHOWN).map(item)), folded(found.slice(SHOWN), item));
  }), moreRows(more) ?? "");
}

function drawVulnerabilities() {
  if (!data.vulnerabilities) return;
  const { headline, rows, more } = data.vulnerabilities;
  const section = byId("vulnerabilities");
  section.hidden = false;
  section.append(element("p", {}, headline));
  if (rows.length === 0) return;
  const rank = ["none", "low", "medium", "high", "critical"];
  const rated = (severity, score) => (score > 0 ? `${severity} ${score.toFixed(1)}` : severity);
  section.append(sortable([
    { title: "Vulnerability", key: ([id]) => id, cell: ([id, url]) => element("a", { href: url, rel: "noreferrer" }, name(id)) },
    { title: "Severity", isNumber: true, key: ([, , severity, score]) => 100 * rank.indexOf(severity) + score, cell: ([, , severity, score]) => rated(severity, score) },
    { title: "Package", key: ([, , , , distribution]) => distribution, cell: ([, , , , distribution]) => name(distribution) },
    { title: "Fixed in", key: ([, , , , , fixed]) => fixed, cell: ([, , , , , fixed]) => name(fixed || "—") },
    { title: "Because of", isExtra: true, key: ([, , , , , , because]) => because, cell: ([, , , , , , because]) => because },
    { title: "About", isExtra: true, key: ([, , , , , , , state]) => state, cell: ([, , , , , , , state, summary]) => [state, summary].filter(Boolean).join(": ") },
  ], rows, 1, "Known vulnerabilities"), moreRows(more) ?? "");
}

// Created when somebody opens it, because there may be thousands of rows.
function folded(rows, item) {
  if (rows.length === 0) return null;
  const details = element("details", {}, element("summary", {}, `${number(rows.length)} more`));
  details.addEventListener("toggle", () => details.append(element("ul", {}, ...rows.map(item))), { once: true });
  return details;
}

function drawPackages() {
  if (packages.length === 0) return;
  byId("packages").hidden = false;
  const largest = packages[0].bytes;
  const nodes = treeOf("packages").root.children;
  const nodeByRow = new Map(nodes.map((node) => [node.package, node]));
  const columns = [
    { title: "Package", key: (row) => row.name, cell: (row) => shower(nodeByRow.get(row.rank), name(row.name)) },
    { title: "Version", key: (row) => row.version, cell: (row) => name(row.version) },
    { title: "Size", isNumber: true, key: (row) => row.bytes, cell: (row) => bytes(row.bytes) },
    {
      title: "Share", isNumber: true, isExtra: true, key: (row) => row.bytes,
      cell: (row) => {
        const made = element("span", { class: "growth" }, bar(row.bytes, largest), element("span", {}, percent(row.bytes, totalBytes)));
        const fill = made.querySelector("i");
        if (row.version === "") fill.classList.add("plain");
        else fill.style.setProperty("--hue", hueOf(row.rank));
        return made;
      },
    },
  ];
  if (packages.some(({ licence }) => licence !== "")) columns.splice(2, 0, { title: "Licence", isExtra: true, key: (row) => row.licence, cell: (row) => name(row.licence) });
  if (data.files) columns.push({ title: "Files", isNumber: true, isExtra: true, key: (row) => row.files, cell: (row) => number(row.files) });
  if (data.before) columns.push({ title: "Difference", isNumber: true, isExtra: true, key: (row) => row.change?.growth ?? 0, cell: (row) => (row.change ? delta(row.change.growth) : element("span", { class: "muted" }, "–")) });
  byId("packages").append(sortable(columns, packages, columns.findIndex(({ title }) => title === "Size"), "Packages in the layer"));
}

function drawImports() {
  if (!data.imports) return;
  const { total, before, rows } = data.imports;
  const section = byId("imports");
  section.hidden = false;
  const time = (milliseconds) => `${number(milliseconds)} ms`;
  const was = before === null ? "" : `, ${time(before)} before`;
  const slowest = Math.max(...rows.map(([, , is]) => is), 1);
  const columns = [
    { title: "Requirement", key: ([of]) => of, cell: ([of]) => name(of) },
    { title: "Time", isNumber: true, key: ([, , is]) => is, cell: ([, , is]) => element("span", { class: "growth" }, bar(is, slowest, { class: "plain" }), time(is)) },
  ];
  if (before !== null) columns.push({ title: "Before", isNumber: true, isExtra: true, key: ([, then]) => then ?? 0, cell: ([, then]) => (then === null ? "–" : time(then)) });
  section.append(
    element("p", { class: "muted" }, `All together take ${time(total)} in one process on the machine of the run${was}. Each requirement was also imported in a process of its own, with everything that it imports.`),
    sortable(columns, rows, 1, "Import times"),
    ...rows.filter(([, , , modules]) => modules.length > 0).map(([of, , , modules]) => folding(of, modules, time)),
  );
}

// What is imported by whom, slowest first.
function folding(of, modules, time) {
  const line = ([depth, module, milliseconds]) => {
    const item = element("li", {}, element("code", {}, name(module)), element("span", { class: "muted" }, ` ${time(milliseconds)}`));
    item.style.paddingInlineStart = `${depth * 1.25}em`;
    return item;
  };
  return element("details", {}, element("summary", {}, "What ", name(of), " imports"), element("ul", { class: "imports" }, ...modules.map(line)));
}

function drawSavings() {
  const { rows, more } = data.savings;
  if (rows.length === 0) return;
  byId("savings").hidden = false;
  byId("savings").append(element("p", { class: "muted" }, "Files of these packages that were left out of the layer, grouped by rule."), sortable([
    { title: "Rule", key: ([rule]) => rule, cell: ([rule]) => name(rule) },
    { title: "Package", key: ([, owner]) => owner, cell: ([, owner]) => name(owner) },
    { title: "Files", isNumber: true, isExtra: true, key: ([, , count]) => count, cell: ([, , count]) => number(count) },
    { title: "Size", isNumber: true, key: ([, , , size]) => size, cell: ([, , , size]) => bytes(size) },
  ], rows, 3, "Files that were left out"), moreRows(more) ?? "");
}
