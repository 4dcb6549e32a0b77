// Keeps the page fresh, and says so when it cannot: an old page must not look like a new one.
"use strict";
const main = document.querySelector("[data-refresh]");
const EVERY_MS = Number(main?.dataset.refresh) || 5000;
const stale = document.getElementById("stale");

async function refresh() {
  try {
    const answer = await fetch(location.pathname, { signal: AbortSignal.timeout(5000), cache: "no-store" });
    if (answer.redirected) return void location.reload(); // the session is over
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("[data-refresh]");
    if (!fresh) return void location.reload(); // it asks who one is
    if (main.dataset.morph) (await import(main.dataset.morph)).morph(main, fresh); // what is typed stays
    else main.replaceChildren(...fresh.childNodes);
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

// The phone's own page signs the word that stands in the link, and comes back with its proof.  Both
// travel behind the #, which is sent to nobody.
const phone = document.getElementById("phone");
const asked = location.hash;
if (phone && asked) {
  history.replaceState(null, "", location.pathname); // a reload sends nothing again
  if (asked === "#telefon") location.replace(phone.href);
  const [id, word, signature] = asked.startsWith("#svar=") ? asked.slice(6).split("~") : [];
  if (signature) {
    const form = document.getElementById("proof");
    form.elements.namedItem("id").value = id;
    form.elements.word.value = word;
    form.elements.signature.value = signature;
    form.requestSubmit();
  }
}
