// The reader's choice of light or dark, put in place before the first paint.
"use strict";
(function () {
  let kept = null;
  try { kept = localStorage.getItem("ganqbench-theme"); } catch { /* storage may be off */ }
  if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    const root = document.documentElement;
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    root.dataset.theme = (root.dataset.theme || system) === "dark" ? "light" : "dark";
    try { localStorage.setItem("ganqbench-theme", root.dataset.theme); } catch { /* storage may be off */ }
  });
})();
