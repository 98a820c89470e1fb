// Boxes on the screen. Those wide enough to be pointed at are elements of their own, which Tab
// reaches and a screen reader reads; the others, which may be ten thousands, are one path for each
// colour. Which box lies under the pointer is computed, so both kinds answer alike.

import { svg } from "./flame_picture.js";
import { NEW_STEP, changeOf, data, diff, linkOf, shownName } from "./flame_model.js";
import { cellPixels, fit } from "./flame_text.js";
import { state } from "./flame_state.js";
import { pageWidth } from "./flame_page.js";
import { placeCursor, spokenOf } from "./flame_main.js";

export const SVG = svg.namespaceURI;
export const MARGIN = 10;
export const LABEL_PAD = 3;
export const OWN_ELEMENT_PX = 3;
export const LABELLED_PX = 30;
export const MAX_ELEMENTS = 3000;
export const GAP_FROM_PX = 2;
export const GAP_PX = 0.5;
export const boxHeight = data.row - 1;
export const baseline = String((10 * boxHeight + 7 * data.font) / 20);

export function add(parent, tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const key of Object.keys(attributes || {})) element.setAttribute(key, attributes[key]);
  return parent.appendChild(element);
}

export const frames = add(svg, "g", {
  class: "frames", role: "tree", "aria-label": "Frames: arrows walk, Enter zooms",
});
export const ground = add(frames, "rect", { class: "ground", fill: "none", "pointer-events": "all" });
export const pathGroup = add(frames, "g", {
  class: "narrow", "aria-hidden": "true", transform: "scale(0.01,1)",
});
export const boxGroup = add(frames, "g", { class: "boxes" });
export const hoverMark = add(frames, "rect", { class: "hover", display: "none" });
export const cursorMark = add(frames, "g", { class: "cursor", role: "treeitem", tabindex: "-1" });
export const cursorRect = add(cursorMark, "rect", {});
export const pool = []; // elements of wide boxes, in the order of the tree
export const paths = new Map(); // by colour

// What was drawn last: where the zoomed frame starts, and pixels for each unit.
export const drawn = { origin: 0, scale: 1, inner: 0, above: [], elements: new Map() };

export const roundPx = (x) => Math.round(x * 100) / 100;

export function rowTop(depth) {
  const levels = state.layout.rows.length;
  return data.row * (state.icicle ? depth : levels - 1 - depth);
}

export function colourOf(node) {
  const { tree } = state.layout;
  if (state.hit && state.hit(tree, node)) return data.matchColour;
  if (diff) return diff.colours[changeOf(state.layout, node) + NEW_STEP];
  if (node === 0) return data.rootColour;
  return tree.name[node] < 0 ? data.restColour : data.colours[tree.colour[node]];
}

// A change that only one profile has is marked in the label too, not by colour alone.
export function labelOf(node, cells) {
  const name = shownName(state.layout.tree, node);
  const change = diff ? changeOf(state.layout, node) : 0;
  const sign = !change ? "" : change === NEW_STEP ? "+ " : change === -NEW_STEP ? "- " : "";
  const label = fit(name, cells - sign.length);
  return label && sign + label;
}

export function newElement() {
  const group = add(boxGroup, "g", { role: "treeitem", tabindex: "0" });
  const rect = add(group, "rect", { height: boxHeight });
  const text = add(group, "text", { x: LABEL_PAD, y: baseline, "aria-hidden": "true" });
  return { group, rect, text, node: -1, known: {} };
}

// Writes only what has changed: that is what makes a click quick.
export function put(box, element, key, value) {
  const id = element === box.group ? key : "r" + key;
  if (box.known[id] === value) return;
  box.known[id] = value;
  element.setAttribute(key, value);
}

export function putElement(box, node, left, width, isAbove) {
  box.node = node;
  drawn.elements.set(node, box);
  put(box, box.group, "transform", "translate(" + left + "," + rowTop(state.layout.tree.depth[node]) + ")");
  const linked = linkOf(state.layout.tree, node) ? " linked" : "";
  put(box, box.group, "class", (isAbove ? "above" : "inside") + linked);
  put(box, box.group, "aria-level", state.layout.tree.depth[node] + 1);
  put(box, box.group, "aria-label", spokenOf(node));
  put(box, box.rect, "width", roundPx(width >= GAP_FROM_PX ? width - GAP_PX : width));
  put(box, box.rect, "fill", colourOf(node));
  const cells = Math.floor((width - 2 * LABEL_PAD) / cellPixels + 1e-6);
  const label = labelOf(node, cells);
  if (box.known.label !== label) {
    box.known.label = label;
    box.text.textContent = label;
  }
  if (box.known.hidden) {
    box.known.hidden = false;
    box.group.removeAttribute("display");
  }
}

// Edges are rounded, not widths, so that neighbours meet.
export function edgesOf(node) {
  const left = roundPx((state.layout.start[node] - drawn.origin) * drawn.scale);
  const right = roundPx((state.layout.start[node] + state.layout.width[node] - drawn.origin) * drawn.scale);
  return [left, roundPx(right - left)];
}

// From which width on boxes get elements: not too many may.
export function elementLimit(nodes) {
  const limit = OWN_ELEMENT_PX / drawn.scale;
  const wide = nodes.filter((node) => state.layout.width[node] >= limit);
  if (wide.length <= MAX_ELEMENTS) return limit;
  const widths = Float64Array.from(wide, (node) => state.layout.width[node]).sort();
  const justWider = widths[widths.length - 1 - MAX_ELEMENTS] * (1 + Number.EPSILON);
  return Math.min(justWider, LABELLED_PX / drawn.scale);
}

export function draw() {
  const { layout } = state;
  const { tree } = layout;
  drawn.inner = pageWidth() - 2 * MARGIN;
  drawn.origin = layout.start[state.zoomed];
  drawn.scale = drawn.inner / (layout.width[state.zoomed] || 1);
  drawn.above = [];
  drawn.elements.clear();
  for (let at = tree.parent[state.zoomed]; at >= 0; at = tree.parent[at]) drawn.above.unshift(at);
  const inside = layout.order.slice(layout.place[state.zoomed], layout.last[state.zoomed]);
  const limit = elementLimit(inside);
  const pieces = new Map();
  let used = 0;
  const next = () => {
    if (used === pool.length) pool.push(newElement());
    return pool[used++];
  };
  if (layout.order.length) {
    for (const node of drawn.above) putElement(next(), node, 0, drawn.inner, true);
    for (const node of inside) {
      if (layout.width[node] >= limit) putElement(next(), node, ...edgesOf(node), false);
    }
    gather(inside, limit, pieces);
  }
  for (let index = used; index < pool.length; index++) {
    if (pool[index].known.hidden) continue;
    pool[index].known.hidden = true;
    pool[index].node = -1;
    pool[index].group.setAttribute("display", "none");
  }
  drawPaths(pieces);
  ground.setAttribute("width", drawn.inner);
  ground.setAttribute("height", layout.rows.length * data.row);
  mark(hoverMark, -1);
  placeCursor();
}

// The pieces of the paths of all narrow boxes. This is where a click spends its time, so nothing
// is looked up twice, and x is in whole hundredths: the group scales it, and writing whole numbers
// takes a third of the time.
export function gather(nodes, limit, pieces) {
  const { start, width, rows, tree: { depth } } = state.layout;
  const tops = rows.map((_, level) => rowTop(level));
  const { origin, scale } = drawn;
  const down = "v" + boxHeight + "h-";
  for (const node of nodes) {
    if (width[node] >= limit) continue;
    const left = Math.round((start[node] - origin) * scale * 100);
    let wide = Math.round((start[node] + width[node] - origin) * scale * 100) - left;
    if (wide >= GAP_FROM_PX * 100) wide -= GAP_PX * 100;
    const colour = colourOf(node);
    const list = pieces.get(colour);
    const piece = "M" + left + " " + tops[depth[node]] + "h" + wide + down + wide + "z";
    if (list) list.push(piece);
    else pieces.set(colour, [piece]);
  }
}

export function drawPaths(pieces) {
  for (const [colour, path] of paths) {
    if (!pieces.has(colour)) path.setAttribute("d", "");
  }
  for (const [colour, list] of pieces) {
    if (!paths.has(colour)) paths.set(colour, add(pathGroup, "path", { fill: colour }));
    paths.get(colour).setAttribute("d", list.join(""));
  }
}

// ---- where a frame is, and which frame is where -------------------------------------------------

export function isDrawn(node) {
  if (node < 0 || state.layout.place[node] < 0) return false;
  const place = state.layout.place[node];
  return drawn.above.includes(node)
    || (place >= state.layout.place[state.zoomed] && place < state.layout.last[state.zoomed]);
}

export function rectOf(node) {
  const [left, width] = drawn.above.includes(node) ? [0, drawn.inner] : edgesOf(node);
  return { x: left, y: rowTop(state.layout.tree.depth[node]), width };
}

export function nodeAt(x, y) {
  const { layout } = state;
  const level = Math.floor(y / data.row);
  const depth = state.icicle ? level : layout.rows.length - 1 - level;
  if (depth < 0 || depth >= layout.rows.length || x < 0 || x > drawn.inner) return -1;
  if (depth < drawn.above.length) return drawn.above[depth];
  const row = layout.rows[depth];
  const value = drawn.origin + x / drawn.scale;
  let low = 0;
  let high = row.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (layout.start[row[middle]] <= value) low = middle + 1;
    else high = middle;
  }
  const node = low ? row[low - 1] : -1;
  if (node < 0 || value >= layout.start[node] + layout.width[node]) return -1;
  return isDrawn(node) ? node : -1;
}

export function nodeUnder(event) {
  const matrix = frames.getScreenCTM();
  if (!matrix) return -1;
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
  return nodeAt(point.x, point.y);
}

// Outlines a frame; one narrower than a line stays visible.
export function mark(rect, node) {
  if (!isDrawn(node)) {
    rect.setAttribute("display", "none");
    return;
  }
  const { x, y, width } = rectOf(node);
  rect.setAttribute("x", x - (width < 2 ? 1 : 0));
  rect.setAttribute("y", y);
  rect.setAttribute("width", Math.max(width - GAP_PX, 2));
  rect.setAttribute("height", boxHeight);
  rect.removeAttribute("display");
}
