// Text: labels cut to what fits, values and shares in words. Reads the same as labels.py.

import { data } from "./flame_model.js";

export const CELL_PERMILLE = 602;
export const MIN_LABEL = 3;
export const cellPixels = data.font * CELL_PERMILLE / 1000;

export function fit(name, cells) {
  return cut(name.slice(name.indexOf("`") + 1) || name, cells);
}

export function cut(name, cells) {
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

export function grouped(value) {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** @type {Record<string, {larger: [string, number][], base: string}>} */
const SCALES = {
  ns: { larger: [["s", 1e9], ["ms", 1e6], ["\u00b5s", 1e3]], base: "ns" },
  bytes: { larger: [["TiB", 2 ** 40], ["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]], base: "B" },
};

// To four significant digits in the largest unit that fits.
export function shortValue(value) {
  const scale = SCALES[data.unit];
  if (!scale) return grouped(value);
  const size = value < 0n ? -value : value;
  for (const [name, factor] of scale.larger) {
    if (size < BigInt(factor)) continue;
    const scaled = Number(size) / factor;
    const decimals = [3, 2, 1].find((n) => Number(scaled.toFixed(n)) < 10 ** (4 - n)) || 0;
    const [whole, part] = scaled.toFixed(decimals).split(".");
    return (value < 0n ? "-" : "") + grouped(whole) + (part ? "." + part : "") + " " + name;
  }
  return value + " " + scale.base;
}

export function formatValue(value) {
  const size = value < 0n ? -value : value;
  const exact = grouped(value) + " " + (data.unit !== "ns" && data.countName
    || (size === 1n ? data.unit.replace(/^(sample|event|byte)s$/, "$1") : data.unit));
  const smallest = SCALES[data.unit]?.larger.at(-1);
  return smallest && size >= BigInt(smallest[1]) ? shortValue(value) + " (" + exact + ")" : exact;
}

export function percent(part, whole) {
  if (part < 0n) return "-" + percent(-part, whole);
  if (!whole) return "-";
  const hundredths = (part * 20000n + whole) / (2n * whole);
  if (part && !hundredths) return "<0.01%";
  return hundredths / 100n + "." + String(hundredths % 100n).padStart(2, "0") + "%";
}

export function counted(number, thing) {
  return grouped(number) + " " + thing + (Number(number) === 1 ? "" : "s");
}
