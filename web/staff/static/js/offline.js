// The page without a network: the codes that the phone keeps, by home.

import { keptCodes, markUsed } from "./codes.js";

function element(name, text, more = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  Object.assign(made, more);
  return made;
}

function codeRow(box, code) {
  const row = element("p", "");
  const digits = element("strong", code.digits, { className: "num lead" });
  digits.dataset.test = "code";
  const until = new Date(code.expires).toLocaleTimeString("sv-SE", { hour: "2-digit", minute: "2-digit" });
  row.append(digits, ` ${box.dataset.until} ${until} `);
  if (!code.there) row.append(`(${box.dataset.absent}) `);
  const used = element("button", box.dataset.used, { className: "btn", type: "button" });
  used.addEventListener("click", () => { markUsed(code.digits); show(); });
  row.append(used);
  return row;
}

function show() {
  const box = document.getElementById("codes");
  const homes = keptCodes();
  box.replaceChildren();
  if (homes.length === 0) box.append(element("p", box.dataset.none, { className: "card empty" }));
  for (const home of homes) {
    const card = element("section", "", { className: "card" });
    card.append(element("h2", home.where, { className: "who" }));
    for (const code of home.codes) card.append(codeRow(box, code));
    if (home.fallback) {
      card.append(element("p", box.dataset.fallback), element("p", home.fallback, { className: "fallback" }));
    }
    box.append(card);
  }
}

show();
