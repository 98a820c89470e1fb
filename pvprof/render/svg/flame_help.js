// The keys, on a list that ? or a button opens; a page asks for them, to have one list of all.

import { svg } from "./flame_picture.js";
import { hasLinks } from "./flame_model.js";
import { shortcutsDialog } from "./shortcuts.js";
import { add } from "./flame_draw.js";
import { button, themeGroup } from "./flame_page.js";

export const SHORTCUTS = [
  ["Click, Enter", "zoom into a frame"],
  ["Escape", "undo: the search, then the zoom, then the filters"],
  ["Ctrl+F", "search for frames; once more: the browser's own search"],
  ["Enter, Shift+Enter", "in the search field: next, previous match"],
  ["Ctrl+Enter", "in the search field: zoom into the match"],
  ["n, N", "on a frame: next, previous match"],
  ["Arrows", "on a frame: to its caller, its widest callee, the frames beside it"],
  ["Tab", "to the next frame"],
  ["c, Ctrl+click", "copy the function's name"],
  ["C, Shift+click", "copy the whole stack"],
  ...(hasLinks ? [["o, middle click", "open the frame's link (underlined)"]] : []),
  ["?", "this list"],
];

export const shortcuts = shortcutsDialog(
  add(svg, "foreignObject", { width: 1, height: 1 }), "Keys of the flame graph",
  new Map([["Flame graphs", SHORTCUTS]]),
);

export function showShortcuts() {
  shortcuts.showModal();
}

button(themeGroup, "keys", "?", "Keys (?)", showShortcuts);

svg.addEventListener("pvprof:shortcuts", (event) => {
  if (event instanceof CustomEvent) event.detail.push(["Flame graphs", SHORTCUTS]);
});
