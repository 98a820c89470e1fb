// The list of keys, as a dialog over the picture: the browser keeps the focus inside, closes it by
// Escape and gives the focus back.

/** @param {Map<string, string[][]>} groups by heading: what to press or click, and what it does */
export function shortcutsDialog(parent, heading, groups) {
  const put = (place, tag, text) => {
    const made = document.createElementNS("http://www.w3.org/1999/xhtml", tag);
    made.textContent = text;
    return place.appendChild(made);
  };
  const dialog = put(parent, "dialog", "");
  dialog.setAttribute("class", "pvprof-shortcuts");
  dialog.setAttribute("role", "dialog");
  dialog.setAttribute("aria-label", heading);
  put(dialog, "h2", heading);
  for (const [name, rows] of groups) {
    if (groups.size > 1) put(dialog, "h3", name);
    const list = put(dialog, "dl", "");
    for (const [keys, action] of rows) {
      put(list, "dt", keys);
      put(list, "dd", action);
    }
  }
  const closing = put(dialog, "button", "Close");
  closing.setAttribute("type", "button");
  closing.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // beside its text
  });
  // What is below does not hear its keys.
  dialog.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "?") dialog.close();
  });
  return dialog;
}
