// Takes over every heat map of the document: it is as wide as the window, a line above the maps
// describes the cell under the pointer, and a part that is dragged over, or marked by keys, becomes
// the options that cut it out.

import { shortcutsDialog } from "./shortcuts.js";
import { THEME_HINT, THEME_LABELS, themeAfter } from "./themes.js";

const SVG = "http://www.w3.org/2000/svg";
const HTML = "http://www.w3.org/1999/xhtml";
const MARGIN = 10;
const NARROWEST = 320;
const PAPER_WIDTH = 900;
const LABEL_DISTANCE = 55;

const SHORTCUTS = [
  ["Drag", "mark a part of the run: its --from and --to are in the command"],
  ["Arrows", "on a map: to the next cell; with Shift: mark"],
  ["Home, End", "on a map: to the beginning, to the end"],
  ["n", "on a map: to the next spike, or the next of the longest waits"],
  ["c, Enter", "copy the command"],
  ["Escape", "mark nothing"],
  ["?", "this list"],
];

function element(space, name, attributes, parent, text) {
  const made = document.createElementNS(space, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

// ---- words, as heat_forms.py writes them ----------------------------------------------------------

function seconds(ns) {
  const full = Math.floor(Math.abs(ns) / 1e9);
  const part = String(Math.abs(ns) % 1e9).padStart(9, "0");
  return (ns < 0 ? "-" : "") + (full + "." + part).replace(/\.?0+$/, "");
}

/** @type {[string, number][]} */
const TIMES = [["s", 1e9], ["ms", 1e6], ["\u00b5s", 1e3]];

function time(ns) {
  const [name, factor] = TIMES.find(([, size]) => ns >= size) || ["ns", 1];
  if (factor === 1) return ns + " ns";
  const scaled = ns / factor;
  const decimals = [3, 2, 1].find((digits) => Number(scaled.toFixed(digits)) < 10 ** (4 - digits)) || 0;
  return scaled.toFixed(decimals) + " " + name;
}

function threads(value, length) {
  if (!value || length <= 0) return "0";
  const mean = value / length;
  if (mean < 0.005) return "<0.01";
  return mean.toFixed(mean < 9.995 ? 2 : mean < 99.95 ? 1 : 0);
}

function waits(count) {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",") + (count === 1 ? " wait" : " waits");
}

// From when to when cells were recorded, the last one included.
function edges(map, first, last) {
  const isLatency = map.by === "latency";
  const cell = isLatency ? map.column : map.column / map.rows;
  const [low, high] = isLatency ? [first, last].map((one) => Math.floor(one / map.rows)) : [first, last];
  return [Math.max(map.left + low * cell, map.begin), Math.min(map.left + (high + 1) * cell, map.end)];
}

// All cells of the columns of two cells, if a column is one moment.
function whole(map, first, last) {
  if (map.by !== "latency") return [first, last];
  return [first - (first % map.rows), last - (last % map.rows) + map.rows - 1];
}

const sum = (values, first, last) => values.slice(first, last + 1).reduce((all, one) => all + one, 0);

// What is in some cells; for one that is pointed at, `isOne`.
function words(map, first, last, isOne) {
  const [begin, end] = edges(map, first, last);
  const when = seconds(begin) + " s to " + seconds(end) + " s";
  let hottest = first;
  for (let cell = first; cell <= last; cell += 1) {
    if (map.values[cell] > map.values[hottest]) hottest = cell;
  }
  const most = (cell) => (map.tops[cell] < 0 ? "" : ", most for " + map.names[map.tops[cell]]);
  if (map.by === "latency") {
    const count = sum(map.values, first, last);
    const together = count ? ", " + time(sum(map.sums, first, last)) + " together" : "";
    if (isOne) {
      const row = first % map.rows;
      return when + ", " + time(map.bounds[row]) + " to " + time(map.bounds[row + 1]) + ": "
        + waits(count) + together + most(first);
    }
    let longest = -1;
    for (let cell = first; cell <= last; cell += 1) {
      if (map.values[cell] && (longest < 0 || cell % map.rows >= longest % map.rows)) longest = cell;
    }
    return when + ": " + waits(count) + " ended here" + together + (longest < 0 ? ""
      : "; the longest took up to " + time(map.bounds[(longest % map.rows) + 1]) + most(longest));
  }
  const value = sum(map.values, first, last);
  return when + ": " + time(value) + " waited, " + threads(value, end - begin) + " threads on average"
    + (first === last ? most(first)
      : "; highest at " + seconds(edges(map, hottest, hottest)[0]) + " s" + most(hottest));
}

// ---- one picture ----------------------------------------------------------------------------------

function panel(svg, name) {
  const holder = element(SVG, "foreignObject", { class: "holder", x: 0, y: 0, width: 1, height: 1 }, svg);
  return { holder, box: element(HTML, "div", { class: name }, holder) };
}

function setUp(svg) {
  const data = JSON.parse(svg.querySelector("metadata").textContent);
  svg.classList.add("live");
  const head = panel(svg, "head");
  const bar = panel(svg, "bar");
  const places = Array.from(svg.querySelectorAll(".map"));
  const named = places.map((place, index) => {
    const name = element(SVG, "text", { class: "name", x: MARGIN }, svg, places.length > 1 ? data.maps[index].name : "");
    svg.append(place);
    return name;
  });
  const foot = panel(svg, "foot");
  svg.querySelector(".still").remove();
  svg.removeAttribute("viewBox");
  svg.setAttribute("width", "100%");

  if (data.title) element(HTML, "div", { class: "title", role: "heading", "aria-level": "3" }, head.box, data.title);
  element(HTML, "div", { class: "subtitle" }, head.box, data.subtitle);
  const legend = element(HTML, "div", { class: "legend", role: "list", "aria-label": data.legend.head }, head.box);
  element(HTML, "span", {}, legend, data.legend.head);
  for (const [shade, meaning] of data.legend.words) {
    const item = element(HTML, "span", { class: "item", role: "listitem" }, legend);
    element(HTML, "span", { class: "swatch l" + shade }, item);
    element(HTML, "span", {}, item, meaning);
  }

  const what = element(HTML, "div", { class: "what", role: "status" }, bar.box);
  const line = element(HTML, "div", { class: "line" }, bar.box);
  const command = element(HTML, "code", { class: "command" }, line);
  const copying = element(HTML, "button", { class: "copy", type: "button" }, line, "Copy");
  const said = element(HTML, "span", { class: "said", role: "status" }, line);
  const group = element(HTML, "span", { class: "group", role: "group", "aria-label": "Colours and keys" }, line);
  const themeButton = element(HTML, "button", { class: "theme", type: "button", title: THEME_HINT }, group);
  const keysButton = element(HTML, "button", { class: "keys", type: "button", title: "Keys (?)" }, group, "?");

  for (const text of data.account) element(HTML, "div", { class: "account" }, foot.box, text);
  if (data.notes.length) {
    const list = element(HTML, "dl", { class: "notes" }, foot.box);
    for (const [label, text] of data.notes) {
      element(HTML, "dt", {}, list, label);
      element(HTML, "dd", {}, list, text);
    }
  }

  // ---- words about the cells -------------------------------------------------------------------------

  const HINT = "Drag over a map to mark a part of the run, or Tab to it and use the arrow keys.";
  let clear = () => {};

  function say(map, first, last, isOne) {
    what.textContent = (data.maps.length > 1 ? map.name + ": " : "") + words(map, first, last, isOne);
  }

  function show(map, first, last) {
    say(map, first, last, false);
    const [begin, end] = edges(map, first, last);
    command.textContent = "pvprof flamegraph " + map.file + " --from " + seconds(begin) + " --to " + seconds(end)
      + data.selection + " -o part.svg";
    said.textContent = "";
    copying.style.visibility = command.style.visibility = "visible";
  }

  function rest() {
    what.textContent = HINT;
    command.textContent = "";
    said.textContent = "";
    copying.style.visibility = command.style.visibility = "hidden";
  }

  function copy() {
    if (!command.textContent) return;
    const byHand = () => {
      getSelection().selectAllChildren(command);
      said.textContent = "Marked: copy it";
    };
    if (!navigator.clipboard) byHand();
    else navigator.clipboard.writeText(command.textContent).then(() => { said.textContent = "Copied"; }, byHand);
  }
  copying.addEventListener("click", copy);

  const maps = places.map((place, index) => {
    const map = data.maps[index];
    const made = setUpMap(place, map, data.axis, {
      hover: (cell) => say(map, cell, cell, true), show: (first, last) => show(map, first, last), rest, copy,
      own: () => { if (clear !== made.clear) clear(); clear = made.clear; },
    });
    return made;
  });

  // ---- sizes and places -----------------------------------------------------------------------------

  let width = 0;
  let isOnPaper = false;

  function arrange() {
    const now = isOnPaper ? PAPER_WIDTH
      : Math.max(NARROWEST, Math.floor(svg.getBoundingClientRect().width) || data.width);
    if (now === width) return;
    width = now;
    if (isOnPaper) svg.setAttribute("viewBox", "0 0 " + width + " 1");
    else svg.removeAttribute("viewBox");
    const matrix = svg.getScreenCTM();
    const scale = (matrix && matrix.d) || 1;
    let y = 0;
    const put = (one) => {
      one.holder.setAttribute("width", String(width));
      one.holder.setAttribute("y", String(y));
      const height = Math.ceil(one.box.getBoundingClientRect().height / scale - 0.01);
      one.holder.setAttribute("height", String(height));
      y += height;
    };
    put(head);
    put(bar);
    for (const [index, made] of maps.entries()) {
      if (maps.length > 1) {
        named[index].setAttribute("y", String(y + 20));
        y += 26;
      }
      y += 8;
      places[index].setAttribute("transform", "translate(0," + (y - data.maps[index].y) + ")");
      made.stretch((width - data.axis - MARGIN) / data.maps[index].columns);
      y += data.maps[index].height;
    }
    put(foot);
    svg.setAttribute("height", String(y));
    if (isOnPaper) svg.setAttribute("viewBox", "0 0 " + width + " " + y);
  }

  // ---- colours, keys, paper -------------------------------------------------------------------------

  let theme = "auto";

  function setTheme(name) {
    theme = name;
    svg.classList.toggle("dark", name === "dark" && !isOnPaper);
    svg.classList.toggle("light", name === "light" || isOnPaper);
    themeButton.textContent = THEME_LABELS[name];
  }
  themeButton.addEventListener("click", () => setTheme(themeAfter(theme)));

  const keys = shortcutsDialog(
    element(SVG, "foreignObject", { width: 1, height: 1 }, svg), "Keys of the heat map",
    new Map([["Heat maps", SHORTCUTS]]),
  );
  keysButton.addEventListener("click", () => keys.showModal());
  window.addEventListener("keydown", (event) => {
    const isMine = svg === document.querySelector(":root") || svg.contains(document.activeElement);
    if (event.key === "?" && isMine && !event.defaultPrevented) keys.showModal();
  });

  function forPaper(isPaper) {
    if (isPaper === isOnPaper) return;
    isOnPaper = isPaper;
    svg.classList.toggle("printed", isPaper);
    setTheme(theme);
    width = 0;
    arrange();
  }
  const printing = matchMedia("print");
  printing.addEventListener("change", () => forPaper(printing.matches));
  window.addEventListener("beforeprint", () => forPaper(true));
  window.addEventListener("afterprint", () => forPaper(false));

  // What a page may ask for, as of flame graphs.
  svg.addEventListener("pvprof:show", (event) => {
    if (event instanceof CustomEvent && event.detail.theme) setTheme(event.detail.theme);
  });
  svg.addEventListener("pvprof:shortcuts", (event) => {
    if (event instanceof CustomEvent) event.detail.push(["Heat maps", SHORTCUTS]);
  });

  rest();
  setTheme("auto");
  arrange();
  new ResizeObserver(arrange).observe(svg);
  if (printing.matches) forPaper(true);
}

// ---- one map -------------------------------------------------------------------------------------

function setUpMap(place, map, axis, tell) {
  const cellNs = map.column / map.rows;
  const isLatency = map.by === "latency";
  const first = isLatency ? 0 : Math.floor((map.begin - map.left) / cellNs);
  const last = isLatency ? map.columns * map.rows - 1
    : Math.max(Math.ceil((map.end - map.left) / cellNs) - 1, first);
  const stretched = ["cells", "columns"].map((name) => place.querySelector("." + name));
  const labels = Array.from(place.querySelectorAll(".at")).map((one) => {
    const [, x, y] = one.getAttribute("transform").match(/translate\((.+),(.+)\)/);
    return { one, x: Number(x), y };
  });
  const chosen = element(SVG, "path", { class: "chosen" }, place);
  const cursor = element(SVG, "rect", { class: "cursor", height: map.cellHeight, visibility: "hidden" }, place);
  const isStill = map.columnWidth; // the width of a column in the picture as it was written
  let anchor = -1; // where marking began
  let at = -1; // where it is now
  let isDragging = false;
  let spike = -1;
  let columnWidth = isStill;
  // bottom of the map: the labels of time begin there
  const top = Number(stretched[1].querySelector("rect").getAttribute("y"));
  place.setAttribute("tabindex", "0");
  place.setAttribute("role", "application");
  place.setAttribute("aria-label", "Heat map" + (map.name ? " of " + map.name : "")
    + ": arrow keys move, with Shift they mark, n goes to the next spike, c copies the command");

  function stretch(wide) {
    columnWidth = wide;
    const factor = wide / isStill;
    for (const one of stretched) one.setAttribute("transform", "matrix(" + factor + ",0,0,1," + axis * (1 - factor) + ",0)");
    const distance = labels.length > 1 ? (labels[1].x - labels[0].x) * factor : LABEL_DISTANCE;
    const step = Math.max(Math.ceil(LABEL_DISTANCE / distance), 1);
    for (const [index, { one, x, y }] of labels.entries()) {
      one.setAttribute("transform", "translate(" + (axis + (x - axis) * factor) + "," + y + ")");
      one.setAttribute("visibility", index % step ? "hidden" : "inherit");
    }
    draw(false);
  }

  function xy(cell) {
    return [axis + Math.floor(cell / map.rows) * columnWidth, top + (map.rows - 1 - (cell % map.rows)) * map.cellHeight];
  }

  function draw(isNew) {
    if (at < 0) {
      chosen.setAttribute("d", "");
      cursor.setAttribute("visibility", "hidden");
      return;
    }
    const [low, high] = whole(map, Math.min(anchor, at), Math.max(anchor, at));
    const pieces = [];
    for (let cell = low; cell <= high;) {
      const end = Math.min(cell - (cell % map.rows) + map.rows - 1, high);
      // whole columns beside each other are one piece
      const columns = cell % map.rows ? 1 : Math.max(Math.floor((high + 1 - cell) / map.rows), 1);
      const ending = columns > 1 ? cell + columns * map.rows - 1 : end;
      const [x, y] = xy(ending);
      const left = xy(cell)[0];
      const height = ((ending % map.rows) - (cell % map.rows) + 1) * map.cellHeight;
      pieces.push("M" + left + " " + y + "h" + (x + columnWidth - left) + "v" + height + "H" + left + "z");
      cell = ending + 1;
    }
    chosen.setAttribute("d", pieces.join(""));
    const [x, y] = xy(at);
    cursor.setAttribute("x", x);
    cursor.setAttribute("y", y);
    cursor.setAttribute("width", columnWidth);
    cursor.setAttribute("visibility", "visible");
    if (isNew) tell.show(low, high);
  }

  function clear() {
    anchor = at = -1;
    draw(false);
  }

  function choose(from, to) {
    tell.own();
    anchor = from;
    at = to;
    draw(true);
  }

  function cellAt(event) {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(place.getScreenCTM().inverse());
    const column = Math.floor((point.x - axis) / columnWidth);
    const row = map.rows - 1 - Math.floor((point.y - top) / map.cellHeight);
    const inside = column >= 0 && column < map.columns && row >= 0 && row < map.rows;
    const cell = Math.min(Math.max(column, 0), map.columns - 1) * map.rows
      + Math.min(Math.max(row, 0), map.rows - 1);
    return [Math.min(Math.max(cell, first), last), inside];
  }

  place.addEventListener("pointerdown", (event) => {
    const [cell, inside] = cellAt(event);
    if (!inside || event.button) return;
    event.preventDefault();
    place.focus({ preventScroll: true });
    isDragging = true;
    place.setPointerCapture(event.pointerId);
    choose(event.shiftKey && anchor >= 0 ? anchor : cell, cell);
  });
  place.addEventListener("pointermove", (event) => {
    const [cell, inside] = cellAt(event);
    if (isDragging) choose(anchor, cell);
    else if (at < 0 && inside) tell.hover(cell);
  });
  for (const kind of ["pointerup", "pointercancel"]) place.addEventListener(kind, () => { isDragging = false; });
  place.addEventListener("pointerleave", () => { if (at < 0) tell.rest(); });
  place.addEventListener("focus", () => {
    if (at < 0 && !isDragging && place.matches(":focus-visible")) choose(first, first);
  });

  place.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const from = Math.max(at, first);
    const to = {
      ArrowUp: from + 1, ArrowDown: from - 1, ArrowRight: from + map.rows, ArrowLeft: from - map.rows,
      Home: first, End: last,
    }[event.key];
    if (to !== undefined) {
      const cell = Math.min(Math.max(to, first), last);
      choose(event.shiftKey && anchor >= 0 ? anchor : cell, cell);
    } else if (event.key === "n" && map.spikes.length) {
      spike = (spike + 1) % map.spikes.length;
      choose(...map.spikes[spike]);
    } else if (event.key === "c" || event.key === "Enter") {
      tell.copy();
    } else if (event.key === "Escape" && at >= 0) {
      clear();
      tell.rest();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return { clear, stretch };
}

for (const svg of document.querySelectorAll(".pvprof-heat:not(.live)")) {
  if (svg.querySelector("metadata")) setUp(svg);
}
