// Links that the user gave to frames. They open in another tab; what they lead to is checked when the
// picture is made, and written out here for people to see.

import { linkOf } from "./flame_model.js";
import { state } from "./flame_state.js";
import { frames, nodeUnder } from "./flame_draw.js";
import { html, status } from "./flame_page.js";

export const link = html(status, "a", { class: "link", target: "_blank", rel: "noopener noreferrer" });

// Shows the link of what is described, to click, to copy, and to see where it leads.
export function showLink(address) {
  if (link.textContent === address) return;
  link.textContent = address;
  if (address) link.setAttribute("href", address);
  else link.removeAttribute("href");
}

export function openLink(node) {
  const address = node < 0 ? "" : linkOf(state.layout.tree, node);
  if (address) window.open(address, "_blank", "noopener,noreferrer");
  return address !== "";
}

frames.addEventListener("mousedown", (event) => {
  // else the middle button scrolls
  const node = nodeUnder(event);
  if (event.button === 1 && node >= 0 && linkOf(state.layout.tree, node)) event.preventDefault();
});
frames.addEventListener("auxclick", (event) => {
  if (event.button === 1 && openLink(nodeUnder(event))) event.preventDefault();
});
