// Nattillsyn by keys: j/k or arrows between the rows, Enter takes, 1–4 answer, e once more, ? helps.
// Letters and digits can be switched off in the help: who dictates, or whose hand shakes, must not
// answer by them (WCAG 2.1.4).
//
// A row opens beside the board without leaving the page.  The look's panel (`look.js`) tells with
// `look:state` whether a picture was seen, and is asked with `look:extend` and `look:end`.  Not for:
// sending the forms (`forms.js`), or what may be done (the server says).

import { refreshNow } from "./refresh.js";

const KEPT = "tryggve.keys";

let look = { state: "idle", pictures: 0, may_extend: false };
let of = "";
let chose = false;

const board = () => document.querySelector("[data-night]");
const panel = () => document.querySelector(".nt-panel");
const rows = () => [...document.querySelectorAll("a.nt-row")];

/** A camera is offered as an answer once it has shown something, and chosen once for who saw a
 * picture here; the server judges it anew. */
function offerCamera() {
  const choice = document.getElementById("nt-camera");
  if (!choice) return;
  const here = panel().dataset.key;
  if (here !== of) {
    look = { state: "idle", pictures: 0, may_extend: false };
    chose = false;
  }
  of = here;
  const seen = Boolean(choice.dataset.seen) || look.pictures > 0;
  const field = choice.querySelector("input");
  choice.hidden = !seen;
  field.disabled = !seen;
  if (!look.pictures || chose) return;
  chose = true;
  if (!document.querySelector("#nt-answer input:checked")) field.checked = true;
}

async function open(href, focus) {
  if (href !== location.href) document.dispatchEvent(new CustomEvent("look:end")); // of the other
  history.pushState(null, "", href);
  await refreshNow();
  const shown = panel();
  if (!shown) return;
  shown.scrollIntoView({ block: "nearest" });
  if (focus) shown.focus({ preventScroll: true });
}

function take(row) {
  const form = document.getElementById("nt-take");
  form.elements.home.value = row.dataset.home;
  form.elements.check.value = row.dataset.check;
  form.requestSubmit();
}

function move(step) {
  const all = rows();
  if (!all.length) return;
  const here = all.indexOf(document.activeElement);
  const next = here < 0 ? (step > 0 ? 0 : all.length - 1) : here + step;
  all[Math.max(0, Math.min(all.length - 1, next))].focus();
}

function once() {
  if (look.state === "live" && look.may_extend) {
    document.dispatchEvent(new CustomEvent("look:extend"));
    return true;
  }
  return false;
}

const lettersWork = () => localStorage.getItem(KEPT) !== "off";

function help() {
  const dialog = document.getElementById("nt-help");
  if (dialog.open) dialog.close();
  else dialog.showModal();
}

const press = (selector) => panel()?.querySelector(selector)?.click();

const KEYS = {
  j: () => move(1),
  ArrowDown: () => move(1),
  k: () => move(-1),
  ArrowUp: () => move(-1),
  1: () => press('[data-answer="1"]'),
  2: () => press('[data-answer="2"]'),
  3: () => press('[data-answer="3"]'),
  4: () => press('[data-answer="4"]'),
  e: () => press('[data-answer="2"]'),
  r: () => press('#nt-answer [value="phone"]'),
  p: () => press('#nt-answer [value="in_person"]'),
  "?": help,
  Escape: () => { if (panel()) open(board().querySelector(".nt-close").href, false); },
};

function onKey(event) {
  if (!board() || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const at = event.target;
  const dialog = document.getElementById("nt-help");
  if (dialog?.open && event.key !== "?") return;
  const typing = at.matches("textarea, select, input:not([type=radio])");
  if (typing) return;
  if (event.key === "Enter" && at.matches("a.nt-row")) {
    event.preventDefault();
    if (at.dataset.take !== undefined) take(at);
    open(at.href, true);
    return;
  }
  if (event.key.startsWith("Arrow") && at.matches("input[type=radio]")) return;
  if (event.key.length === 1 && !lettersWork()) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

function onClick(event) {
  if (!board() || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const link = event.target.closest("a.nt-row, a.nt-close");
  if (link) {
    event.preventDefault();
    open(link.href, link.matches(".nt-row"));
  } else if (event.target.closest("[data-again]") && once()) {
    event.preventDefault();
  } else if (event.target.closest("[data-keys]")) {
    help();
  }
}

function startChoice() {
  const choice = document.querySelector("#nt-help [data-letters]");
  if (!choice) return;
  choice.checked = lettersWork();
  choice.addEventListener("change", () => localStorage.setItem(KEPT, choice.checked ? "on" : "off"));
}

export function startBoard() {
  startChoice();
  document.addEventListener("keydown", onKey);
  document.addEventListener("click", onClick);
  document.addEventListener("submit", ({ target }) => {
    if (target.id === "nt-answer") document.dispatchEvent(new CustomEvent("look:end"));
  });
  document.addEventListener("look:state", ({ detail }) => { look = detail; offerCamera(); });
  document.addEventListener("page:new", offerCamera);
  addEventListener("popstate", () => { if (board()) refreshNow(); });
  offerCamera();
}
