// Zooms and moves the bars of every time line of the document: by wheel, by dragging, by keys.

const MAX_ZOOM = 100000;
const STEP = 1.5;

/** @type {[string, number][]} */
const UNITS = [["s", 1e9], ["ms", 1e6], ["\u00b5s", 1e3]];

// 1, 2 or 5 times a power of ten, at least `ns`: as `round_step` of time_line.py.
function roundStep(ns) {
  const power = Math.pow(10, Math.floor(Math.log10(Math.max(ns, 1))));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= ns * (1 - 1e-9)) || 1;
}

// A multiple of a step in the unit of the end of the axis, with the digits of the step.
function roundLabel(ns, step, end) {
  const [name, size] = UNITS.find(([, unit]) => end >= unit) || ["ns", 1];
  const digits = Math.max(0, Math.ceil(-Math.log10(step / size) - 1e-9));
  return (ns / size).toFixed(digits) + " " + name;
}

function setUp(svg) {
  const data = JSON.parse(svg.querySelector("metadata").textContent);
  const bars = svg.querySelector(".bars");
  const times = svg.querySelector(".times");
  const title = times.querySelector(".title-x");
  const tick = times.querySelector(".at");
  const below = Number(tick.getAttribute("transform").match(/[0-9]+(?=\))/)[0]);
  svg.classList.add("live");
  svg.setAttribute("tabindex", "0");
  let zoom = 1;
  let begin = 0; // the part of the path left of the picture, as a share of the whole

  function show() {
    zoom = Math.min(Math.max(zoom, 1), MAX_ZOOM);
    begin = Math.min(Math.max(begin, 0), 1 - 1 / zoom);
    const shift = data.left * (1 - zoom) - begin * zoom * data.width;
    bars.setAttribute("transform", "matrix(" + zoom + ",0,0,1," + shift + ",0)");
    showTimes(data.length * begin, data.length * (begin + 1 / zoom));
  }

  function showTimes(first, last) {
    const step = roundStep((last - first) / data.steps);
    times.querySelectorAll(".at").forEach((one) => one.remove());
    for (let ns = Math.ceil(first / step) * step; ns <= last; ns += step) {
      const x = data.left + data.width * (ns - first) / (last - first);
      const one = tick.cloneNode(true);
      one.setAttribute("transform", "translate(" + x + "," + below + ")");
      const label = one.querySelector(".axis");
      label.textContent = roundLabel(ns, step, last);
      label.setAttribute("text-anchor", x > data.left + data.width - data.half ? "end" : "middle");
      times.insertBefore(one, title);
    }
  }

  // `place`, a share of the picture's width, stays where it is.
  function zoomBy(factor, place) {
    const kept = begin + place / zoom;
    zoom = Math.min(Math.max(zoom * factor, 1), MAX_ZOOM);
    begin = kept - place / zoom;
    show();
  }

  function shareOf(event) {
    const matrix = svg.getScreenCTM().inverse();
    const x = matrix.a * event.clientX + matrix.c * event.clientY + matrix.e;
    return Math.min(Math.max((x - data.left) / data.width, 0), 1);
  }

  function isOver(event) {
    const matrix = svg.getScreenCTM().inverse();
    const y = matrix.b * event.clientX + matrix.d * event.clientY + matrix.f;
    return y >= data.top && y <= data.top + data.height;
  }

  svg.addEventListener("wheel", (event) => {
    if (!isOver(event)) return;
    event.preventDefault();
    zoomBy(event.deltaY < 0 ? STEP : 1 / STEP, shareOf(event));
  }, { passive: false });
  let last = -1; // where the pointer was while it drags
  svg.addEventListener("pointerdown", (event) => { if (isOver(event)) last = shareOf(event); });
  window.addEventListener("pointerup", () => { last = -1; });
  svg.addEventListener("pointermove", (event) => {
    if (last < 0) return;
    const now = shareOf(event);
    begin -= (now - last) / zoom;
    last = now;
    show();
  });
  // What a page may ask for, as of flame graphs.
  svg.addEventListener("pvprof:show", (event) => {
    if (!(event instanceof CustomEvent) || !event.detail.theme) return;
    svg.classList.toggle("dark", event.detail.theme === "dark");
    svg.classList.toggle("light", event.detail.theme === "light");
  });
  const keys = {
    "+": () => zoomBy(STEP, 0.5), "=": () => zoomBy(STEP, 0.5), "-": () => zoomBy(1 / STEP, 0.5),
    ArrowLeft: () => { begin -= 0.2 / zoom; show(); }, ArrowRight: () => { begin += 0.2 / zoom; show(); },
    0: () => { zoom = 1; begin = 0; show(); },
  };
  window.addEventListener("keydown", (event) => {
    const isMine = svg === document.querySelector(":root") || svg.contains(document.activeElement);
    if (!isMine || event.ctrlKey || event.altKey || event.metaKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
}

for (const svg of document.querySelectorAll("svg.pvprof-line:not(.live)")) setUp(svg);
