// Finds files by words in their path or package.

const search = byId("search");
let haystacks = null;
let timer = 0;

// Files that contain all words, the largest first.
function matching(query) {
  haystacks ??= files.names.map((_, file) => `${pathOf(file)} ${packages[files.packages[file]].name}`.toLowerCase());
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const found = [];
  haystacks.forEach((haystack, file) => { if (words.every((word) => haystack.includes(word))) found.push(file); });
  return found.sort((left, right) => files.sizes[right] - files.sizes[left] || left - right);
}

// Marks the nodes of the tree that are shown.
function mark() {
  const { nodes, byFile } = treeOf(state.view);
  for (const node of nodes) node.hits = 0;
  for (const file of state.matches ?? []) {
    for (let node = byFile[file]; node; node = node.parent) node.hits += 1;
  }
}

function find() {
  const query = search.value.trim();
  if (query === state.query) return;
  state.query = query;
  state.matches = query === "" ? null : matching(query);
  state.shown = LIST;
  mark();
  drawMap();
  drawList();
  if (state.matches === null) say("");
  else {
    const sum = state.matches.reduce((total, file) => total + files.sizes[file], 0);
    say(`${number(state.matches.length)} of ${counted(fileCount, "file")} match, ${bytes(sum)}`);
  }
}

search.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(find, 90);
});
search.addEventListener("keydown", (event) => {
  const [first] = byId("list").querySelectorAll("button");
  if (event.key === "Escape") {
    search.value = "";
    find();
  } else if (event.key === "Enter" || event.key === "ArrowDown") {
    find();
    const target = byId("list").querySelector("button") ?? first;
    if (event.key === "Enter") target?.click();
    target?.isConnected ? target.focus() : byId("list").querySelector("button")?.focus();
  } else return;
  event.preventDefault();
});
byId("list").addEventListener("keydown", (event) => {
  const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  if (event.key === "Escape") search.focus();
  else if (step) {
    const next = document.activeElement.closest("li")?.[step]?.querySelector("button");
    if (next) next.focus();
    else if (event.key === "ArrowUp") search.focus();
  } else return;
  event.preventDefault();
});
document.addEventListener("keydown", (event) => {
  const isTyping = event.target instanceof HTMLInputElement && event.target.type === "search";
  if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  search.focus();
  search.select();
});

// All files of the program are loaded: draw.
for (const part of [byId("search").closest("label"), byId("map-help")]) part.hidden = !data.files;
if (data.files) switchOf(byId("views"), [["packages", "Packages"], ["folders", "Folders"]], "packages", setView);
const colours = [["package", "Package"], data.files ? ["kind", "Kind"] : null, data.before ? ["change", "Change"] : null].filter(Boolean);
if (colours.length > 1) switchOf(byId("colours"), colours, "package", setColour);
drawHead();
// A list of who uses the layer knows nothing of its contents.
const isOpened = Boolean(data.files) || packages.length > 0;
for (const part of document.querySelectorAll(".skip, .overview, #contents")) part.hidden = !isOpened;
if (isOpened) draw();
drawSections();
let size = "";
new ResizeObserver(() => {
  const { width, height } = map.getBoundingClientRect();
  const now = `${Math.round(width)} ${Math.round(height)}`;
  if (now !== size && size !== "") drawMap();
  size = now;
}).observe(map);
