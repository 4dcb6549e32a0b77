// Says whether the page is live: a clock that walks while it is, and a loud banner when it is not.
// A page that stands still and looks well is the most dangerous thing this program could show.

import { clockText, span, now } from "./time.js";

const pulse = document.getElementById("pulse");
const alert = document.getElementById("link-alert");
let downSince = null;

function show(state) {
  pulse.dataset.state = state;
  for (const part of pulse.querySelectorAll("[data-when]")) part.hidden = part.dataset.when !== state;
}

function goDown({ why }) {
  downSince ??= now();
  show("down");
  const said = { "signed-out": "say-signed-out", full: "say-full" }[why] || "say-link-down";
  const template = document.getElementById(said);
  alert.replaceChildren(template.content.cloneNode(true));
  alert.querySelector(".at").textContent = clockText(downSince);
  document.body.classList.add("is-down");
  walk();
}

/** Signed out, perhaps because the phone is lost: what the page shows of anybody goes. */
function goOver() {
  document.getElementById("main").replaceChildren();
}

function goUp() {
  downSince = null;
  show("up");
  alert.replaceChildren();
  document.body.classList.remove("is-down");
}

function walk() {
  if (downSince === null) {
    const clock = pulse.querySelector(".clock");
    if (clock) clock.textContent = clockText();
    return;
  }
  const age = alert.querySelector(".age");
  if (age) age.textContent = span(now() - downSince);
}

export function startBanner() {
  if (!pulse) return;
  document.addEventListener("live:down", (e) => goDown(e.detail));
  document.addEventListener("live:over", goOver);
  document.addEventListener("live:up", goUp);
  setInterval(walk, 1000);
  walk();
}
