// On paper the picture is light, as wide as the sheet, and without controls.

import { svg } from "./flame_picture.js";
import { measureWidth, setPaper, setTheme, theme } from "./flame_page.js";
import { refresh } from "./flame_main.js";

export let isPrinted = false;

export function forPaper(isPaper) {
  if (isPaper === isPrinted) return;
  isPrinted = isPaper;
  svg.classList.toggle("printed", isPaper);
  setPaper(isPaper);
  measureWidth();
  const chosen = theme;
  if (isPaper) {
    svg.classList.add("light");
    svg.classList.remove("dark");
  } else setTheme(chosen);
  refresh();
}

export const printing = matchMedia("print");
printing.addEventListener("change", () => forPaper(printing.matches));
window.addEventListener("beforeprint", () => forPaper(true));
window.addEventListener("afterprint", () => forPaper(false));
if (printing.matches) forPaper(true);
