// The themes, in the order in which one button goes through them.

export const THEME_LABELS = { auto: "\u25d0 Auto", dark: "\u25cf Dark", light: "\u25cb Light" };
export const THEME_HINT = "Light, dark, or as the system";

export function themeAfter(name) {
  const names = Object.keys(THEME_LABELS);
  return names[(names.indexOf(name) + 1) % names.length];
}
