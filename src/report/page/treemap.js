// Squarified treemaps (Bruls, Huizing, van Wijk, 2000): rectangles that are nearly square, in reading order.

const HEAD = 20;
const LEVELS = 5;
// The most cells that people can tell apart and a browser can draw quickly.
const CELLS = 1500;

// Rectangles for items with a size, the largest first: `[item, x, y, width, height]`.
function squarify(items, x, y, width, height) {
  const placed = [];
  let left = items.reduce((sum, { bytes }) => sum + bytes, 0);
  let start = 0;
  while (start < items.length && left > 0 && width > 0 && height > 0) {
    const scale = (width * height) / left;
    const side = Math.min(width, height);
    let end = start;
    let row = 0;
    let worst = Infinity;
    while (end < items.length) {
      const next = row + items[end].bytes * scale;
      const largest = items[start].bytes * scale;
      const smallest = items[end].bytes * scale;
      const ratio = Math.max((side * side * largest) / (next * next), (next * next) / (side * side * smallest));
      if (ratio > worst) break;
      worst = ratio;
      row = next;
      end += 1;
    }
    const thickness = row / side;
    const isColumn = width >= height;
    let offset = 0;
    for (let index = start; index < end; index += 1) {
      const length = (items[index].bytes * scale) / thickness;
      placed.push(isColumn ? [items[index], x, y + offset, thickness, length] : [items[index], x + offset, y, length, thickness]);
      offset += length;
      left -= items[index].bytes;
    }
    if (isColumn) [x, width] = [x + thickness, width - thickness];
    else [y, height] = [y + thickness, height - thickness];
    start = end;
  }
  return placed;
}

// Items that are too small to be seen are combined into one.
function visibleChildren(node, area, least) {
  const some = node.sorted.filter(({ bytes }) => bytes > 0);
  const scale = area / Math.max(node.bytes, 1);
  const first = some.findIndex(({ bytes }) => bytes * scale < least);
  if (first < 0 || some.length - first < 2) return some;
  const rest = some.slice(first);
  const sum = (what) => rest.reduce((total, child) => total + what(child), 0);
  const together = {
    isRest: true, parent: node, count: rest.length, bytes: sum((child) => child.bytes), files: sum((child) => child.files),
    package: node.package, kind: -1, file: -1, folder: -1, children: [], hits: sum((child) => child.hits), isLeaf: true,
    name: `+${number(rest.length)}`,
  };
  // The combined item is sorted by its size, as any other.
  const place = some.findIndex(({ bytes }) => bytes < together.bytes);
  return [...some.slice(0, Math.min(place, first)), together, ...some.slice(Math.min(place, first), first)];
}

// Cells from the outside in, each after its parent: `{ node, depth, x, y, width, height, isOpen }`.
function cellsOf(root, width, height) {
  let least = 36;
  let cells = cellsFrom(least, root, width, height);
  while (cells.length > CELLS) {
    least *= 1.7;
    cells = cellsFrom(least, root, width, height);
  }
  return cells;
}

// `least` is the smallest area of a cell, in square pixels.
function cellsFrom(least, root, width, height) {
  const cells = [];
  const open = [{ node: root, depth: 0, x: 0, y: 0, width, height }];
  while (open.length > 0) {
    const { node, depth, ...box } = open.shift();
    const area = box.width * box.height;
    for (const [child, x, y, wide, high] of squarify(visibleChildren(node, area, least), box.x, box.y, box.width, box.height)) {
      const [left, top] = [Math.round(x), Math.round(y)];
      const cell = { node: child, depth: depth + 1, x: left, y: top, width: Math.round(x + wide) - left, height: Math.round(y + high) - top };
      if (cell.width < 2 || cell.height < 2) continue;
      const hasHead = cell.width >= 48 && cell.height >= 44;
      cell.isOpen = !child.isLeaf && depth + 1 < LEVELS && (hasHead || (cell.width >= 26 && cell.height >= 26));
      cell.hasHead = cell.isOpen && hasHead;
      cells.push(cell);
      if (cell.isOpen) {
        const head = cell.hasHead ? HEAD : 3;
        open.push({ node: child, depth: depth + 1, x: left + 3, y: top + head, width: cell.width - 6, height: cell.height - head - 3 });
      }
    }
  }
  return cells;
}
