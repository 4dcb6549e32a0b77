// The page without a network: the codes that the phone keeps, by home, and the proofs that it signs.
//
// One tap opens: this page notes which home, the home's page makes a word and sends the phone back
// here (#dorr=), and the proof goes to the address that the server told of that home.  A word that
// nobody here asked for waits for a tap.

import { canProve, keptCodes, markUsed, proofAddress } from "./codes.js";

const WISH = "tryggve.wish";
const WISH_MS = 120_000; // as long as a word lives
const word = location.hash.startsWith("#dorr=") ? location.hash.slice(6) : "";
if (word) history.replaceState(null, "", location.pathname);

function wished() {
  const wish = JSON.parse(sessionStorage.getItem(WISH) ?? "{}");
  sessionStorage.removeItem(WISH);
  return Date.now() - wish.at < WISH_MS ? wish.home : "";
}

async function openDoor(home) {
  if (word) return location.replace(await proofAddress(home, word));
  sessionStorage.setItem(WISH, JSON.stringify({ home: home.home, at: Date.now() }));
  location.href = `${home.page.url}/door#telefon`;
}

function element(name, text, more = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  Object.assign(made, more);
  return made;
}

function codeRow(box, code) {
  const row = element("div", "", { className: "code-row" });
  const digits = element("strong", code.digits, { className: "num lead" });
  digits.dataset.test = "code";
  const until = new Date(code.expires).toLocaleTimeString("sv-SE", { hour: "2-digit", minute: "2-digit" });
  const about = element("p", "");
  about.append(digits, ` ${box.dataset.until} ${until}`);
  if (!code.there) about.append(element("span", box.dataset.absent, { className: "small muted" }));
  const used = element("button", box.dataset.used, { className: "btn", type: "button" });
  used.addEventListener("click", () => { markUsed(code.digits); show(); });
  row.append(about, used);
  return row;
}

/** The first and last of a fingerprint, as browsers write it. */
function grouped(fingerprint) {
  const pairs = fingerprint.toUpperCase().match(/../g) ?? [];
  return `${pairs.slice(0, 4).join(":")} … ${pairs.slice(-4).join(":")}`;
}

function link(box, url) {
  const line = element("p", `${box.dataset.page} `);
  if (!url.startsWith("https://")) return line;
  const way = element("a", `${url}/door`, { href: `${url}/door` });
  way.dataset.test = "door-link";
  line.append(way);
  return line;
}

function show() {
  const box = document.getElementById("codes");
  const homes = keptCodes();
  box.replaceChildren();
  if (homes.length === 0) box.append(element("p", box.dataset.none, { className: "card empty" }));
  for (const home of homes) {
    const card = element("section", "", { className: "card" });
    card.append(element("h2", home.where, { className: "who" }));
    if (canProve(home)) {
      const way = element("button", box.dataset.open, { className: "btn main bigbtn", type: "button" });
      way.dataset.test = "open";
      way.addEventListener("click", () => openDoor(home));
      const print = element("p", `${box.dataset.print} ${grouped(home.page.fingerprint)}`, { className: "quiet" });
      card.append(way, print, element("p", box.dataset.typed));
    }
    for (const code of home.codes) card.append(codeRow(box, code));
    if (home.page) card.append(link(box, home.page.url));
    if (home.fallback) {
      card.append(element("p", box.dataset.fallback), element("p", home.fallback, { className: "fallback" }));
    }
    box.append(card);
  }
}

const wish = word ? wished() : "";
const home = keptCodes().find((one) => one.home === wish && canProve(one));
show();
if (home) openDoor(home);
