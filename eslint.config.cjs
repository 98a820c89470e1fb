// How eslint checks the scripts of pictures and pages: scripts/check runs it, from .node.
const js = require("@eslint/js");
const globals = require("globals");

module.exports = [
  js.configs.recommended,
  {
    files: ["pvprof/render/**/*.js"],
    languageOptions: { ecmaVersion: 2022, globals: globals.browser },
    rules: {
      "no-restricted-globals": ["error", "close", "escape", "event", "find", "length", "name", "open", "parent", "print", "status", "top"],
      "no-shadow": "error",
      "no-unused-vars": ["error", { caughtErrors: "none" }],
      "prefer-const": "error",
      eqeqeq: "error",
    },
  },
  { files: ["pvprof/render/**/*.js"], languageOptions: { sourceType: "module" } },
];
