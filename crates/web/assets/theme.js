// The colour scheme that was chosen, set before anything is drawn; without a choice the system's.
(() => {
  "use strict";
  const root = document.documentElement;
  let chosen = null;
  try { chosen = localStorage.getItem("sluice-theme"); } catch { /* storage may be forbidden */ }
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  const say = (button) => {
    button.textContent = { light: "Light", dark: "Dark" }[root.dataset.theme] || "Auto";
    button.setAttribute("aria-label", `Colours: ${button.textContent}. Change`);
  };
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    if (!button) return;
    button.hidden = false;
    say(button);
    button.addEventListener("click", () => {
      const next = { undefined: "dark", dark: "light", light: "" }[root.dataset.theme];
      if (next) root.dataset.theme = next; else delete root.dataset.theme;
      try { next ? localStorage.setItem("sluice-theme", next) : localStorage.removeItem("sluice-theme"); } catch { /* as above */ }
      say(button);
    });
  });
})();
