import { shortcutsDialog } from "../svg/shortcuts.js";
import { THEME_HINT, THEME_LABELS, themeAfter } from "../svg/themes.js";

// The page without this script: tables, still pictures, no controls. With it: sorting, filtering,
// tabs, and rows that tell the flame graphs what to show.

const find = (selector, where) => (where || document).querySelector(selector);
const findAll = (selector, where) => Array.from((where || document).querySelectorAll(selector));

for (const control of findAll(".control[hidden]")) {
  if (!control.matches(".chosen, .tabs")) control.hidden = false;
}

// ---- flame graphs -------------------------------------------------------------------------------

// One copy of their script serves all of them: each run takes over the picture around it.
const code = find("#flame-script");
const graphs = findAll(".graph").map((panel) => {
  const svg = find(".pvprof-flame", panel);
  const script = document.createElement("script");
  script.textContent = code.textContent;
  svg.append(script);
  const kinds = panel.dataset.kinds.split(" ").filter(Boolean);
  const only = document.createElement("p"); // on paper, where all graphs are
  only.className = "only";
  only.hidden = true;
  svg.before(only);
  return {
    panel, svg, only, measure: panel.dataset.measure, locks: "",
    tab: find("#tab-" + panel.id.slice("graph-".length)),
    holds: (row) => row.dataset.measure === panel.dataset.measure
      && (!kinds.length || kinds.includes(row.dataset.kind)),
  };
});
let openGraph = null;

function show(graph, wanted) {
  graph.svg.dispatchEvent(new CustomEvent("pvprof:show", { detail: wanted }));
}

// ---- tabs ---------------------------------------------------------------------------------------

function openTab(graph, takesFocus) {
  openGraph = graph;
  for (const one of graphs) {
    const isOpen = one === graph;
    one.panel.classList.toggle("closed", !isOpen);
    one.tab.setAttribute("aria-selected", isOpen ? "true" : "false");
    one.tab.tabIndex = isOpen ? 0 : -1;
  }
  if (takesFocus) graph.tab.focus();
}

function addressParts() {
  return location.hash.slice(1).split("&").filter(Boolean);
}

// The graphs keep their own state in the address, under their names; here it is which one is open.
function keepTab() {
  const others = addressParts().filter((part) => !part.startsWith("tab="));
  const mine = openGraph === graphs[0] ? [] : ["tab=" + openGraph.tab.dataset.name];
  const hash = mine.concat(others).join("&");
  try {
    history.replaceState(history.state, "", hash ? "#" + hash : location.pathname + location.search);
  } catch (error) {
    // a page without an address of its own: about:srcdoc, data:
  }
}

function tabInAddress() {
  const part = addressParts().find((one) => one.startsWith("tab="));
  return part && graphs.find((graph) => "tab=" + graph.tab.dataset.name === part);
}

if (graphs.length > 1) {
  const list = find(".tabs");
  list.hidden = false;
  for (const graph of graphs) {
    graph.panel.setAttribute("role", "tabpanel");
    graph.panel.setAttribute("aria-labelledby", graph.tab.id);
    graph.tab.addEventListener("click", () => {
      openTab(graph);
      keepTab();
      readChoice();
    });
  }
  list.addEventListener("keydown", (event) => {
    const at = graphs.indexOf(openGraph);
    const to = {
      ArrowRight: (at + 1) % graphs.length, ArrowLeft: (at + graphs.length - 1) % graphs.length,
      Home: 0, End: graphs.length - 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    openTab(graphs[to], true);
    keepTab();
    readChoice();
  });
  window.addEventListener("hashchange", () => {
    const graph = tabInAddress();
    if (graph) openTab(graph);
  });
}
if (graphs.length) openTab(tabInAddress() || graphs[0]);

// ---- from a lock to its stacks ------------------------------------------------------------------

const rows = findAll(".locks tbody tr");
const chosenLine = find("p.chosen");
let chosen = null;
let isChoosing = false;

function framesOf(row) {
  return ["frame1", "frame2"].map((key) => row.dataset[key]).filter((one) => one !== undefined);
}

function choose(row) {
  chosen = row;
  isChoosing = true;
  for (const graph of graphs) {
    if (row && graph.holds(row)) show(graph, { lock: framesOf(row) });
    else if (graph.locks) show(graph, { lock: [] });
  }
  isChoosing = false;
  if (row && !openGraph.holds(row)) {
    const graph = graphs.find((one) => one.holds(row));
    openTab(graph);
    keepTab();
  }
  markChoice();
}

function markChoice() {
  for (const row of rows) {
    const button = find(".lock button", row);
    if (!button) continue;
    row.classList.toggle("chosen", row === chosen);
    button.setAttribute("aria-pressed", row === chosen ? "true" : "false");
  }
  chosenLine.hidden = !chosen;
  find("span", chosenLine).textContent = chosen ? choiceWords(chosen, openGraph) : "";
}

function choiceWords(row, graph) {
  const name = find(".lock", row).textContent;
  const isNowhere = graph.holds(row) && !find(".boxes g:not([display])", graph.svg);
  return "Only stacks of \u201c" + (name.length > 200 ? name.slice(0, 200) + "\u2026" : name) + "\u201d are shown."
    + (isNowhere ? " Here it has none that is wide enough to be drawn." : "");
}

// The row that a graph is limited to, chosen here or in the graph.
function rowOf(graph) {
  return (graph.locks && rows.find((row) => framesOf(row).length && graph.holds(row)
    && patternsOf(framesOf(row)) === graph.locks)) || null;
}

function patternsOf(names) {
  return names.map((name) => "^" + name.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&") + "$").join("\n");
}

// What the open graph shows may have been changed there, or come from the address.
function readChoice() {
  const sources = openGraph.locks;
  if (chosen && openGraph.holds(chosen) && patternsOf(framesOf(chosen)) === sources) {
    markChoice();
    return;
  }
  if (chosen && !sources && openGraph.holds(chosen)) {
    choose(null);
    return;
  }
  chosen = rowOf(openGraph);
  markChoice();
}

for (const graph of graphs) {
  graph.svg.addEventListener("pvprof:change", (event) => {
    graph.locks = event.detail.settings.filter(([key]) => key === "keep-case")
      .map(([, source]) => source).join("\n");
    const row = rowOf(graph);
    graph.only.hidden = !row;
    graph.only.textContent = row ? choiceWords(row, graph) : "";
    if (!isChoosing && graph === openGraph) readChoice();
  });
}

// Moves to the graphs where they are out of sight; who is near them sees the change anyway.
function reveal() {
  const top = find(".graphs").getBoundingClientRect().top;
  if (top < window.innerHeight - 200) return;
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  find(".graphs").scrollIntoView({ behavior: isCalm ? "auto" : "smooth", block: "start" });
}

function toggle(row) {
  choose(row === chosen ? null : row);
  if (chosen) reveal();
}

for (const row of rows) {
  if (!framesOf(row).length || !graphs.some((graph) => graph.holds(row))) continue;
  const place = find(".lock", row);
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-pressed", "false");
  button.title = "Show only its stacks in the flame graphs";
  button.append(...place.childNodes);
  place.append(button);
  row.addEventListener("click", () => {
    if (!String(getSelection())) toggle(row); // the user is selecting text to copy it
  });
}
if (chosenLine) {
  find("button", chosenLine).addEventListener("click", () => choose(null));
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !chosen) return;
  if (event.target instanceof Element && event.target.matches("input")) return;
  const focused = document.activeElement;
  // a graph undoes its own things: its search, its zoom, then this
  if (find(".pvprof-flame:hover") || (focused && focused.closest(".pvprof-flame"))) return;
  choose(null);
});

// ---- tables -------------------------------------------------------------------------------------

function compile(source) {
  try {
    return new RegExp(source, "iu");
  } catch (error) {
    try {
      return new RegExp(source, "i");
    } catch (again) {
      return null;
    }
  }
}

// Numbers are compared in full: nanoseconds of a long run pass 2^53.
function compareNumbers(a, b) {
  const [x, y] = [BigInt(a), BigInt(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

function compareTexts(a, b) {
  const [x, y] = [a.toLowerCase(), b.toLowerCase()];
  return x < y ? -1 : x > y ? 1 : a < b ? -1 : a > b ? 1 : 0;
}

function setUpTable(table) {
  const body = table.tBodies[0];
  const every = Array.from(body.rows);
  const heads = Array.from(table.tHead.rows[0].cells);
  // Also words that begin with a number, as "11 channels".
  const isNumeric = heads.map((_, column) => every.some((row) => row.cells[column].dataset.order !== undefined));
  const form = find("form.filter", table.closest(".section"));
  const isMain = form && !table.closest("details");
  const top = Number(table.dataset.top) || every.length;
  let order = every;
  let showsAll = every.length <= top;

  function sortBy(column, direction) {
    const isNumber = isNumeric[column];
    const keyOf = (row) => (isNumber ? row.cells[column].dataset.order || "" : row.cells[column].textContent);
    const compare = isNumber ? compareNumbers : compareTexts;
    const keyed = every.map((row) => [keyOf(row), row]);
    keyed.sort(([a], [b]) => {
      if (a === "" || b === "") return a === b ? 0 : a === "" ? 1 : -1;
      return direction * compare(a, b);
    });
    order = keyed.map(([, row]) => row);
    body.append(...order);
    for (const [index, head] of heads.entries()) {
      if (index === column) head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    }
    update();
  }

  for (const [index, head] of heads.entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      const first = isNumeric[index] ? -1 : 1;
      sortBy(index, now === "ascending" ? -1 : now === "descending" ? 1 : first);
    });
  }

  function update() {
    if (!isMain) return;
    const input = find("input", form);
    const pattern = compile(input.value);
    input.setAttribute("aria-invalid", pattern ? "false" : "true");
    find(".problem", form).textContent = pattern ? "" : "not a regular expression: all rows are shown";
    const matching = order.filter((row) => !pattern || !input.value || Array.from(row.cells)
      .some((cell) => !cell.classList.contains("n") && pattern.test(cell.textContent)));
    const shown = new Set(showsAll ? matching : matching.slice(0, top));
    for (const row of every) row.hidden = !shown.has(row);
    const isFiltered = matching.length < every.length;
    const of = isFiltered ? matching.length + " matching rows" : every.length + " rows";
    find(".count", form).textContent = (shown.size < matching.length ? shown.size + " of " + of : of)
      + (isFiltered ? " (" + every.length + " in all)" : "");
    find(".every", form).hidden = showsAll || matching.length <= top;
  }

  if (!isMain) return;
  form.addEventListener("submit", (event) => event.preventDefault());
  find("input", form).addEventListener("input", update);
  find("input", form).addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !event.target.value) return;
    event.target.value = "";
    update();
  });
  find(".every", form).addEventListener("click", () => {
    showsAll = true;
    update();
  });
  update();
}

findAll(".locks").forEach(setUpTable);

// ---- light and dark -----------------------------------------------------------------------------

const pictures = findAll(".pvprof-flame, .pvprof-heat, .pvprof-line");
const themeButton = find("#theme");
let theme = "auto";

function setTheme(name) {
  theme = name;
  if (name === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  themeButton.textContent = THEME_LABELS[name];
  themeButton.title = THEME_HINT;
  for (const picture of pictures) picture.dispatchEvent(new CustomEvent("pvprof:show", { detail: { theme: name } }));
}

themeButton.addEventListener("click", () => setTheme(themeAfter(theme)));
setTheme("auto");

// ---- keys ---------------------------------------------------------------------------------------

// The pictures tell theirs: one list has all.
const SHORTCUTS = [["Click on a name", "the flame graphs show only its stacks"], ["Escape", "they show all again"]];
const keysButton = find("#keys");
let keysDialog = null;

function showShortcuts() {
  if (!keysDialog) {
    const told = new Map(findAll(".locks").length ? [["Tables", SHORTCUTS]] : []);
    for (const picture of pictures) {
      const detail = [];
      picture.dispatchEvent(new CustomEvent("pvprof:shortcuts", { detail }));
      for (const [name, list] of detail) told.set(name, list);
    }
    keysDialog = shortcutsDialog(document.body, "Keys of this page", told);
  }
  keysDialog.showModal();
}

keysButton.addEventListener("click", showShortcuts);
document.addEventListener("keydown", (event) => {
  if (event.key !== "?" || (event.target instanceof Element && event.target.matches("input"))) return;
  event.preventDefault(); // it is not for the picture under the pointer
  showShortcuts();
});
