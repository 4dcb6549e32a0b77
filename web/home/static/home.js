// Keeps the page fresh, and says so when it cannot: an old page must not look like a new one.
"use strict";
const EVERY_MS = 5000;
const main = document.querySelector("main[data-refresh]");
const stale = document.getElementById("stale");

async function refresh() {
  try {
    const answer = await fetch("/", { signal: AbortSignal.timeout(EVERY_MS), cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    main.replaceChildren(...page.querySelector("main").childNodes);
    stale.hidden = true;
  } catch {
    stale.hidden = false;
  }
  setTimeout(refresh, EVERY_MS);
}
if (main) setTimeout(refresh, EVERY_MS);

for (const form of document.querySelectorAll("form[data-running]")) {
  form.addEventListener("submit", () => {
    const button = form.querySelector("button");
    button.disabled = true;
    button.textContent = form.dataset.running;
  });
}
