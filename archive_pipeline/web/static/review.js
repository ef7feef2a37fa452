// Keys for the review queue. Everything they do is a button or a link on the page.
"use strict";
(() => {
  const cases = Array.from(document.querySelectorAll(".case"));
  const box = document.getElementById("keys-on");
  const help = document.getElementById("keys");
  const STORED = "apl-review-keys";
  let place = -1;

  try {
    box.checked = localStorage.getItem(STORED) !== "off";
    box.addEventListener("change", () => localStorage.setItem(STORED, box.checked ? "on" : "off"));
  } catch { /* storage may be forbidden; then the choice lasts for this page */ }

  function go(next) {
    if (!cases.length) return;
    place = Math.max(0, Math.min(cases.length - 1, next));
    for (const one of cases) one.classList.toggle("current", one === cases[place]);
    cases[place].focus({ preventScroll: true });
    cases[place].scrollIntoView({ block: "nearest" });
  }

  for (const [number, one] of cases.entries()) {
    one.addEventListener("focusin", () => {
      place = number;
      for (const other of cases) other.classList.toggle("current", other === one);
    });
  }

  function press(key) {
    const button = (cases[place] || document).querySelector(`[data-key="${key}"]`);
    if (button && cases[place]) button.click();
  }

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=checkbox]), textarea, select");
    if (!box.checked || typing || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "j") go(place + 1);
    else if (event.key === "k") go(place - 1);
    else if (["a", "v", "s"].includes(event.key)) press(event.key);
    else if (event.key === "u") document.querySelector('.done [data-key="u"]')?.click();
    else if (event.key === "o") cases[place]?.querySelector(".open")?.click();
    else if (event.key === "?") help.open = !help.open;
    else return;
    event.preventDefault();
  });

  if (cases.length) go(0);
})();
