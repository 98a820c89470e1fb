// The picture that this run of the script belongs to.
//
// The files flame_*.js are ES modules for editors and checkers. In a picture they are joined inside
// one function in strict mode, in the order that flamegraph.py lists, without their import lines and
// the word export; behind this file, the function returns if there is no picture to take over. Nothing
// is looked up by id and nothing is kept outside of that function, so that several pictures can share
// a page.

/** @type {SVGSVGElement} */
export const svg = document.currentScript && document.currentScript.closest(".pvprof-flame");
