// When something changed that this page shows, fetch it anew from the server and fold it in.
//
// `<main data-kinds="alarm check home" data-home="h1">`: which kinds (the part before the dot) and
// which home matter; without `data-kinds` the page is never fetched, only the header's summary.
// `data-slow="mat.pressed …"`: kinds that come by the hundred, which a page has time for.

import { morph } from "./morph.js";
import { setNow, tick } from "./time.js";

/** A burst of events becomes one fetch; the first is not made to wait for long. */
const CALM_MS = 60;
const WAIT_AT_MOST_MS = 400;

/** What chatters is shown so often and no more. */
const SLOW_MS = 2000;

/** A fetch that takes longer is given up; the next change, or the next try, makes a new one. */
const FETCH_MS = 8000;

/** Without any event too: what is due becomes late, and a lost change is found. */
const ANYWAY_MS = 30000;

const ALWAYS = ["alarm", "check", "home"];

/** A technician asks, or was answered: the header counts it on every page. */
const ASKED = ["grant.requested", "grant.approved", "grant.refused"];
let timer = null;
let slowTimer = null;
let firstAsked = 0;
let running = null;
let again = false;

/** Whether a page of one home may show it; without a home it is told of many at once. */
function concerns(main, change) {
  return !main.dataset.home || change.home === null || main.dataset.home === change.home;
}

function isSlow(change) {
  const main = document.getElementById("main");
  return (main.dataset.slow || "").split(" ").includes(change.kind) && concerns(main, change);
}

function matters(change) {
  const main = document.getElementById("main");
  if (change.kind === "record.read") return false; // reading changes nothing that is shown
  const kind = change.kind.split(".")[0];
  if (ALWAYS.includes(kind) || ASKED.includes(change.kind)) return true;
  return (main.dataset.kinds || "").split(" ").includes(kind) && concerns(main, change);
}

async function load() {
  const url = new URL(location.href);
  url.searchParams.set("fragment", "1");
  url.hash = "";
  const answer = await fetch(url, { signal: AbortSignal.timeout(FETCH_MS), cache: "no-store" });
  if (!answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const id of ["summary", "saving", "main"]) {
    const from = document.getElementById(id);
    const to = page.getElementById(id);
    if (from && to) morph(from, to);
  }
  const made = page.getElementById("main")?.dataset;
  if (made) setNow(made.now, made.rate);
  tick();
  document.dispatchEvent(new CustomEvent("page:new"));
}

/** Fetch now, or once more after the fetch that runs. */
export async function refreshNow() {
  clearTimeout(timer);
  clearTimeout(slowTimer);
  timer = null;
  slowTimer = null;
  if (running) {
    again = true;
    return running;
  }
  running = load().catch(() => { /* the banner tells of a dead link; we try again */ });
  await running;
  running = null;
  if (again) {
    again = false;
    return refreshNow();
  }
  return undefined;
}

export function refreshSoon() {
  const at = performance.now();
  if (timer === null) firstAsked = at;
  else clearTimeout(timer);
  const left = Math.max(0, WAIT_AT_MOST_MS - (at - firstAsked));
  timer = setTimeout(refreshNow, Math.min(CALM_MS, left));
}

export function startRefreshing() {
  if (!document.getElementById("summary")) return;
  let wasDown = false;
  document.addEventListener("live:down", () => { wasDown = true; });
  document.addEventListener("live:up", () => { if (wasDown) refreshSoon(); wasDown = false; });
  document.addEventListener("live:resync", refreshSoon);
  document.addEventListener("live:saving", ({ detail }) => {
    // told when the link begins too: only a page that says otherwise is fetched
    const shown = document.getElementById("saving").dataset;
    if (detail.refused !== Boolean(shown.refused) || detail.unsaved || Number(shown.unsaved)) {
      refreshSoon();
    }
  });
  document.addEventListener("time:due", refreshSoon);
  document.addEventListener("live:change", ({ detail }) => {
    if (isSlow(detail)) slowTimer ??= setTimeout(refreshNow, SLOW_MS);
    else if (matters(detail)) refreshSoon();
  });
  setInterval(refreshSoon, ANYWAY_MS);
}
