/* Zooming and searching in one flame graph, the one this script stands in. Nothing is looked up by
   id and nothing is kept outside, so that several pictures can share a page.

   Positions are BigInt in the unit of the weights (sums pass 2^53); pixels are computed from them
   as whole hundredths, with the formula of flamegraph.py. Draws only what the file holds: frames
   too narrow at the start stay away. */
(function () {
  "use strict";

  const svg = document.currentScript && document.currentScript.closest(".pvprof-flame");
  if (!svg) return;
  const standalone = document.documentElement === svg;

  const SVG = svg.namespaceURI;
  const XHTML = "http://www.w3.org/1999/xhtml";
  const HUNDREDTHS = 100;
  const LABEL_PAD = 3;
  const MIN_LABEL = 3;
  const CELL_PERMILLE = 602;
  const MARGIN = 10;

  const container = svg.querySelector(".frames");
  const toolbar = svg.querySelector(".toolbar");
  const font = Number(container.dataset.font);
  const innerWidth = Number(container.dataset.width);
  const baseline = container.dataset.baseline;
  const span = innerWidth * HUNDREDTHS;
  const cell = font * CELL_PERMILLE;

  // ---- the frames -----------------------------------------------------------------------------

  const frames = [];
  const frameOfElement = new Map();
  Array.from(container.children).forEach(function (row, depth) {
    for (const element of row.children) {
      const [title, rect, text] = element.children;
      const [name, value] = title.textContent.split("\n");
      const start = BigInt(element.dataset.x);
      const width = BigInt(element.dataset.w);
      const frame = {
        element, rect, text, name, value, depth, start, width, end: start + width,
        left: -1, right: -1, // in hundredths of a pixel; unknown until placed
        place: "inside", // inside, above (on the way to the root) or hidden
      };
      frames.push(frame);
      frameOfElement.set(element, frame);
      element.setAttribute("tabindex", "0");
    }
  });
  const root = frames[0];
  let zoomed = root;

  function frameAt(target) {
    const element = target.closest ? target.closest(".row > g") : null;
    return frameOfElement.get(element) || null;
  }

  function fit(name, cells) {
    const label = cut(name, cells);
    const tick = name.indexOf("`");
    if (label === name || tick < 0 || tick === name.length - 1) return label;
    return cut(name.slice(tick + 1), cells);
  }

  function cut(name, cells) {
    if (cells < MIN_LABEL) return "";
    let used = 0;
    let end = 0;
    for (const character of name) {
      used += character < "\u0080" ? 1 : 2;
      if (used <= cells - 1) end += character.length;
      if (used > cells) return name.slice(0, end) + "\u2026";
    }
    return name;
  }

  function pixels(hundredths) {
    return String(hundredths / HUNDREDTHS);
  }

  function move(frame, left, right) {
    if (frame.left === left && frame.right === right) return;
    frame.left = left;
    frame.right = right;
    const width = right - left;
    const cells = Math.floor((width - 2 * LABEL_PAD * HUNDREDTHS) * 10 / cell);
    const label = fit(frame.name, cells);
    frame.rect.setAttribute("x", pixels(left));
    frame.rect.setAttribute("width", pixels(width));
    if (frame.text.textContent !== label) frame.text.textContent = label;
    if (!label) return;
    frame.text.setAttribute("x", pixels(left + LABEL_PAD * HUNDREDTHS));
    frame.text.setAttribute("y", baseline);
  }

  function placeOf(frame) {
    if (frame.depth >= zoomed.depth) {
      return frame.start >= zoomed.start && frame.end <= zoomed.end ? "inside" : "hidden";
    }
    return frame.start <= zoomed.start && frame.end >= zoomed.end ? "above" : "hidden";
  }

  function draw() {
    const wide = BigInt(span);
    const half = zoomed.width;
    const whole = 2n * zoomed.width;
    const edge = (at) => Number((2n * (at - zoomed.start) * wide + half) / whole);
    for (const frame of frames) {
      const place = placeOf(frame);
      if (place === "inside") move(frame, edge(frame.start), edge(frame.end));
      if (place === "above") move(frame, 0, span);
      if (place === frame.place) continue;
      frame.place = place;
      frame.element.classList.toggle("above", place === "above");
      if (place === "hidden") frame.element.setAttribute("display", "none");
      else frame.element.removeAttribute("display");
    }
  }

  function zoom(frame) {
    zoomed = frame;
    draw();
    show(reset, zoomed !== root);
    search();
    describe(null);
  }

  // ---- the toolbar ----------------------------------------------------------------------------

  function add(parent, tag, attributes, content) {
    const element = document.createElementNS(SVG, tag);
    for (const key of Object.keys(attributes)) element.setAttribute(key, attributes[key]);
    if (content) element.textContent = content;
    return parent.appendChild(element);
  }

  function show(element, visible) {
    if (visible) element.removeAttribute("display");
    else element.setAttribute("display", "none");
  }

  const barHeight = Number(toolbar.dataset.height);
  const barTop = Number(toolbar.dataset.y);
  const barBaseline = Math.round((barHeight + 0.7 * font) / 2);
  const cellPixels = cell / 1000;
  const right = innerWidth + MARGIN;
  const resetRight = right - 8 * cellPixels;
  const inputWidth = 24 * cellPixels;
  const inputLeft = resetRight - 12 * cellPixels - inputWidth;
  const matchedRight = inputLeft - cellPixels;

  function button(x, name, content) {
    return add(toolbar, "text", {
      x: x, y: barBaseline, class: "button " + name, "text-anchor": "end",
      role: "button", tabindex: "0",
    }, content);
  }

  const details = add(toolbar, "text", { x: MARGIN, y: barBaseline, class: "details" });
  const matched = add(toolbar, "text", {
    x: matchedRight, y: barBaseline, class: "matched", "text-anchor": "end",
  });
  const searchButton = button(right, "search", "Search");
  const reset = button(resetRight, "reset", "Reset zoom");
  const box = add(toolbar, "foreignObject", {
    x: inputLeft, y: 2, width: inputWidth, height: barHeight - 4,
  });
  const input = box.appendChild(document.createElementNS(XHTML, "input"));
  input.setAttribute("type", "text");
  input.setAttribute("placeholder", "regular expression");
  input.setAttribute("aria-label", "Search frames by regular expression");
  input.setAttribute("spellcheck", "false");
  show(reset, false);
  show(box, false);
  show(toolbar, true);
  container.classList.add("live");

  // A tall picture scrolls: keep the toolbar in the window.
  function follow() {
    const seen = svg.getBoundingClientRect();
    const height = svg.viewBox.baseVal.height;
    const scrolled = seen.height ? -seen.top * height / seen.height : 0;
    const top = Math.max(barTop, Math.min(scrolled, height - barHeight));
    toolbar.setAttribute("transform", "translate(0," + top + ")");
  }

  // ---- the details line -----------------------------------------------------------------------

  function percent(part, whole) {
    const hundredths = (part * 20000n + whole) / (2n * whole);
    if (part && !hundredths) return "<0.01%";
    return hundredths / 100n + "." + String(hundredths % 100n).padStart(2, "0") + "%";
  }

  function describe(hovered) {
    const frame = hovered || (zoomed === root ? null : zoomed);
    if (!frame) {
      details.textContent = "";
      return;
    }
    let value = "  " + frame.value;
    if (zoomed !== root) value += " of all";
    if (zoomed !== root && frame.place === "inside" && frame !== zoomed) {
      value += ", " + percent(frame.width, zoomed.width) + " of the zoomed frame";
    }
    const end = searching ? matchedRight - matched.textContent.length * cellPixels
      : resetRight - (zoomed === root ? 0 : 11 * cellPixels);
    const cells = Math.floor((end - MARGIN) / cellPixels) - value.length - 1;
    details.textContent = fit(frame.name, Math.max(cells, MIN_LABEL)) + value;
  }

  // ---- searching ------------------------------------------------------------------------------

  let searching = false;

  // A pattern without capitals finds both cases, as in less -i and vim; \S and \W are no capitals.
  function compile(pattern) {
    const plain = pattern.replace(/\\./g, "");
    return new RegExp(pattern, plain === plain.toLowerCase() ? "i" : "");
  }

  // Frames nest or lie apart, so of matches sorted by start, wide ones first, each either lies
  // inside what was counted last or is new. Frames above the zoomed one are marked but not
  // counted: their width says nothing about what is in view.
  function unionOf(matches) {
    const inside = matches.filter((frame) => frame.place === "inside");
    inside.sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1
      : a.depth - b.depth));
    let counted = 0n;
    let end = -1n;
    for (const frame of inside) {
      if (frame.start < end) continue;
      counted += frame.width;
      end = frame.end;
    }
    return { counted, frames: inside.length };
  }

  function search() {
    let pattern = null;
    let problem = "";
    if (searching && input.value) {
      try {
        pattern = compile(input.value);
      } catch (error) {
        problem = "not a regular expression";
      }
    }
    const matches = frames.filter(function (frame) {
      const hit = pattern !== null && pattern.test(frame.name);
      frame.element.classList.toggle("match", hit);
      return hit;
    });
    const union = unionOf(matches);
    matched.classList.toggle("wrong", problem !== "");
    matched.textContent = problem || (pattern === null ? "" : "Matched: "
      + percent(union.counted, zoomed.width) + (zoomed === root ? "" : " of the zoomed frame")
      + " (" + union.frames + (union.frames === 1 ? " frame)" : " frames)"));
  }

  function toggleSearch() {
    searching = !searching;
    input.value = "";
    show(box, searching);
    searchButton.textContent = searching ? "Clear" : "Search";
    search();
    describe(null);
    if (searching) input.focus();
    else input.blur();
  }

  // ---- mouse and keyboard ---------------------------------------------------------------------

  function onFrame(event, action) {
    const frame = frameAt(event.target);
    if (frame) action(frame);
  }

  container.addEventListener("click", (event) => onFrame(event, zoom));
  container.addEventListener("mouseover", (event) => onFrame(event, describe));
  // Not on the container: an SVG element that listens for focus becomes a stop for Tab itself.
  document.addEventListener("focusin", (event) => onFrame(event, describe));
  container.addEventListener("mouseleave", () => describe(null));
  container.addEventListener("keydown", function (event) {
    if (event.key !== "Enter") return;
    event.preventDefault();
    onFrame(event, function (frame) {
      zoom(frame);
      describe(frame);
    });
  });

  function onPress(element, action) {
    element.addEventListener("click", action);
    element.addEventListener("keydown", function (event) {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      action();
    });
  }

  onPress(reset, () => zoom(root));
  onPress(searchButton, toggleSearch);
  input.addEventListener("input", function () {
    search();
    describe(null);
  });

  function isFind(event) {
    return (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "f";
  }

  // In a page of others, keys belong to the picture under the pointer, else to the focused one.
  function isMine() {
    if (standalone) return true;
    const focused = document.activeElement;
    return (document.querySelector(".pvprof-flame:hover")
      || (focused && focused.closest(".pvprof-flame"))) === svg;
  }

  window.addEventListener("keydown", function (event) {
    if (!isMine()) return;
    if (isFind(event)) {
      event.preventDefault();
      toggleSearch();
    } else if (event.key === "Escape") {
      zoom(root);
    }
  });
  input.addEventListener("keydown", function (event) {
    event.stopPropagation();
    if (!isFind(event) && event.key !== "Escape") return;
    event.preventDefault();
    toggleSearch();
  });
  window.addEventListener("scroll", follow, { passive: true });
  window.addEventListener("resize", follow);
  follow();
})();
