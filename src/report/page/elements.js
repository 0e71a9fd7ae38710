// Creates elements, and formats numbers. Text stays text: nothing here parses HTML.

const byId = (id) => document.getElementById(id);

function element(tag, facts = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(facts)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") made.className = value;
    else if (name === "click") made.addEventListener("click", value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// A name in an element that isolates its text direction from the text around it.
const name = (text) => element("bdi", {}, text);

// The same format as in the terminal: units of 1,024 with the names that AWS uses.
function bytes(count) {
  if (count < 1024) return `${count} B`;
  if (count < 1048524) return `${(count / 1024).toFixed(1)} KB`;
  return `${(count / 1048576).toFixed(1)} MB`;
}

function signed(count) {
  if (count === 0) return "±0";
  return `${count > 0 ? "+" : "−"}${bytes(Math.abs(count))}`;
}

const number = (count) => count.toLocaleString("en");
const counted = (count, word) => `${number(count)} ${word}${count === 1 ? "" : "s"}`;

function percent(part, whole) {
  if (part === 0 || whole === 0) return "0%";
  const share = (part / whole) * 100;
  if (share < 0.1) return "under 0.1%";
  return `${share < 10 ? share.toFixed(1) : Math.round(share)}%`;
}

// Whole percents, as in the job summary.
function wholePercent(part, whole) {
  const full = Math.floor((part * 100) / whole);
  return full === 0 ? "under 1%" : `${full}%`;
}

function delta(growth) {
  const direction = growth > 0 ? "up" : growth < 0 ? "down" : "same";
  return element("span", { class: `delta ${direction}` }, signed(growth));
}

// A bar as long as its share; `facts` colours it.
function bar(part, whole, facts = {}) {
  const fill = element("i", facts);
  fill.style.width = `${whole > 0 ? Math.max((part / whole) * 100, part > 0 ? 0.6 : 0) : 0}%`;
  return element("span", { class: "bar", "aria-hidden": "true" }, fill);
}

// A message of the program; text between backticks is code.
function message(text) {
  const parts = text.split("`");
  const last = parts.length % 2 === 0 ? `\`${parts.pop()}` : "";
  const nodes = parts.map((part, index) => (index % 2 === 1 ? element("code", {}, name(part)) : part));
  return [...nodes, last];
}

// Radio buttons that look like one control.
function switchOf(fieldset, choices, chosen, onChange) {
  for (const [value, label] of choices) {
    const input = element("input", { type: "radio", name: fieldset.id, value, checked: value === chosen });
    input.addEventListener("change", () => onChange(value));
    fieldset.append(element("label", {}, input, element("span", {}, label)));
  }
}

// The most rows of a table that are shown at once; after sorting, these may be others.
const LINES = 1000;

// A table whose columns sort it: `{ title, key, cell, isNumber, isExtra }`, where `key` gives what to sort by, and what is
// extra has no place on a phone.
function sortable(columns, rows, first, caption) {
  const body = element("tbody");
  const classOf = ({ isNumber, isExtra }) => [isNumber ? "number" : "", isExtra ? "extra" : ""].join(" ").trim() || null;
  const heads = columns.map((column, index) => {
    const { title } = column;
    const head = element("th", { scope: "col", class: classOf(column) });
    head.append(element("button", { type: "button", click: () => sort(index) }, title, element("span", { class: "arrow", "aria-hidden": "true" })));
    return head;
  });
  const lineOf = (row) => {
    const cells = columns.map((column, index) => {
      const { cell } = column;
      const facts = { class: classOf(column) };
      return index === 0 ? element("th", { scope: "row", ...facts }, cell(row)) : element("td", facts, cell(row));
    });
    return element("tr", {}, ...cells);
  };
  const made = rows.map((row) => ({ row, line: null }));
  let sorted = { index: -1, isDown: false };
  function sort(index) {
    const { key, isNumber } = columns[index];
    const isDown = sorted.index === index ? !sorted.isDown : Boolean(isNumber);
    sorted = { index, isDown };
    const order = (left, right) => (isNumber ? left - right : left.localeCompare(right, "en"));
    made.sort((left, right) => (isDown ? -1 : 1) * order(key(left.row), key(right.row)));
    body.replaceChildren(...made.slice(0, LINES).map((entry) => (entry.line ??= lineOf(entry.row))));
    heads.forEach((head, other) => {
      if (other === index) head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  }
  sort(first);
  const head = element("thead", {}, element("tr", {}, ...heads));
  const table = element("table", {}, element("caption", { class: "hidden" }, caption), head, body);
  // Wide tables scroll by themselves, also by keyboard.
  const more = rows.length > LINES ? element("p", { class: "help" }, `${number(LINES)} of ${number(rows.length)}; sort to see others.`) : null;
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, table, more);
}

const moreRows = (more) => (more > 0 ? element("p", { class: "help" }, `${number(more)} more are in the output `, element("code", {}, "result"), ".") : null);
