// Everything around the boxes: heading, legend, controls, details, provenance. HTML, since that
// wraps text, has real buttons, and is what a screen reader knows.

const XHTML = "http://www.w3.org/1999/xhtml";
const NARROWEST = 320;
// Below these widths the details need more lines; a diff has more to say.
const SLIM = diff ? 1400 : 950;
const SLIMMEST = 640;

function html(parent, tag, attributes, text) {
  const element = document.createElementNS(XHTML, tag);
  for (const key of Object.keys(attributes || {})) element.setAttribute(key, attributes[key]);
  if (text !== undefined) element.textContent = text;
  return parent.appendChild(element);
}

function panel(name) {
  const holder = add(svg, "foreignObject", { class: "holder " + name + "-holder", x: 0, y: 0, width: 1, height: 1 });
  return { holder, box: html(holder, "div", { class: name }), top: 0, height: 0 };
}

const head = panel("head");
const bar = panel("bar");
svg.append(frames); // Tab comes to the controls first, since there may be thousands of frames
const foot = panel("foot");

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

const controls = html(bar.box, "div", { class: "controls", role: "toolbar", "aria-label": "Flame graph" });

function group(name) {
  return html(controls, "span", { class: "group", role: "group", "aria-label": name });
}

function button(parent, name, label, hint, action) {
  const made = html(parent, "button", { type: "button", class: name, title: hint }, label);
  made.addEventListener("click", action);
  return made;
}

function press(made, isPressed) {
  made.setAttribute("aria-pressed", isPressed ? "true" : "false");
}

const finding = group("Search");
const input = html(finding, "input", {
  type: "text", placeholder: "search: regular expression", spellcheck: "false", autocomplete: "off",
  "aria-label": "Search frames by regular expression",
});
const caseButton = button(finding, "case", "Aa", "Match case", () => {
  state.matchCase = !state.matchCase;
  refresh();
});
const previousButton = button(finding, "previous", "\u25c0", "Previous match (Shift+Enter)", () => walk(-1));
const nextButton = button(finding, "next", "\u25b6", "Next match (Enter)", () => walk(1));
const keepButton = button(finding, "keep", "Keep", "Show only towers with a frame that matches", () => filter("keep"));
const hideButton = button(finding, "hide", "Hide", "Leave out towers with a frame that matches", () => filter("hide"));

const viewing = group("View");
const icicleButton = button(viewing, "icicle", "Icicle", "Root on top", () => {
  state.icicle = !state.icicle;
  refresh();
});
const reversedButton = button(viewing, "reversed", "Reversed", "Merge stacks from the leaf", () => {
  setView(state.view === "normal" ? "reversed" : "normal");
  refresh();
});
const orderButton = button(viewing, "weight", "By weight", "Widest frames first, instead of by name", () => {
  state.order = state.order === "name" ? "weight" : "name";
  relayout();
  refresh();
});
const shapeButtons = {};
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

const copying = group("Copy");
const copyName = button(copying, "copy-name", "Copy name", "The function's name (c, or Ctrl+click a frame)", () => copy(current(), false));
const copyStack = button(copying, "copy-stack", "Copy stack", "The whole stack (C, or Shift+click a frame)", () => copy(current(), true));

const resetting = group("Reset");
const resetButton = button(resetting, "reset", "Reset zoom", "Escape", () => zoom(0));
const undoButton = button(resetting, "undo", "Undo filter", "Take back the last Keep or Hide", () => {
  state.filters = state.filters.slice(0, -1);
  recompute();
  refresh();
});

const THEMES = ["auto", "dark", "light"];
const themeButton = button(group("Colours of the page"), "theme", "", "Light, dark, or as the system", () => {
  setTheme(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]);
});
let theme = "auto";

function setTheme(name) {
  theme = name;
  svg.classList.toggle("dark", name === "dark");
  svg.classList.toggle("light", name === "light");
  themeButton.textContent = { auto: "\u25d0 Auto", dark: "\u25cf Dark", light: "\u25cb Light" }[name];
}

const details = html(bar.box, "div", { class: "details", "aria-live": "polite" });
const detailName = html(details, "div", { class: "name" });
const detailNumbers = html(details, "div", { class: "numbers" });
const status = html(bar.box, "div", { class: "status" });
const matched = html(status, "span", { class: "matched", role: "status" });
const filtered = html(status, "span", { class: "filtered" });
const onPaper = html(bar.box, "div", { class: "on-paper" }); // instead of all of the bar

// ---- below --------------------------------------------------------------------------------------

const account = html(foot.box, "div", { class: "account" });
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

function showAccount() {
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
      + data.cutPx + " px, " + percent(value, total) + " of the total; not searched." : "");
}

// ---- sizes and places ---------------------------------------------------------------------------

let width = 0;
let height = 0;

function pageWidth() {
  return width;
}

function measureWidth() {
  const seen = Math.floor(svg.getBoundingClientRect().width);
  // 0: not shown yet, in a closed tab of a page
  const now = Math.max(NARROWEST, seen || data.width);
  const changed = now !== width;
  width = now;
  svg.classList.toggle("slim", width < SLIM);
  svg.classList.toggle("slimmest", width <= SLIMMEST);
  return changed;
}

function place() {
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
    svg.setAttribute("height", height);
  }
  follow();
}

// A tall picture scrolls: the controls and the details stay in the window. Frames come later in the
// document and would be painted over them, so those below are cut off, and get no clicks.
function follow() {
  const scrolled = -svg.getBoundingClientRect().top;
  const top = Math.max(bar.top, Math.min(scrolled, foot.top - bar.height));
  const cut = Math.max(0, top - bar.top - 4);
  bar.holder.setAttribute("y", top);
  bar.holder.style.setProperty("--top", bar.top + "px");
  frames.style.clipPath = cut ? "inset(" + cut + "px -" + MARGIN + "px -" + MARGIN + "px)" : "";
  bar.box.classList.toggle("floating", top > bar.top);
}
