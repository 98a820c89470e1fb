// Everything around the boxes: heading, legend, controls, details, provenance. HTML, since that
// wraps text, has real buttons, and is what a screen reader knows.

import { svg } from "./flame_picture.js";
import { data, diff } from "./flame_model.js";
import { counted, formatValue, percent } from "./flame_text.js";
import { column, recompute, relayout, setView, state, totals } from "./flame_state.js";
import { MARGIN, add, frames } from "./flame_draw.js";
import { copy, current, filter, refresh, walk, zoom } from "./flame_main.js";
import { THEME_HINT, THEME_LABELS, themeAfter } from "./themes.js";

export const XHTML = "http://www.w3.org/1999/xhtml";
export const NARROWEST = 320;
// A sheet is narrower than most windows: text that is drawn for this width can be read there.
export const PAPER_WIDTH = 900;
// Below these widths the details need more lines; a diff has more to say.
export const SLIM = diff ? 1400 : 950;
export const SLIMMEST = 640;

export function html(parent, tag, attributes, text) {
  const element = document.createElementNS(XHTML, tag);
  for (const key of Object.keys(attributes || {})) element.setAttribute(key, attributes[key]);
  if (text !== undefined) element.textContent = text;
  return parent.appendChild(element);
}

export function panel(name) {
  const holder = add(svg, "foreignObject", { class: "holder " + name + "-holder", x: 0, y: 0, width: 1, height: 1 });
  return { holder, box: html(holder, "div", { class: name }), top: 0, height: 0 };
}

export const head = panel("head");
export const bar = panel("bar");
svg.append(frames); // Tab comes to the controls first, since there may be thousands of frames
export const foot = panel("foot");

html(head.box, "div", { class: "title", role: "heading", "aria-level": "1" }, data.title);
if (data.subtitle) html(head.box, "div", { class: "subtitle" }, data.subtitle);
if (data.legend.length) {
  const legend = html(head.box, "div", { class: "legend", role: "list", "aria-label": "What the colours mean" });
  for (const [colour, meaning] of data.legend) {
    const item = html(legend, "span", { class: "item", role: "listitem" });
    html(item, "span", { class: "swatch", style: "background:" + colour });
    html(item, "span", {}, meaning);
  }
}

// ---- controls -----------------------------------------------------------------------------------

export const controls = html(bar.box, "div", { class: "controls", role: "toolbar", "aria-label": "Flame graph" });

export function group(name) {
  return html(controls, "span", { class: "group", role: "group", "aria-label": name });
}

export function button(parent, name, label, hint, action) {
  const made = html(parent, "button", { type: "button", class: name, title: hint }, label);
  made.addEventListener("click", action);
  return made;
}

export function press(made, isPressed) {
  made.setAttribute("aria-pressed", isPressed ? "true" : "false");
}

export const finding = group("Search");
export const input = html(finding, "input", {
  type: "text", placeholder: "search: regular expression", spellcheck: "false", autocomplete: "off",
  "aria-label": "Search frames by regular expression",
});
export const caseButton = button(finding, "case", "Aa", "Match case", () => {
  state.matchCase = !state.matchCase;
  refresh();
});
export const previousButton = button(finding, "previous", "\u25c0", "Previous match (Shift+Enter)", () => walk(-1));
export const nextButton = button(finding, "next", "\u25b6", "Next match (Enter)", () => walk(1));
export const keepButton = button(finding, "keep", "Keep", "Show only stacks with a frame that matches", () => filter("keep"));
export const hideButton = button(finding, "hide", "Hide", "Leave out stacks with a frame that matches", () => filter("hide"));

export const viewing = group("View");
export const icicleButton = button(viewing, "icicle", "Icicle", "Root on top", () => {
  state.icicle = !state.icicle;
  refresh();
});
export const reversedButton = button(viewing, "reversed", "Reversed", "Merge stacks from the leaf", () => {
  setView(state.view === "normal" ? "reversed" : "normal");
  refresh();
});
export const orderButton = button(viewing, "weight", "By weight", "Widest frames first, instead of by name", () => {
  state.order = state.order === "name" ? "weight" : "name";
  relayout();
  refresh();
});
export const shapeButtons = {};
if (diff) {
  const shaping = group("Widths");
  for (const [shape, label, hint] of [
    ["base", "Base", "As wide as in the base"],
    ["new", "New", "As wide as in the new profile"],
    ["union", "Both", "As wide as in the larger of both: shows what vanished and what is new"],
  ]) {
    shapeButtons[shape] = button(shaping, "shape-" + shape, label, hint, () => {
      state.shape = shape;
      relayout();
      refresh();
    });
  }
}

export const copying = group("Copy");
export const copyName = button(copying, "copy-name", "Copy name", "The function's name (c, or Ctrl+click a frame)", () => copy(current(), false));
export const copyStack = button(copying, "copy-stack", "Copy stack", "The whole stack (C, or Shift+click a frame)", () => copy(current(), true));

export const resetting = group("Reset");
export const resetButton = button(resetting, "reset", "Reset zoom", "Escape", () => zoom(0));
export const undoButton = button(resetting, "undo", "Undo filter", "Take back the last Keep or Hide", () => {
  state.filters = state.filters.slice(0, -1);
  recompute();
  refresh();
});

export const themeGroup = group("Colours and keys");
export const themeButton = button(themeGroup, "theme", "", THEME_HINT, () => setTheme(themeAfter(theme)));
export let theme = "auto";

export function setTheme(name) {
  theme = name;
  svg.classList.toggle("dark", name === "dark");
  svg.classList.toggle("light", name === "light");
  themeButton.textContent = THEME_LABELS[name];
}

export const details = html(bar.box, "div", { class: "details", "aria-live": "polite" });
export const detailName = html(details, "div", { class: "name" });
export const detailNumbers = html(details, "div", { class: "numbers" });
export const status = html(bar.box, "div", { class: "status" });
export const matched = html(status, "span", { class: "matched", role: "status" });
export const filtered = html(status, "span", { class: "filtered" });
export const onPaper = html(bar.box, "div", { class: "on-paper" }); // instead of all of the bar

// ---- below --------------------------------------------------------------------------------------

export const account = html(foot.box, "div", { class: "account" });
if (data.notes.length) {
  const notes = html(foot.box, "details", { class: "notes", open: "open" });
  html(notes, "summary", {}, "Where this comes from");
  const table = html(notes, "dl", {});
  for (const [label, text] of data.notes) {
    html(table, "dt", {}, label);
    html(table, "dd", {}, text);
  }
  notes.addEventListener("toggle", () => place());
}

export function showAccount() {
  const { layout } = state;
  let stacks = 0;
  let value = 0n;
  for (const node of layout.order) {
    if (layout.tree.name[node] >= 0) continue;
    stacks += layout.tree.restStacks[node];
    value += layout.value[node];
  }
  const total = totals[column()];
  const whole = !diff ? "Total: " : { base: "Total of the base: ", new: "Total of the new profile: ",
    union: "Width: the larger of both values, together " }[state.shape];
  account.textContent = whole + formatValue(total) + "."
    + (stacks ? " Drawn as \"...\": " + counted(stacks, "stack") + " through frames narrower than "
      + data.cutPx + " px, " + percent(value, total) + " of the total; not searched." : "")
    + (diff ? diff.smallWords : "");
}

// ---- sizes and places ---------------------------------------------------------------------------

export let width = 0;
export let height = 0;

export function pageWidth() {
  return width;
}

export let isOnPaper = false;

export function setPaper(isPaper) {
  isOnPaper = isPaper;
}

export function measureWidth() {
  const seen = Math.floor(svg.getBoundingClientRect().width);
  // 0: not shown yet, in a closed tab of a page
  const now = isOnPaper ? PAPER_WIDTH : Math.max(NARROWEST, seen || data.width);
  const changed = now !== width;
  width = now;
  svg.classList.toggle("slim", width < SLIM);
  svg.classList.toggle("slimmest", width <= SLIMMEST);
  return changed;
}

export function place() {
  const matrix = frames.getScreenCTM();
  const scale = (matrix && matrix.d) || 1; // on paper the picture is scaled, what is measured too
  for (const one of [head, bar, foot]) {
    one.holder.setAttribute("width", width);
    one.height = Math.ceil(one.box.getBoundingClientRect().height / scale - 0.01);
    one.holder.setAttribute("height", one.height);
  }
  bar.top = head.height;
  const framesTop = bar.top + bar.height + 4;
  const framesHeight = Math.max(state.layout.rows.length, 1) * data.row;
  frames.setAttribute("transform", "translate(" + MARGIN + "," + framesTop + ")");
  foot.top = framesTop + framesHeight;
  foot.holder.setAttribute("y", foot.top);
  const now = foot.top + foot.height;
  if (now !== height) {
    height = now;
    svg.setAttribute("height", String(height));
  }
  if (isOnPaper) svg.setAttribute("viewBox", "0 0 " + width + " " + height);
  else svg.removeAttribute("viewBox");
  follow();
}

// A tall picture scrolls: the controls and the details stay in the window. Frames come later in the
// document and would be painted over them, so those below are cut off, and get no clicks.
export function follow() {
  const scrolled = isOnPaper ? 0 : -svg.getBoundingClientRect().top;
  const top = Math.max(bar.top, Math.min(scrolled, foot.top - bar.height));
  const cut = Math.max(0, top - bar.top - 4);
  bar.holder.setAttribute("y", top);
  bar.holder.style.setProperty("--top", bar.top + "px");
  frames.style.clipPath = cut ? "inset(" + cut + "px -" + MARGIN + "px -" + MARGIN + "px)" : "";
  bar.box.classList.toggle("floating", top > bar.top);
}
