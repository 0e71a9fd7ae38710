// The treemap with its breadcrumb path and its list, and how people move in them.

const LIST = 100;
const state = { view: "packages", colour: "package", node: treeOf("packages").root, matches: null, query: "", selected: -1, shown: LIST };
const map = byId("map");
const tip = byId("tip");
const cellOf = new WeakMap();
const CHANGES = { added: "Added", grown: "Grown", shrunk: "Shrunk", same: "Unchanged" };

// Packages of similar size get very different hues.
const hueOf = (row) => Math.round((255 + row * 137.508) % 360);

function changeOf(row) {
  const change = packages[row]?.change;
  if (!change) return "same";
  if (change.kind === "added") return "added";
  return change.growth > 0 ? "grown" : change.growth < 0 ? "shrunk" : "same";
}

// Sets the class of a cell and, for packages, its hue.
function paint(node, made) {
  if (state.colour === "package" && node.package >= 0) {
    // Files that belong to no distribution have no version and get no colour.
    if (packages[node.package].version === "") made.classList.add("plain");
    else made.style.setProperty("--hue", hueOf(node.package));
  } else if (state.colour === "kind" && node.kind >= 0) made.classList.add(`kind-${node.kind}`);
  else if (state.colour === "change" && node.package >= 0) made.classList.add(`change-${changeOf(node.package)}`);
  else made.classList.add("plain");
}

function title(node) {
  const row = node.folder < 0 && node.file < 0 ? packages[node.package] : null;
  return row && !node.isRest && node.name === row.name && row.version ? `${node.name} ${row.version}` : node.name;
}

// The description of a node, in lines: path, sizes, and the package that it belongs to.
function facts(node) {
  const of = packages[node.package];
  const isOfPackage = node.folder >= 0 || node.file >= 0 || node.isRest;
  return [
    isOfPackage ? (node.isRest ? `${number(node.count)} smaller items in ${node.parent.path}` : node.path) : title(node),
    [bytes(node.bytes), `${percent(node.bytes, totalBytes)} of the layer`, node.file < 0 && node.files > 0 ? counted(node.files, "file") : null].filter(Boolean).join(" · "),
    [node.kind >= 0 ? KINDS[node.kind] : null, isOfPackage && of ? `${of.name} ${of.version}`.trim() : null].filter(Boolean).join(" · "),
  ].filter((line) => line !== "");
}

function drawMap() {
  const { width, height } = map.getBoundingClientRect();
  const cells = width > 0 ? cellsOf(state.node, Math.floor(width) - 2, Math.floor(height) - 2) : [];
  const drawn = cells.map((cell) => {
    const { node, depth } = cell;
    const isButton = depth === 1 && !node.isRest;
    const made = element(isButton ? "button" : "span", { class: "cell", "data-depth": depth });
    if (isButton) {
      made.type = "button";
      made.tabIndex = -1;
      // The label starts with the visible text, for people who control their browser by voice.
      made.setAttribute("aria-label", `${title(node)} ${bytes(node.bytes)}, ${percent(node.bytes, totalBytes)} of the layer`);
    } else made.setAttribute("aria-hidden", "true");
    paint(node, made);
    made.classList.toggle("open", cell.isOpen);
    made.classList.toggle("rest", Boolean(node.isRest));
    made.classList.toggle("dim", state.matches !== null && node.hits === 0);
    made.classList.toggle("hit", state.matches !== null && node.file >= 0 && node.hits > 0);
    made.classList.toggle("chosen", node.file >= 0 && node.file === state.selected);
    Object.assign(made.style, { left: `${cell.x}px`, top: `${cell.y}px`, width: `${cell.width}px`, height: `${cell.height}px` });
    label(cell, made);
    cellOf.set(made, cell);
    return made;
  });
  map.replaceChildren(...drawn);
  if (drawn.length === 0) map.append(element("p", { class: "empty" }, totalBytes > 0 || data.files ? "Everything here is empty." : "This run did not read the contents of the layer."));
  const first = map.querySelector("button");
  if (first) first.tabIndex = 0;
}

function label({ node, width, height, isOpen, hasHead }, made) {
  if (isOpen && !hasHead) return;
  if (width < 34 || height < 15) return;
  made.append(element("span", { class: "cell-name" }, name(title(node))));
  if (isOpen ? width > 110 : height > 32 && width > 52) made.append(" ", element("span", { class: "cell-size" }, bytes(node.bytes)));
}

function drawPath() {
  const line = state.node.line;
  byId("path").replaceChildren(...line.map((node, index) => {
    const shown = index === 0 ? name(data.name) : name(node.name);
    const isHere = node === state.node;
    const step = isHere
      ? element("span", { "aria-current": "location" }, shown)
      : element("button", { type: "button", click: () => go(node) }, shown);
    return element("li", {}, step, isHere ? element("span", { class: "muted" }, ` ${bytes(node.bytes)}`) : null);
  }));
  map.setAttribute("aria-label", `Map of ${title(state.node)}, ${bytes(state.node.bytes)}`);
}

function listed() {
  if (state.matches === null) return state.node.sorted;
  const { byFile } = treeOf(state.view);
  return state.matches.map((file) => byFile[file]);
}

function drawList() {
  const nodes = listed();
  const isSearch = state.matches !== null;
  const whole = isSearch ? nodes[0]?.bytes ?? 0 : state.node.sorted[0]?.bytes ?? 0;
  byId("list-title").textContent = isSearch ? `${counted(nodes.length, "match")}`.replace("matchs", "matches") : `Largest in ${title(state.node)}`;
  byId("list").replaceChildren(...nodes.slice(0, state.shown).map((node) => {
    const swatch = element("span", { class: "swatch", "aria-hidden": "true" });
    paint(node, swatch);
    const text = element("span", { class: "list-name" }, name(isSearch ? node.path : title(node)));
    const made = element("button", { type: "button", click: () => open(node), "aria-pressed": node.file >= 0 ? String(node.file === state.selected) : null },
      swatch, text, element("span", { class: "list-size" }, bytes(node.bytes)), bar(node.bytes, whole));
    paint(node, made.querySelector(".bar i"));
    return element("li", {}, made);
  }));
  const more = byId("list-more");
  more.hidden = nodes.length <= state.shown;
  more.textContent = `Show more of ${number(nodes.length)}`;
}

function draw() {
  tip.hidden = true;
  drawMap();
  drawPath();
  drawList();
}

function say(text) { byId("status").replaceChildren(name(text)); }

// Opens a folder or package; `from` gets the keyboard focus if it is inside.
function go(node, from = null) {
  state.node = node;
  state.shown = LIST;
  draw();
  if (state.matches === null) say(facts(node).join(" · "));
  const buttons = [...map.querySelectorAll("button")];
  const target = buttons.find((button) => cellOf.get(button).node === from) ?? buttons[0];
  if (target && document.activeElement !== byId("search")) focusCell(target);
}

// Opens a folder or package, or shows where a file is.
function open(node) {
  if (!node.isLeaf) return go(node);
  if (node.isRest) return go(node.parent);
  if (node.file < 0 && node.parent) return say(facts(node).join(" · "));
  select(node);
}

function select(node) {
  state.selected = node.file;
  const isInside = state.node.line.length <= node.line.length && node.line.includes(state.node);
  const isDrawn = [...map.children].some((made) => cellOf.get(made)?.node === node);
  if (!isInside || !isDrawn) state.node = node.parent;
  const focused = document.activeElement;
  const isOnList = byId("list").contains(focused);
  draw();
  say(facts(node).join(" · "));
  const again = [...(isOnList ? byId("list") : map).querySelectorAll("button")];
  const target = isOnList ? again[listed().indexOf(node)] : again.find((button) => cellOf.get(button).node === node);
  if (target && focused !== byId("search")) target.focus({ preventScroll: true });
}

function up() {
  if (state.node.parent) go(state.node.parent, state.node);
}

function focusCell(button) {
  for (const other of map.querySelectorAll('button[tabindex="0"]')) other.tabIndex = -1;
  button.tabIndex = 0;
  button.focus({ preventScroll: true });
}

// The nearest cell in a direction; cells straight ahead come first.
function neighbour(from, [right, down]) {
  const middle = ({ x, y, width, height }) => [x + width / 2, y + height / 2];
  const [x, y] = middle(from);
  let best = null;
  let least = Infinity;
  for (const button of map.querySelectorAll("button")) {
    const cell = cellOf.get(button);
    const edge = right ? (right > 0 ? cell.x - (from.x + from.width) : from.x - (cell.x + cell.width)) : down > 0 ? cell.y - (from.y + from.height) : from.y - (cell.y + cell.height);
    if (cell === from || edge < -4) continue;
    const aside = right ? Math.max(cell.y - y, y - (cell.y + cell.height), 0) : Math.max(cell.x - x, x - (cell.x + cell.width), 0);
    const [cx, cy] = middle(cell);
    const cost = Math.max(edge, 0) + aside * 3 + (right ? Math.abs(cy - y) : Math.abs(cx - x)) / 100;
    if (cost < least) [best, least] = [button, cost];
  }
  return best;
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
map.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const from = cellOf.get(document.activeElement);
  const buttons = map.querySelectorAll("button");
  if (from && ARROWS[event.key]) {
    const next = neighbour(from, ARROWS[event.key]);
    if (next) focusCell(next);
  } else if (event.key === "Home" && buttons.length > 0) focusCell(buttons[0]);
  else if (event.key === "End" && buttons.length > 0) focusCell(buttons[buttons.length - 1]);
  else if (event.key === "Escape" || event.key === "Backspace") up();
  else return;
  event.preventDefault();
});

map.addEventListener("click", (event) => {
  const cell = cellOf.get(event.target.closest(".cell"));
  if (!cell) return;
  // If the file is inside a folder that is drawn open, the folder comes first.
  if (cell.node.isLeaf && cell.depth > 1 && cell.node.parent !== state.node) go(cell.node.parent, cell.node);
  else open(cell.node);
});

function showTip(cell, left, top) {
  const [first, ...rest] = facts(cell.node);
  tip.replaceChildren(element("strong", {}, name(first)), ...rest.map((line) => element("span", {}, name(line))));
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const place = (wanted, size, room) => Math.max(8, Math.min(wanted, room - size - 8));
  tip.style.left = `${place(left + 14, width, window.innerWidth)}px`;
  tip.style.top = `${top + 18 + height > window.innerHeight - 8 ? Math.max(8, top - height - 10) : top + 18}px`;
}

map.addEventListener("pointermove", (event) => {
  const cell = cellOf.get(event.target.closest(".cell"));
  if (cell && event.pointerType !== "touch") showTip(cell, event.clientX, event.clientY);
  else tip.hidden = true;
});
map.addEventListener("pointerleave", () => { tip.hidden = true; });
map.addEventListener("focusin", (event) => {
  const cell = cellOf.get(event.target);
  if (!cell || !event.target.matches(":focus-visible")) return;
  const box = event.target.getBoundingClientRect();
  showTip(cell, box.left, Math.min(box.bottom, window.innerHeight) - 24);
});
map.addEventListener("focusout", () => { tip.hidden = true; });
byId("list-more").addEventListener("click", () => {
  const first = state.shown;
  state.shown += LIST;
  drawList();
  byId("list").children[first]?.querySelector("button").focus();
});

// The same node in the other tree, or that tree's root.
function setView(view) {
  state.view = view;
  state.node = treeOf(view).root;
  mark();
  draw();
}

function setColour(colour) {
  state.colour = colour;
  const legend = byId("colour-legend");
  const kinds = KINDS.map((label, kind) => [label, `kind-${kind}`]).slice(0, 5);
  const changes = Object.entries(CHANGES).map(([change, label]) => [label, `change-${change}`]);
  const rows = { kind: kinds, change: changes, package: [] }[colour];
  legend.hidden = rows.length === 0;
  legend.replaceChildren(...rows.map(([label, kind]) => element("li", {}, element("span", { class: `swatch ${kind}`, "aria-hidden": "true" }), label)));
  drawMap();
  drawList();
}

// Shows a package or file that was chosen elsewhere on the page.
function reveal(node) {
  state.matches = null;
  state.query = "";
  byId("search").value = "";
  mark();
  if (node.isLeaf && node.parent) {
    state.node = node.parent;
    select(node);
  } else go(node);
  byId("contents").scrollIntoView({ block: "start" });
  const target = [...map.querySelectorAll("button")].find((button) => cellOf.get(button).node === node) ?? map.querySelector("button");
  if (target) focusCell(target);
}
