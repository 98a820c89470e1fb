// What is shown: the view, the zoomed frame, the filters, the search; and how they are kept in the
// fragment of the page's address. Paths are kept, not pixels, so they survive another width, order
// or profile.

import { svg } from "./flame_picture.js";
import { COLUMNS, SHAPES, UNION, data, diff, hitsOf, layOut, nodeAtPath, pathOf, sum, treeOf, unionOf } from "./flame_model.js";

export const start = data.start;
export const prefix = svg.dataset.prefix || "";
export const standalone = svg === document.querySelector(":root");

export const state = {
  view: start.view, order: start.order, icicle: start.icicle, shape: start.shape,
  filters: [], // each {mode: keep or hide, source, matchCase, pattern}
  search: "", matchCase: false, problem: "", hit: null,
  zoomed: 0, cursor: -1, hovered: -1,
  matches: [], // drawn ones, in drawing order
  match: -1, // the match last walked to
  searched: {}, // what they were found by, and in which tree
  layout: null,
};
export const zoomPaths = { normal: [], reversed: [] };

export let summed = null;
export let totals = null; // of everything, before any filter, by column

export function setTotals(sums) {
  totals = sums;
}

export function column() {
  return diff ? SHAPES[state.shape] : 0;
}

export function isBoth() {
  return column() === UNION;
}

// Tells whether text is a regular expression, and which.
export function compile(source, matchCase) {
  try {
    return new RegExp(source, matchCase ? "u" : "iu");
  } catch (error) {
    try {
      return new RegExp(source, matchCase ? "" : "i"); // \_ and the like: wrong with u, known as text
    } catch (again) {
      return null;
    }
  }
}

export function filterOf(mode, source, matchCase) {
  const pattern = compile(source, matchCase);
  return pattern && { mode, source, matchCase, pattern };
}

// Computes everything anew; keeps the zoomed frame if it is still there.
export function recompute(path) {
  const tree = treeOf(state.view);
  summed = sum(tree, state.filters);
  relayout(path);
}

export function relayout(path) {
  const tree = treeOf(state.view);
  state.layout = layOut(tree, summed, column(), state.order);
  const found = nodeAtPath(tree, path || zoomPaths[state.view]);
  state.zoomed = found >= 0 && state.layout.place[found] >= 0 ? found : 0;
  zoomPaths[state.view] = pathOf(tree, state.zoomed);
  if (state.cursor >= tree.size || state.layout.place[state.cursor] < 0) state.cursor = -1;
}

export function setView(view) {
  if (view === state.view) return;
  // Paths from the root mean nothing from the leaf, but a function does.
  const last = zoomPaths[state.view].slice(-1);
  state.view = view;
  state.cursor = -1;
  if (!zoomPaths[view].length && last.length) zoomPaths[view] = last;
  recompute();
}

export function zoomTo(node) {
  state.zoomed = node;
  zoomPaths[state.view] = pathOf(state.layout.tree, node);
}

export function runSearch() {
  const { tree } = state.layout;
  const { searched } = state;
  const isSame = searched.text === state.search && searched.matchCase === state.matchCase
    && searched.tree === tree;
  const walkedTo = isSame && state.match >= 0 ? state.matches[state.match] : -1;
  state.searched = { text: state.search, matchCase: state.matchCase, tree };
  state.problem = "";
  state.hit = null;
  if (state.search) {
    const pattern = compile(state.search, state.matchCase);
    if (pattern) state.hit = hitsOf(pattern);
    else state.problem = "not a regular expression";
  }
  const union = state.hit && state.layout.order.length
    ? unionOf(state.layout, state.zoomed, state.hit)
    : { counted: new Array(COLUMNS).fill(0n), matches: [] };
  state.matches = union.matches;
  state.matched = union.counted;
  state.match = walkedTo < 0 ? -1 : state.matches.indexOf(walkedTo);
}

// ---- the fragment -------------------------------------------------------------------------------

// In a page of others a picture without a name of its own must leave the address alone.
export const keepsAddress = standalone || prefix !== "";
export const keyOf = (name) => (prefix ? prefix + "." + name : name);

export function settings() {
  const list = [];
  const path = zoomPaths[state.view];
  if (path.length) list.push(["zoom", path.join(";")]);
  if (state.search) list.push(["search", state.search]);
  if (state.matchCase) list.push(["case", "1"]);
  for (const one of state.filters) list.push([one.mode + (one.matchCase ? "-case" : ""), one.source]);
  if (state.view !== start.view) list.push(["view", state.view]);
  if (state.order !== start.order) list.push(["order", state.order]);
  if (state.icicle !== start.icicle) list.push(["icicle", state.icicle ? "1" : "0"]);
  if (diff && state.shape !== start.shape) list.push(["shape", state.shape]);
  return list;
}

export const NAMES = ["zoom", "search", "case", "keep", "hide", "keep-case", "hide-case", "view", "order",
  "icicle", "shape"];

export function readAddress() {
  const mine = [];
  const others = [];
  for (const part of location.hash.slice(1).split("&").filter(Boolean)) {
    const [key, ...value] = part.split("=");
    const name = NAMES.find((one) => keyOf(one) === key);
    let text = value.join("=");
    try {
      text = decodeURIComponent(text);
    } catch (error) {
      // a stray %: taken as it stands
    }
    if (name && value.length) mine.push([name, text]);
    else others.push(part);
  }
  return { mine, others };
}

export let written = "";

export function writeAddress() {
  svg.dispatchEvent(new CustomEvent("pvprof:change", {
    bubbles: true, detail: { settings: settings() },
  }));
  if (!keepsAddress) return;
  const parts = settings().map(([name, text]) => keyOf(name) + "=" + encodeURIComponent(text));
  const all = readAddress().others.concat(parts).join("&");
  written = all ? "#" + all : "";
  if (written === location.hash) return;
  try {
    history.replaceState(history.state, "", written || location.pathname + location.search);
  } catch (error) {
    // a page without an address of its own: about:srcdoc, data:
  }
}

// Takes over settings as `settings` gives them; what is not among them goes back to the start.
export function applySettings(list) {
  const one = (name) => (list.find(([key]) => key === name) || [])[1];
  const among = (name, allowed, otherwise) => (allowed.includes(one(name)) ? one(name) : otherwise);
  state.view = among("view", ["normal", "reversed"], start.view);
  state.order = among("order", ["name", "weight"], start.order);
  state.icicle = one("icicle") === undefined ? start.icicle : one("icicle") === "1";
  if (diff) state.shape = among("shape", Object.keys(SHAPES), start.shape);
  state.search = one("search") || "";
  state.matchCase = one("case") === "1";
  state.filters = list
    .filter(([key]) => /^(keep|hide)(-case)?$/.test(key))
    .map(([key, source]) => filterOf(key.slice(0, 4), source, key.endsWith("-case")))
    .filter(Boolean);
  state.cursor = -1;
  zoomPaths.normal = [];
  zoomPaths.reversed = [];
  recompute(one("zoom") ? one("zoom").split(";") : []);
}
