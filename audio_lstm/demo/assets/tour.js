"use strict";
// The tour: a slider or buttons choose which of the prepared pictures is seen.
(() => {
  document.addEventListener("input", (event) => {
    const tour = event.target.closest("[data-tour]");
    if (!tour) return;
    const inputs = [...tour.querySelectorAll("input")].filter((one) => one.type !== "radio" || one.checked);
    const key = inputs.map((one) => one.value).join("|");
    tour.querySelectorAll("[data-key]").forEach((block) => {
      block.hidden = block.dataset.key !== key;
      const told = tour.querySelector("output");
      if (block.hidden || !told) return;
      told.textContent = block.dataset.name;
      event.target.setAttribute("aria-valuetext", block.dataset.name);
    });
  });
})();
