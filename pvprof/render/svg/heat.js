(function () {
"use strict";

// Takes over every heat map of the document: a line above the maps describes the cell under the
// pointer, and a part that is dragged over, or marked by keys, becomes the options that cut it out.

const SVG = "http://www.w3.org/2000/svg";
const HTML = "http://www.w3.org/1999/xhtml";

function element(space, name, attributes, parent) {
  const made = document.createElementNS(space, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent.append(made);
  return made;
}

// ---- words, as heat_canvas.py writes them ----------------------------------------------------------

function seconds(ns) {
  const whole = Math.floor(Math.abs(ns) / 1e9);
  const part = String(Math.abs(ns) % 1e9).padStart(9, "0");
  return (ns < 0 ? "-" : "") + (whole + "." + part).replace(/\.?0+$/, "");
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

function setUp(svg) {
  const data = JSON.parse(svg.querySelector("metadata").textContent);
  const room = svg.querySelector(".readout");
  const field = room.querySelector("rect");
  room.querySelector(".hint").remove();
  svg.classList.add("live");
  const holder = element(SVG, "foreignObject", {
    class: "holder", x: field.getAttribute("x"), y: field.getAttribute("y"),
    width: field.getAttribute("width"), height: field.getAttribute("height"),
  }, room);
  const panel = element(HTML, "div", { class: "panel" }, holder);
  const what = element(HTML, "div", { class: "what", role: "status" }, panel);
  const line = element(HTML, "div", { class: "line" }, panel);
  const command = element(HTML, "code", { class: "command" }, line);
  const copying = element(HTML, "button", { class: "copy", type: "button" }, line);
  copying.textContent = "Copy";
  const said = element(HTML, "span", { class: "said", role: "status" }, line);
  const HINT = "Drag over a map to choose a part of the run, or Tab to it and use the arrow keys"
    + " (with Shift: mark; n: next spike; Escape: nothing).";
  let clear = () => {};

  function say(map, first, last) {
    const [begin, end] = edges(map, first, last);
    let sum = 0;
    let hottest = first;
    for (let cell = first; cell <= last; cell += 1) {
      sum += map.values[cell];
      if (map.values[cell] > map.values[hottest]) hottest = cell;
    }
    const top = data.names[map.tops[hottest]];
    what.textContent = (data.maps.length > 1 ? map.name + ": " : "")
      + seconds(begin) + " s to " + seconds(end) + " s: " + time(sum) + " waited, "
      + threads(sum, end - begin) + " threads on average"
      + (top === undefined ? "" : first === last ? ", most for " + top
        : "; highest at " + seconds(edges(map, hottest, hottest)[0]) + " s, most for " + top);
  }

  function show(map, first, last) {
    say(map, first, last);
    const [begin, end] = edges(map, first, last);
    command.textContent = "pvprof flamegraph REC --from " + seconds(begin) + " --to " + seconds(end)
      + data.selection + " -o spike.svg";
    said.textContent = "";
    line.style.visibility = "visible";
  }

  function rest() {
    what.textContent = HINT;
    command.textContent = "";
    said.textContent = "";
    line.style.visibility = "hidden";
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
  rest();

  for (const [index, place] of Array.from(svg.querySelectorAll(".map")).entries()) {
    const map = data.maps[index];
    const only = setUpMap(place, map, {
      hover: (cell) => say(map, cell, cell), show: (first, last) => show(map, first, last), rest, copy,
      own: () => { if (clear !== only) clear(); clear = only; },
    });
  }
}

// From when to when cells were recorded, the last one included.
function edges(map, first, last) {
  return [
    Math.max(map.left + first * map.cell, map.begin),
    Math.min(map.left + (last + 1) * map.cell, map.end),
  ];
}

// ---- one map -------------------------------------------------------------------------------------

function setUpMap(place, map, tell) {
  const first = Math.floor((map.begin - map.left) / map.cell);
  const last = Math.max(Math.ceil((map.end - map.left) / map.cell) - 1, first);
  const chosen = element(SVG, "path", { class: "chosen" }, place);
  const cursor = element(SVG, "rect", {
    class: "cursor", width: map.columnWidth, height: map.cellHeight, visibility: "hidden",
  }, place);
  let anchor = -1; // where marking began
  let at = -1; // where it is now
  let isDragging = false;
  let spike = -1;
  place.setAttribute("tabindex", "0");
  place.setAttribute("role", "application");
  place.setAttribute("aria-label", "Heat map" + (map.name ? " of " + map.name : "")
    + ": arrow keys move, with Shift they mark, n goes to the next spike, c copies the command");

  function xy(cell) {
    const row = cell % map.rows;
    return [map.x + Math.floor(cell / map.rows) * map.columnWidth, map.y + (map.rows - 1 - row) * map.cellHeight];
  }

  function draw() {
    if (at < 0) {
      chosen.setAttribute("d", "");
      cursor.setAttribute("visibility", "hidden");
      return;
    }
    const [low, high] = [Math.min(anchor, at), Math.max(anchor, at)];
    const pieces = [];
    for (let cell = low; cell <= high;) {
      const top = Math.min(cell - (cell % map.rows) + map.rows - 1, high);
      // whole columns beside each other are one piece
      const columns = cell % map.rows ? 1 : Math.max(Math.floor((high + 1 - cell) / map.rows), 1);
      const end = columns > 1 ? cell + columns * map.rows - 1 : top;
      const [x, y] = xy(end);
      const left = xy(cell)[0];
      const height = ((end % map.rows) - (cell % map.rows) + 1) * map.cellHeight;
      pieces.push("M" + left + " " + y + "h" + (x + map.columnWidth - left) + "v" + height + "H" + left + "z");
      cell = end + 1;
    }
    chosen.setAttribute("d", pieces.join(""));
    const [x, y] = xy(at);
    cursor.setAttribute("x", x);
    cursor.setAttribute("y", y);
    cursor.setAttribute("visibility", "visible");
    tell.show(low, high);
  }

  function clear() {
    anchor = at = -1;
    draw();
  }

  function choose(from, to) {
    tell.own();
    anchor = from;
    at = to;
    draw();
  }

  function cellAt(event) {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(place.getScreenCTM().inverse());
    const column = Math.floor((point.x - map.x) / map.columnWidth);
    const row = map.rows - 1 - Math.floor((point.y - map.y) / map.cellHeight);
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
  return clear;
}

for (const svg of document.querySelectorAll(".pvprof-heat:not(.live)")) {
  if (svg.querySelector("metadata")) setUp(svg);
}
})();
