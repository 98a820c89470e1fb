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
      // Names are text: nothing is parsed as markup or as code.
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-restricted-properties": [
        "error",
        ...["innerHTML", "outerHTML", "insertAdjacentHTML", "srcdoc", "setHTMLUnsafe"].map((property) => ({ property })),
        { object: "document", property: "write" },
        { object: "document", property: "writeln" },
      ],
      "no-script-url": "error",
      "no-shadow": "error",
      "no-unused-vars": ["error", { caughtErrors: "none" }],
      "prefer-const": "error",
      eqeqeq: "error",
    },
  },
  { files: ["pvprof/render/**/*.js"], languageOptions: { sourceType: "module" } },
];
