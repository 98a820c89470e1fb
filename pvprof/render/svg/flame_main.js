// What happens when: mouse, keyboard, address, other parts of the page.

import { svg } from "./flame_picture.js";
import { BASE, NEW, annotationOf, data, diff, linkOf, pathOf, shownName, sum, titleOf, treeOf, unionOf } from "./flame_model.js";
import { counted, formatValue, percent, shortValue } from "./flame_text.js";
import { applySettings, column, filterOf, isBoth, keepsAddress, readAddress, recompute, runSearch, setTotals, settings, standalone, start, state, totals, writeAddress, written, zoomTo } from "./flame_state.js";
import { cursorMark, cursorRect, draw, drawn, frames, hoverMark, isDrawn, mark, nodeUnder, pool, rectOf } from "./flame_draw.js";
import { showShortcuts } from "./flame_help.js";
import { openLink, showLink } from "./flame_links.js";
import { bar, caseButton, copyName, copyStack, detailName, detailNumbers, filtered, follow, hideButton, icicleButton, input, keepButton, matched, measureWidth, nextButton, onPaper, orderButton, place, press, previousButton, resetButton, reversedButton, setTheme, shapeButtons, showAccount, undoButton } from "./flame_page.js";

// ---- words about one frame ----------------------------------------------------------------------

// How much a part is of a whole, both by column: of a diff drawn as wide as the larger of both, that
// is no share of either profile, so each side gets its own.
export function shareOf(part, whole, of) {
  if (!isBoth()) return percent(part[column()], whole[column()]) + (of ? " of " + of : "");
  const [base, now] = [BASE, NEW].map((side) => percent(part[side], whole[side]));
  if (of === "all" || !of) return base + " of base, " + now + " of new";
  return base + " of " + of + " in base, " + now + " in new";
}

export function sumsOf(node) {
  return state.layout.summed.sums.map((one) => one[node]);
}

export function shareWords(node) {
  const { layout } = state;
  const value = layout.value[node];
  const words = [percent(value, totals[column()]) + " of all"];
  if (state.filters.length) words.push(percent(value, layout.value[0]) + " of what is shown");
  if (state.zoomed && !drawn.above.includes(node)) {
    words.push(shareOf(sumsOf(node), sumsOf(state.zoomed), "the zoomed frame"));
  }
  return words;
}

export function spokenOf(node) {
  const { layout } = state;
  const words = [shownName(layout.tree, node)];
  if (diff) words.push(changeWords(node));
  else words.push(shortValue(layout.value[node]));
  words.push(shareOf(sumsOf(node), totals, "all"));
  if (linkOf(layout.tree, node)) words.push("has a link: o opens it");
  return words.join(", ");
}

export function changeWords(node) {
  const [base, now] = [BASE, NEW].map((side) => state.layout.summed.sums[side][node]);
  if (!base) return "only in new: " + shortValue(now);
  if (!now) return "vanished, in base: " + shortValue(base) + " (-100.00%)";
  const delta = now - base;
  return "base " + shortValue(base) + ", new " + shortValue(now) + ": "
    + (delta > 0n ? "+" : "") + shortValue(delta) + " (" + (delta > 0n ? "+" : "")
    + percent(delta, base) + ")";
}

export function numbersOf(node) {
  const { layout } = state;
  const { tree } = layout;
  const words = [];
  if (diff) {
    const sides = [BASE, NEW].map((side) => percent(layout.summed.sums[side][node], totals[side]));
    words.push(changeWords(node), sides[0] + " of base, " + sides[1] + " of new");
    if (state.zoomed && !drawn.above.includes(node)) words.push(shareWords(node).pop());
  } else {
    words.push(formatValue(layout.value[node]), ...shareWords(node));
    const own = layout.summed.own[0][node];
    if (own && own !== layout.value[node]) words.push("self " + shortValue(own));
  }
  if (tree.restStacks[node]) words.push(counted(tree.restStacks[node], "stack") + " too narrow to draw");
  if (node && tree.name[node] >= 0) {
    const all = unionOf(layout, 0, (_, other) => tree.name[other] === tree.name[node]);
    const once = sumsOf(node);
    const columns = isBoth() ? [BASE, NEW] : [column()];
    if (columns.some((one) => all.counted[one] !== once[one])) {
      const values = isBoth() ? "base " + shortValue(all.counted[BASE]) + ", new " + shortValue(all.counted[NEW])
        : shortValue(all.counted[column()]);
      words.push("in all places " + values + (isBoth() ? ": " : ", ") + shareOf(all.counted, totals));
    }
  }
  const annotation = annotationOf(tree, node);
  if (annotation) words.unshift(annotation);
  if (titleOf(tree, node)) words.unshift(titleOf(tree, node));
  return words.join(" \u00b7 ");
}

export function describe() {
  // The root is described like others when it is pointed at, but a picture that is not zoomed is
  // not zoomed into it.
  const wanted = [state.hovered, state.cursor, state.zoomed || -1].find(isDrawn);
  const shown = wanted === undefined ? -1 : wanted;
  const hint = "Click a frame to zoom; Ctrl+click copies its name, Shift+click its stack.";
  detailName.textContent = shown < 0 ? "" : shownName(state.layout.tree, shown);
  detailNumbers.textContent = shown < 0 ? hint : numbersOf(shown);
  showLink(shown < 0 ? "" : linkOf(state.layout.tree, shown));
}

// ---- after any change ---------------------------------------------------------------------------

export function refresh() {
  if (input.value !== state.search) input.value = state.search;
  runSearch();
  const held = hasFocus() && state.layout.order.length > 0;
  draw();
  // Elements are used again for other frames: what has the focus must not just become another one.
  if (held && !isDrawn(state.cursor)) state.cursor = state.zoomed;
  showMatched();
  showFiltered();
  showOnPaper();
  press(caseButton, state.matchCase);
  press(icicleButton, state.icicle);
  press(reversedButton, state.view === "reversed");
  press(orderButton, state.order === "weight");
  for (const shape of Object.keys(shapeButtons)) press(shapeButtons[shape], shape === state.shape);
  resetButton.disabled = !state.zoomed;
  undoButton.disabled = !state.filters.length;
  copyName.disabled = copyStack.disabled = current() <= 0;
  const none = !state.hit || !state.matches.length;
  previousButton.disabled = nextButton.disabled = keepButton.disabled = hideButton.disabled = none;
  describe();
  showAccount();
  place();
  if (held) focusNode(state.cursor);
  writeAddress();
}

export function showMatched() {
  matched.classList.toggle("wrong", state.problem !== "");
  if (state.problem || !state.hit) {
    matched.textContent = state.problem;
    return;
  }
  const of = state.zoomed ? "the zoomed frame" : state.filters.length ? "what is shown" : "";
  matched.textContent = "Matched: " + shareOf(state.matched, sumsOf(state.zoomed), of)
    + " (" + (state.match >= 0 ? state.match + 1 + " of " : "")
    + counted(state.matches.length, "frame") + ")";
}

export function showFiltered() {
  const words = state.filters.map((one) => (one.mode === "keep" ? "only stacks with " : "no stacks with ") + one.source);
  if (!words.length) {
    filtered.textContent = "";
    return;
  }
  filtered.textContent = "Shown: " + words.join(", ") + ": " + shareOf(sumsOf(0), totals, "all");
}

// Paper has no search field and no zoomed frame: words state what is shown.
export function showOnPaper() {
  const lines = [];
  if (state.zoomed) {
    lines.push("Zoomed into: " + shownName(state.layout.tree, state.zoomed) + ", "
      + shareOf(sumsOf(state.zoomed), totals, "all"));
  }
  if (filtered.textContent) lines.push(filtered.textContent);
  if (state.search) {
    lines.push("Search: " + state.search + (state.matchCase ? " (case matters)" : "") + ". "
      + matched.textContent);
  }
  onPaper.textContent = lines.join("\n");
}

export function zoom(node) {
  zoomTo(node);
  state.cursor = node || -1;
  refresh();
}

export function filter(mode) {
  const one = filterOf(mode, state.search, state.matchCase);
  if (!one || !state.search) return;
  state.filters = state.filters.concat([one]);
  state.search = "";
  recompute();
  refresh();
}

// ---- the frame that the keyboard is at ----------------------------------------------------------

export function hasFocus() {
  return frames.contains(document.activeElement);
}

export function current() {
  return isDrawn(state.cursor) ? state.cursor : state.zoomed;
}

export function placeCursor() {
  const show = state.cursor > 0 && isDrawn(state.cursor) && state.cursorShown;
  mark(cursorRect, show ? state.cursor : -1);
}

export function focusNode(node) {
  const box = drawn.elements.get(node);
  if (!box) {
    cursorMark.setAttribute("aria-label", spokenOf(node));
    cursorMark.setAttribute("aria-level", state.layout.tree.depth[node] + 1);
  }
  (box ? box.group : cursorMark).focus({ preventScroll: true });
}

export function goTo(node, takesFocus) {
  state.cursor = node;
  state.cursorShown = true;
  state.hovered = -1; // what was done last is what is described
  mark(hoverMark, -1);
  placeCursor();
  if (takesFocus) focusNode(node);
  describe();
  copyName.disabled = copyStack.disabled = current() <= 0;
  reveal(node);
}

// Scrolls a tall picture so that a frame is seen, below the controls.
export function reveal(node) {
  const matrix = frames.getScreenCTM();
  const { y } = rectOf(node);
  const top = new DOMPoint(0, y).matrixTransform(matrix).y;
  const free = bar.height + 8;
  if (top < free) window.scrollBy(0, top - free);
  else if (top > window.innerHeight - 2 * data.row) window.scrollBy(0, top - window.innerHeight + 2 * data.row);
}

export function walk(step) {
  const count = state.matches.length;
  if (!count) return;
  state.match = state.match < 0 ? (step > 0 ? 0 : count - 1) : (state.match + step + count) % count;
  goTo(state.matches[state.match], false);
  showMatched();
}

export function neighbour(node, key) {
  const { tree, rows, value } = state.layout;
  const outward = key === (state.icicle ? "ArrowDown" : "ArrowUp");
  if (key === "ArrowUp" || key === "ArrowDown") {
    if (!outward) return tree.parent[node];
    const onPath = drawn.above.concat([state.zoomed])[tree.depth[node] + 1];
    if (onPath !== undefined && drawn.above.includes(node)) return onPath;
    return tree.kids[node].reduce((best, kid) => (isDrawn(kid) && (best < 0 || value[kid] > value[best]) ? kid : best), -1);
  }
  const row = rows[tree.depth[node]];
  const next = row[row.indexOf(node) + (key === "ArrowRight" ? 1 : -1)];
  return next === undefined ? -1 : next;
}

// ---- copying ------------------------------------------------------------------------------------

export function copy(node, wholeStack) {
  if (node <= 0) return;
  const { tree } = state.layout;
  const path = pathOf(tree, node);
  if (state.view === "reversed") path.reverse();
  const shown = shownName(tree, node);
  const text = wholeStack ? path.join(";") : shown.slice(shown.indexOf("`") + 1) || shown;
  const say = (what) => {
    detailName.textContent = what;
    detailNumbers.textContent = text;
  };
  if (!navigator.clipboard) { // a page that is not served safely
    say("Copy this:");
    return;
  }
  navigator.clipboard.writeText(text).then(() => say("Copied:"), () => say("Copy this:"));
}

// ---- mouse --------------------------------------------------------------------------------------

export function hover(node) {
  if (node === state.hovered) return;
  state.hovered = node;
  mark(hoverMark, node);
  describe();
}

frames.addEventListener("mousemove", (event) => hover(nodeUnder(event)));
frames.addEventListener("mouseleave", () => hover(-1));
frames.addEventListener("click", (event) => {
  // a screen reader clicks elements, at no place at all
  const box = event.detail === 0 && pool.find((one) => one.group.contains(event.target));
  const node = box ? box.node : nodeUnder(event);
  if (node < 0) return;
  if (event.ctrlKey || event.metaKey || event.shiftKey) copy(node, event.shiftKey);
  else {
    state.cursorShown = false;
    zoom(node);
  }
});

// ---- keyboard -----------------------------------------------------------------------------------

// Not on the frames: an SVG element that listens for focus becomes a stop for Tab itself.
document.addEventListener("focusin", (event) => {
  const box = pool.find((one) => one.group === event.target);
  if (!box || box.node < 0) return;
  state.cursor = box.node;
  describe();
  copyName.disabled = copyStack.disabled = current() <= 0;
});

frames.addEventListener("keydown", (event) => {
  const node = current();
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Enter" || event.key === " ") zoom(node);
  else if (event.key === "c" || event.key === "C") copy(node, event.key === "C");
  else if (event.key === "o") openLink(node);
  else if (event.key === "n" || event.key === "N") walk(event.key === "n" ? 1 : -1);
  else if (event.key.startsWith("Arrow")) {
    const next = neighbour(node, event.key);
    if (isDrawn(next)) goTo(next, true);
  } else return;
  event.preventDefault();
});

// In a page of others, keys belong to the picture that is typed into, else to the one under the
// pointer, else to the focused one.
export function isMine() {
  if (standalone) return true;
  const focused = document.activeElement && document.activeElement.closest(".pvprof-flame");
  const typedInto = document.activeElement && document.activeElement.matches("input") && focused;
  return (typedInto || document.querySelector(".pvprof-flame:hover") || focused) === svg;
}

export function isTyping(target) {
  return target !== input && target.closest && target.closest("input, textarea, select, [contenteditable]");
}

window.addEventListener("keydown", (event) => {
  if (!isMine() || isTyping(event.target)) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "f") {
    if (document.activeElement === input) return; // the second time the browser's own search opens
    event.preventDefault();
    input.focus();
    input.select();
  } else if (event.key === "?" && event.target !== input && !event.defaultPrevented) showShortcuts();
  else if (event.key === "Escape") leave();
});

// The latest thing is undone first: the search, then the zoom, then the filters.
export function leave() {
  if (state.search) state.search = "";
  else if (state.zoomed) {
    const left = state.zoomed;
    zoomTo(0);
    // who walks by keyboard goes on from where the zoom was
    state.cursor = hasFocus() ? left : -1;
    refresh();
    return;
  } else if (state.filters.length) {
    state.filters = [];
    recompute();
  }
  if (document.activeElement === input) input.blur();
  refresh();
}

input.addEventListener("input", () => {
  state.search = input.value;
  state.cursor = -1;
  refresh();
});
input.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  if (event.ctrlKey && state.match >= 0) zoom(state.matches[state.match]);
  else walk(event.shiftKey ? -1 : 1);
});

// ---- the page around ----------------------------------------------------------------------------

// What a page may ask for; docs/layouts.md lists it.
svg.addEventListener("pvprof:show", (event) => {
  const wanted = (event instanceof CustomEvent && event.detail) || {};
  const list = wanted.reset ? [] : settings().filter(([key]) => !(key in wanted)
    && !((wanted.lock || wanted.keep || wanted.hide) && /^(keep|hide)/.test(key))
    && !(wanted.lock && key === "zoom"));
  for (const key of ["search", "view", "order", "shape"]) {
    if (wanted[key] !== undefined) list.push([key, String(wanted[key])]);
  }
  if (wanted.case) list.push(["case", "1"]);
  if (wanted.icicle !== undefined) list.push(["icicle", wanted.icicle ? "1" : "0"]);
  if (wanted.zoom) list.push(["zoom", [].concat(wanted.zoom).join(";")]);
  if (wanted.keep) list.push(["keep", String(wanted.keep)]);
  if (wanted.hide) list.push(["hide", String(wanted.hide)]);
  for (const lock of [].concat(wanted.lock || [])) { // of several, stacks have all; of none, all are shown
    list.push(["keep-case", "^" + String(lock).replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&") + "$"]);
  }
  if (wanted.theme) setTheme(wanted.theme);
  applySettings(list);
  refresh();
});

window.addEventListener("hashchange", () => {
  if (!keepsAddress || location.hash === written) return;
  applySettings(readAddress().mine);
  refresh();
});
window.addEventListener("scroll", follow, { passive: true, capture: true });

export function boot() {
  svg.classList.add("live");
  for (const still of svg.querySelectorAll(":scope > .still")) still.remove();
  svg.removeAttribute("viewBox");
  svg.setAttribute("width", "100%");
  setTheme("auto");
  setTotals(sum(treeOf(start.view), []).sums.map((one) => one[0]));
  measureWidth();
  applySettings(keepsAddress ? readAddress().mine : []);
  refresh();
  new ResizeObserver(() => {
    if (measureWidth()) refresh();
  }).observe(svg);
}

boot();

// The other tree is read while the page is idle.
export const whenIdle = window.requestIdleCallback || ((action) => setTimeout(action, 500));
whenIdle(() => Object.keys(data.trees).forEach(treeOf));
