// The data as trees: by package and folder, or by folder only. Nothing is recursive, because folders may be deep.

const data = JSON.parse(document.getElementById("data").textContent);
const KINDS = ["Compiled", "Python", "Bytecode", "Metadata", "Other", "Links"];
const NO_FILES = { folderParents: [0], folderNames: [""], folders: [], names: [], sizes: [], packages: [], kinds: "", rest: [] };
const files = data.files ?? NO_FILES;
const packages = data.packages.map(([name, version, bytes, licence], rank) => ({ name, version, bytes, licence, rank, files: 0, change: null }));
for (const [kind, name, from, to, before, after] of data.changes.rows) {
  const found = packages.find((candidate) => candidate.name === name);
  if (found) found.change = { kind, from, to, growth: after - before };
}
files.packages.forEach((row) => { packages[row].files += 1; });
files.rest.forEach(([row, count]) => { packages[row].files += count; });
const fileCount = packages.reduce((sum, { files }) => sum + files, 0);
const totalBytes = packages.reduce((sum, { bytes }) => sum + bytes, 0);

// Each folder comes after its parent.
const folderPaths = [];
files.folderNames.forEach((name, folder) => {
  const parent = folderPaths[files.folderParents[folder]];
  folderPaths.push(folder === 0 ? "" : `${parent === "" ? "" : `${parent}/`}${name}`);
});
// Folders on Python's search path, where the tree of a package starts.
const isPackageFolder = folderPaths.map((path) => /^python(\/lib\/python3\.\d+\/site-packages)?$/.test(path));
const pathOf = (file) => `${folderPaths[files.folders[file]]}/${files.names[file]}`.replace(/^\//, "");

const NO_CHILDREN = [];

class Entry {
  constructor(name, parent, facts) {
    this.name = name;
    this.parent = parent;
    // One of these is set: the row of a `package`, the number of a `folder` or of a `file`; the others are -1.
    this.package = facts.package ?? -1;
    this.folder = facts.folder ?? -1;
    this.file = facts.file ?? -1;
    this.kind = facts.kind ?? -1;
    this.bytes = facts.bytes ?? 0;
    this.files = facts.files ?? 0;
    // Files below that match the search.
    this.hits = 0;
    this.children = this.file < 0 ? [] : NO_CHILDREN;
    this.isSorted = false;
    parent?.children.push(this);
  }

  get isLeaf() { return this.children.length === 0; }

  // Largest first.
  get sorted() {
    if (!this.isSorted) {
      this.children.sort((left, right) => right.bytes - left.bytes || (left.name < right.name ? -1 : 1));
      this.isSorted = true;
    }
    return this.children;
  }

  get path() {
    if (this.file >= 0) return pathOf(this.file);
    if (this.folder > 0) return folderPaths[this.folder];
    return this.name;
  }

  // The path from the root to this node.
  get line() {
    const line = [];
    for (let node = this; node; node = node.parent) line.unshift(node);
    return line;
  }
}

// In `nodes`, each node comes after its parent; `byFile` has the leaf of each file.
function grow(isByPackage) {
  const root = new Entry(data.name, null, {});
  const nodes = [root];
  const add = (name, parent, facts) => {
    const node = new Entry(name, parent, facts);
    nodes.push(node);
    return node;
  };
  const tops = packages.map(({ name, bytes }, row) => {
    if (!isByPackage) return root;
    // If the files are not known, a package has no children.
    return add(name, root, { package: row, bytes: data.files ? 0 : bytes, files: 0 });
  });
  const known = new Map();
  const width = files.folderNames.length;
  const folderNode = (row, folder) => {
    const key = (number) => (isByPackage ? row * width + number : number);
    let above = folder;
    const last = known.get(key(folder));
    if (last) return last;
    const missing = [];
    const isTop = (number) => number === 0 || (isByPackage && isPackageFolder[number]);
    while (!isTop(above) && !known.has(key(above))) {
      missing.unshift(above);
      above = files.folderParents[above];
    }
    let node = isTop(above) ? tops[row] : known.get(key(above));
    for (const number of missing) {
      node = add(files.folderNames[number], node, { folder: number, package: isByPackage ? row : -1 });
      known.set(key(number), node);
    }
    return node;
  };
  const byFile = files.names.map((name, file) => {
    const row = files.packages[file];
    const facts = { file, package: row, kind: Number(files.kinds[file]), bytes: files.sizes[file], files: 1 };
    return add(name, folderNode(row, files.folders[file]), facts);
  });
  for (const [row, count, bytes] of files.rest) {
    add(`${count.toLocaleString("en")} smaller files`, tops[row], { package: row, bytes, files: count });
  }
  for (let index = nodes.length - 1; index > 0; index -= 1) {
    const node = nodes[index];
    joinOnlyFolder(node);
    node.parent.bytes += node.bytes;
    node.parent.files += node.files;
  }
  return { root, nodes, byFile };
}

// A folder that contains only one folder is merged with it: `python/lib`.
function joinOnlyFolder(node) {
  const [only] = node.children;
  if (node.children.length !== 1 || only.folder < 0) return;
  if (node.folder >= 0) {
    node.name = `${node.name}/${only.name}`;
    node.folder = only.folder;
  }
  node.children = only.children;
  for (const child of node.children) child.parent = node;
}

const trees = new Map();
function treeOf(view) {
  if (!trees.has(view)) trees.set(view, grow(view === "packages"));
  return trees.get(view);
}
