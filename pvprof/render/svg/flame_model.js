// The tree of one flame graph: decoding, filters, sums, positions. Nothing here knows of elements.
//
// Values are BigInt, since sums pass 2^53; positions are doubles, which is enough for pixels.

import { svg } from "./flame_picture.js";

export const data = JSON.parse(svg.querySelector("metadata").textContent);
export const diff = data.diff;

export const REST = "...";
export const ROOT = "all";
export const BASE = 0;
export const NEW = 1;
export const UNION = 2;
export const SHAPES = { base: BASE, new: NEW, union: UNION };
export const COLUMNS = diff ? 3 : 1;

export const larger = (a, b) => (a > b ? a : b);

// Reads what script_data.py writes. What is too narrow above a box becomes its last child, so that
// from here on it is a box like others, but for its name.
export function decode(text) {
  const tree = {
    name: [], depth: [], parent: [], kids: [], colour: [], restStacks: [],
    own: [], // by column: the value that ends in a node
  };
  for (let column = 0; column < COLUMNS; column++) tree.own.push([]);
  const open = []; // nodes from the root to the latest one
  const pending = []; // the rest of each node, added when the node closes

  function add(name, own, colour, restStacks) {
    const node = tree.name.length;
    const parent = open.length ? open[open.length - 1] : -1;
    tree.name.push(name);
    tree.depth.push(open.length);
    tree.parent.push(parent);
    tree.kids.push([]);
    tree.colour.push(colour);
    tree.restStacks.push(restStacks);
    for (let column = 0; column < COLUMNS; column++) tree.own[column].push(own[column]);
    if (parent >= 0) tree.kids[parent].push(node);
    return node;
  }

  function close() {
    const rest = pending.pop();
    if (rest) add(-1, rest.values, -1, rest.stacks);
    open.pop();
  }

  const none = new Array(COLUMNS).fill(0n);
  const values = (hex) => hex.split(",").map((one) => BigInt("0x" + one));
  const pattern = /^([0-9a-z]+)(?:\.([0-9a-f,]+))?(?:~([0-9a-f,]+)\*([0-9a-z]+))?(?:!([0-9a-z]+))?(?:\^([0-9a-z]+))?$/;
  for (const token of text ? text.split(" ") : []) {
    const [, name, own, rest, stacks, colour, up] = pattern.exec(token);
    for (let level = up ? parseInt(up, 36) : 0; level > 0; level--) close();
    const number = parseInt(name, 36);
    let owned = own ? values(own) : none;
    if (own && diff) owned = [owned[BASE], owned[NEW], larger(owned[BASE], owned[NEW])];
    const mine = colour ? parseInt(colour, 36) : data.nameColours[number];
    open.push(add(number, owned, mine, 0));
    pending.push(rest ? { values: values(rest), stacks: parseInt(stacks, 36) } : null);
  }
  while (open.length) close();
  tree.size = tree.name.length;
  return tree;
}

export const trees = {};

export function treeOf(view) {
  if (!trees[view]) trees[view] = decode(data.trees[view]);
  return trees[view];
}

export const ANNOTATION = /^([^]+)_\[([kwji])\]$/;
export const ANNOTATIONS = { k: "kernel", w: "waker", j: "JIT", i: "inlined" };
export const shownNames = data.names.map((name) => name.replace(ANNOTATION, "$1"));

// Names as recorded are for paths and searching; annotations are not for people.
export function rawName(tree, node) {
  return tree.name[node] < 0 ? REST : data.names[tree.name[node]];
}

export function shownName(tree, node) {
  return tree.name[node] < 0 ? REST : shownNames[tree.name[node]];
}

export function annotationOf(tree, node) {
  const found = ANNOTATION.exec(rawName(tree, node));
  return found ? ANNOTATIONS[found[2]] : "";
}

// What the user added to the frame's name; both may be empty.
export function linkOf(tree, node) {
  return (data.attributes[tree.name[node]] || [""])[0];
}

export function titleOf(tree, node) {
  return (data.attributes[tree.name[node]] || ["", ""])[1];
}

export const hasLinks = Object.keys(data.attributes).some((name) => data.attributes[name][0]);

export function pathOf(tree, node) {
  const names = [];
  for (let at = node; at > 0; at = tree.parent[at]) names.unshift(rawName(tree, at));
  return names;
}

export function nodeAtPath(tree, names) {
  let node = 0;
  for (const name of names) {
    node = tree.kids[node].find((kid) => rawName(tree, kid) === name);
    if (node === undefined) return -1;
  }
  return node;
}

// For each name whether a pattern finds it. Names are few, nodes are many.
export function hitsOf(pattern) {
  const hits = data.names.map((name) => pattern.test(name));
  return (tree, node) => node > 0 && tree.name[node] >= 0 && hits[tree.name[node]];
}

// A stack is a path to a node where a value ends; it matches if any of its frames does.
export function keptBy(tree, filters) {
  const kept = new Uint8Array(tree.size).fill(1);
  for (const filter of filters) {
    const hit = hitsOf(filter.pattern);
    const on = new Uint8Array(tree.size);
    for (let node = 0; node < tree.size; node++) {
      on[node] = hit(tree, node) || (node > 0 && on[tree.parent[node]]) ? 1 : 0;
      if ((filter.mode === "keep") !== (on[node] === 1)) kept[node] = 0;
    }
  }
  return kept;
}

// The inclusive and the own value of each node, by column.
export function sum(tree, filters) {
  const kept = filters.length ? keptBy(tree, filters) : null;
  const own = kept ? tree.own.map((column) => column.map((one, node) => (kept[node] ? one : 0n)))
    : tree.own;
  const sums = own.map((column) => column.slice());
  for (const column of sums) {
    for (let node = tree.size - 1; node > 0; node--) column[tree.parent[node]] += column[node];
  }
  return { own, sums };
}

// Where every node that has any width starts, in drawing order.
export function layOut(tree, summed, shape, order) {
  const value = summed.sums[shape];
  const own = summed.own[shape];
  const ranking = summed.sums[COLUMNS - 1]; // of a diff the union: siblings keep their places
  const layout = {
    value, tree, summed,
    start: new Float64Array(tree.size),
    width: new Float64Array(tree.size),
    place: new Int32Array(tree.size).fill(-1), // in `order`; -1: not drawn
    last: new Int32Array(tree.size), // the place after its subtree
    order: [],
    rows: [],
  };
  const heavier = (a, b) => {
    const rest = Number(tree.name[a] < 0) - Number(tree.name[b] < 0);
    return rest || (ranking[b] > ranking[a] ? 1 : ranking[b] < ranking[a] ? -1 : a - b);
  };
  const pending = value.length && value[0] > 0n ? [0] : [];
  while (pending.length) {
    const node = pending.pop();
    if (node < 0) { // a subtree is complete
      layout.last[~node] = layout.order.length;
      continue;
    }
    layout.place[node] = layout.order.length;
    layout.order.push(node);
    layout.width[node] = Number(value[node]);
    const depth = tree.depth[node];
    if (depth === layout.rows.length) layout.rows.push([]);
    layout.rows[depth].push(node);
    let kids = tree.kids[node];
    let at = layout.start[node];
    if (order === "weight") kids = kids.slice().sort(heavier);
    else at += Number(own[node]);
    pending.push(~node);
    const drawn = [];
    for (const kid of kids) {
      if (value[kid] === 0n) continue;
      layout.start[kid] = at;
      at += Number(value[kid]);
      drawn.push(kid);
    }
    for (let index = drawn.length - 1; index >= 0; index--) pending.push(drawn[index]);
  }
  return layout;
}

// The step of a frame that only the new profile has; -NEW_STEP: that has vanished.
export const NEW_STEP = diff ? diff.stepRatios.length + 2 : 0;

// The same steps as diff_layout.Threshold.change, from -NEW_STEP to NEW_STEP.
export function changeOf(layout, node) {
  const base = Number(layout.summed.sums[BASE][node]);
  const now = Number(layout.summed.sums[NEW][node]);
  const most = Math.max(base, now);
  const least = Math.min(base, now);
  const delta = 100 * (most - least);
  const total = Math.max(Number(diff.totals[BASE]), Number(diff.totals[NEW]));
  if (!delta || delta < diff.framePercent * most || delta < diff.totalPercent * total) return 0;
  let step = 1 + diff.stepRatios.filter(([high, low]) => low * most >= high * least).length;
  if (!least) step = NEW_STEP;
  return now > base ? step : -step;
}

// How much matching frames take, by column, each part counted once: a match inside a match is
// skipped with its whole subtree.
export function unionOf(layout, node, hit) {
  const { order, last, tree, summed: { sums } } = layout;
  const counted = sums.map(() => 0n);
  const matches = [];
  let covered = -1;
  for (let place = layout.place[node]; place < last[node]; place++) {
    if (!hit(tree, order[place])) continue;
    matches.push(order[place]);
    if (place < covered) continue;
    for (const [one, values] of sums.entries()) counted[one] += values[order[place]];
    covered = last[order[place]];
  }
  return { counted, matches };
}
