// Keeps the page fresh, and says so when it cannot: an old page must not look like a new one.
"use strict";
const main = document.querySelector("[data-refresh]");
const EVERY_MS = Number(main?.dataset.refresh) || 5000;
const stale = document.getElementById("stale");

async function refresh() {
  try {
    const answer = await fetch(location.pathname, { signal: AbortSignal.timeout(5000), cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    main.replaceChildren(...page.querySelector("[data-refresh]").childNodes);
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
