// Who uses the layer: its versions, and the functions that use them.

// The most urgent first.
const STATUSES = ["deleted", "outdated", "unknown", "current"];
const STATUS_CLASSES = { current: "good", outdated: "severity warning", deleted: "severity warning", unknown: "" };
// From this number on, a list of functions can be searched.
const MANY = 12;

function drawUsage() {
  if (!data.usage) return;
  const { summary, unread, versions, functions, parameters, unused, read } = data.usage;
  const section = byId("usage");
  section.hidden = false;
  // It is the result of the command itself, which stands in the head.
  if (data.command !== "usage") section.append(element("p", {}, `${summary[0].toUpperCase()}${summary.slice(1)}.`));
  if (unread.length > 0) section.append(element("ul", { class: "failure" }, ...unread.map((said) => element("li", {}, ...message(said)))));
  const place = (index) => `${versions.rows[index][0]} version ${versions.rows[index][1]}`;
  if (versions.rows.length > 0) section.append(versionTable(versions.rows, place), moreRows(versions.more) ?? "");
  if (unused) section.append(element("p", { class: "help" }, `${unused}.`));
  if (functions.rows.length > 0) section.append(...functionTable(functions, versions.rows, place));
  section.append(element("ul", { class: "parameters" }, ...parameters.rows.map(([parameter, index]) =>
    element("li", {}, "The parameter ", element("code", {}, name(parameter)), ` contains ${place(index)}.`))), moreRows(parameters.more) ?? "");
  section.append(element("p", { class: "help" }, `As of ${read} (UTC).`));
}

const statusChip = (status) => element("span", { class: `chip ${STATUS_CLASSES[status]}` }, status);

function versionTable(versions, place) {
  const rows = versions.map((row, index) => [index, ...row]);
  const columns = [
    // Place by place, the newest version first.
    { title: "Layer version", key: ([index]) => String(index).padStart(4, "0"), cell: ([index]) => place(index) },
    { title: "Status", key: ([, , , status]) => String(STATUSES.indexOf(status)), cell: ([, , , status]) => statusChip(status) },
    {
      title: "Published", isExtra: true, key: ([, , , , date]) => date,
      cell: ([, , , , date, age]) => (date ? element("span", {}, date, element("span", { class: "muted" }, ` ${age}`)) : element("span", { class: "muted" }, "unknown")),
    },
    { title: "Zipped", isNumber: true, isExtra: true, key: ([, , , , , , size]) => size ?? 0, cell: ([, , , , , , size]) => (size === null ? "–" : bytes(size)) },
    { title: "Labels", isExtra: true, key: ([, , , , , , , labels]) => labels.join(" "), cell: ([, , , , , , , labels]) => element("span", { class: "labels" }, ...labels.map((label) => element("span", { class: "chip" }, name(label)))) },
    { title: "Used by", key: (row) => row[9], cell: (row) => row[9] },
  ];
  if (rows.some((row) => row[8] !== null)) columns.splice(5, 0, { title: "Known vulnerabilities", key: (row) => row[8] ?? "", cell: (row) => row[8] ?? "" });
  return sortable(columns, rows, 0, "Versions of the layer");
}

// Those that do not use the current version come first, and of these the ones that run now.
function functionTable({ rows, more }, versions, place) {
  const status = (index) => versions[index][2];
  const urgency = ([of, , isLatest, index]) => `${STATUSES.indexOf(status(index))} ${isLatest ? 0 : 1} ${of}`;
  const table = sortable([
    { title: "Function", key: ([of]) => of, cell: ([of]) => element("code", {}, name(of)) },
    { title: "Its versions", isExtra: true, key: ([, its]) => its, cell: ([, its]) => its },
    { title: "Layer version", key: ([, , , index]) => String(index).padStart(4, "0"), cell: ([, , , index]) => place(index) },
    { title: "Status", key: urgency, cell: ([, , , index]) => statusChip(status(index)) },
  ], rows, 3, "Functions that use the layer");
  table.classList.add("functions");
  const head = element("div", { class: "section-head" }, element("h3", {}, "Functions"));
  if (rows.length >= MANY) head.append(filterOf(table, rows.length));
  return [head, table, moreRows(more) ?? ""];
}

// Hides the lines of a table that do not contain all words of the search.
function filterOf(table, count) {
  const shown = element("span", { class: "muted", role: "status" });
  const input = element("input", { type: "search", placeholder: "Search functions", autocomplete: "off", spellcheck: "false" });
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/);
    const lines = [...table.querySelectorAll("tbody tr")];
    for (const line of lines) line.hidden = !words.every((word) => line.textContent.toLowerCase().includes(word));
    shown.textContent = input.value.trim() === "" ? "" : `${number(lines.filter((line) => !line.hidden).length)} of ${number(count)} `;
  });
  return element("label", { class: "search" }, shown, element("span", { class: "hidden" }, "Search functions"), input);
}
