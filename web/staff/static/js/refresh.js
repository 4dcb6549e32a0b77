// When something changed that this page shows, fetch it anew from the server and fold it in.
//
// `<main data-kinds="alarm check home" data-home="h1">`: which kinds (the part before the dot) and
// which home matter; without `data-kinds` the page is never fetched, only the header's summary.
// `data-every-s="2"`: it shows what its reader is not told of as it happens; fetched so often while
// it is looked at.
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

/**
 * After a fetch comes a pause of so many times what it took: a server that has much to do is asked
 * less often, by all of its screens.  Shorter where somebody may wait for help.
 */
const PAUSE = { hurried: 2, calm: 4 };
const PAUSE_AT_MOST_MS = { hurried: 1500, calm: 5000 };

/** And at the least: who reads sees no more than that, and a storm's beginning has other work. */
const PAUSE_AT_LEAST_MS = { hurried: 1000, calm: 2000 };

/** So that a thousand screens that lost their place do not all ask at once. */
const SPREAD_MS = 1000;

/** Without any event too: what is due becomes late, and a lost change is found. */
const ANYWAY_MS = 30000;

const ALWAYS = ["alarm", "check", "home"];

/** What somebody waits for; `elsewhere` is an alarm too. */
const HURRIED = ["alarm", "check", "unlock", "grant", "elsewhere"];

/** The steps of an alarm's way: what happened is on the page already, who was told has time. */
const STEPS = ["alarm.escalated", "alarm.sent", "alarm.shown", "alarm.undelivered"];

/** A technician asks, or was answered: the header counts it on every page. */
const ASKED = ["grant.requested", "grant.approved", "grant.refused"];
let timer = null;
let slowTimer = null;
let lostTimer = null;
let firstAsked = 0;
let hurried = false;
let running = null;
let again = false;
let ended = -Infinity;
let took = 0;
let isDown = false;
let isOvertaken = false;

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

/** What the home of this page did since: "the home is asked" is no longer so. */
function overtakes(change) {
  const main = document.getElementById("main");
  const ours = (main.dataset.kinds || "").split(" ").includes(change.kind.split(".")[0]);
  return ours && Boolean(main.dataset.home) && change.home === main.dataset.home;
}

function isHurried(kind) {
  return HURRIED.includes(kind.split(".")[0]) && !STEPS.includes(kind);
}

async function load() {
  const url = new URL(location.href);
  const overtaken = isOvertaken;
  url.searchParams.set("fragment", "1");
  url.hash = "";
  const answer = await fetch(url, { signal: AbortSignal.timeout(FETCH_MS), cache: "no-store" });
  if (answer.status === 503) throw new Error("busy");
  const isOut = answer.redirected && new URL(answer.url).pathname === "/login";
  if (isOut) document.dispatchEvent(new CustomEvent("page:refused"));
  if (!answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const id of ["summary", "saving", "main"]) {
    const from = document.getElementById(id);
    const to = page.getElementById(id);
    if (from && to) morph(from, to);
  }
  if (overtaken) {
    document.querySelectorAll(".flashes > .good").forEach((answer) => answer.remove());
    isOvertaken = false;
  }
  const made = page.getElementById("main")?.dataset;
  if (made) setNow(made.now, made.rate);
  tick();
  document.dispatchEvent(new CustomEvent("page:new"));
}

async function loadTimed(haste) {
  const began = performance.now();
  try {
    await load();
  } catch {
    again = !isDown; // the banner tells of a dead link, and its end fetches the page
    hurried ||= haste;
  }
  ended = performance.now();
  took = ended - began;
}

/** Fetch now: after the fetch that runs, which may not show what was just done. */
export async function refreshNow() {
  clearTimeout(timer);
  clearTimeout(slowTimer);
  timer = null;
  slowTimer = null;
  while (running) await running;
  const haste = hurried;
  hurried = false;
  again = false;
  running = loadTimed(haste);
  await running;
  running = null;
  if (again) refreshSoon();
}

function onTimer() {
  timer = null;
  slowTimer = null;
  if (running) again = true;
  else refreshNow();
}

export function refreshSoon(haste = false) {
  const at = performance.now();
  if (timer === null) firstAsked = at;
  else clearTimeout(timer);
  hurried ||= haste;
  const how = hurried ? "hurried" : "calm";
  const burst = Math.min(CALM_MS, WAIT_AT_MOST_MS - (at - firstAsked));
  const wanted = Math.max(PAUSE[how] * took, PAUSE_AT_LEAST_MS[how]);
  const pause = ended + Math.min(wanted, PAUSE_AT_MOST_MS[how]) - at;
  timer = setTimeout(onTimer, Math.max(0, burst, pause));
}

export function startRefreshing() {
  if (!document.getElementById("summary")) return;
  document.addEventListener("live:down", () => { isDown = true; });
  document.addEventListener("live:up", () => { if (isDown) refreshSoon(true); isDown = false; });
  document.addEventListener("live:resync", () => {
    lostTimer ??= setTimeout(() => { lostTimer = null; refreshSoon(true); }, SPREAD_MS * Math.random());
  });
  document.addEventListener("live:saving", ({ detail }) => {
    // told when the link begins too: only a page that says otherwise is fetched
    const shown = document.getElementById("saving").dataset;
    if (detail.refused !== Boolean(shown.refused) || Boolean(detail.stands) !== Boolean(shown.stands)
      || detail.unsaved || Number(shown.unsaved)) {
      refreshSoon(true);
    }
  });
  document.addEventListener("time:due", () => refreshSoon());
  document.addEventListener("live:change", ({ detail }) => {
    isOvertaken ||= overtakes(detail);
    if (isSlow(detail)) slowTimer ??= setTimeout(onTimer, SLOW_MS);
    else if (matters(detail)) refreshSoon(isHurried(detail.kind));
  });
  setInterval(() => refreshSoon(), ANYWAY_MS);
  setInterval(() => {
    const every = Number(document.getElementById("main").dataset.everyS) * 1000;
    if (every && !document.hidden && performance.now() - ended > every) refreshSoon();
  }, 1000);
}
