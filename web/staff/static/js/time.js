// The server's time in the browser, and everything on the page that ticks.
//
// The page says what time it was at the server when it was made, and how fast that time runs (the
// demo's runs faster).  Elements ask for what they need:
//   data-since="ISO"        shows how long ago that is
//   data-until="ISO"        shows how long is left
//   data-show-after="ISO"   appears at that time, also when the server is gone
//   data-hide-after="ISO"   disappears then

const page = document.documentElement.dataset;
let madeAt = Date.parse(page.now);
let readAt = performance.now();
let rate = Number(page.rate) || 1;

/** The server's time in ms since 1970. */
export function now() {
  return madeAt + (performance.now() - readAt) * rate;
}

/** A newer answer of the server said what time it is. */
export function setNow(iso, newRate) {
  const at = Date.parse(iso);
  if (Number.isNaN(at)) return;
  madeAt = at;
  readAt = performance.now();
  rate = Number(newRate) || rate;
}

const words = document.getElementById("time-words").dataset;

/** "7 min", "1 h 05 min": coarse when long, in seconds only under a minute. */
export function span(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} ${words.s}`;
  const min = Math.floor(s / 60);
  if (min < 60) return `${min} ${words.min}`;
  const h = Math.floor(min / 60);
  if (h < 48) return `${h} ${words.h} ${String(min % 60).padStart(2, "0")} ${words.min}`;
  return `${Math.floor(h / 24)} ${words.d}`;
}

/** "4:59" to go; under zero it is how long too late. */
export function countdown(ms) {
  const s = Math.ceil(ms / 1000);
  if (s <= 0) return words.late;
  const text = String(s % 60).padStart(2, "0");
  if (s < 1200) return `${Math.floor(s / 60)}:${text}`;
  return span(ms);
}

const local = new Intl.DateTimeFormat("sv-SE", {
  hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: page.zone || "Europe/Stockholm",
});

/** "02:14:07" in the home's local time. */
export function clockText(ms = now()) {
  return local.format(ms);
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Bring everything that ticks under `root` up to date. */
export function tick(root = document) {
  const at = now();
  for (const e of root.querySelectorAll("[data-since]")) {
    write(e, span(at - Date.parse(e.dataset.since)));
  }
  for (const e of root.querySelectorAll("[data-until]")) {
    write(e, countdown(Date.parse(e.dataset.until) - at));
  }
  let due = false;
  for (const e of root.querySelectorAll("[data-show-after]")) {
    const hide = at < Date.parse(e.dataset.showAfter);
    due ||= e.hidden && !hide;
    e.hidden = hide;
  }
  for (const e of root.querySelectorAll("[data-hide-after]")) {
    e.hidden = at >= Date.parse(e.dataset.hideAfter);
  }
  if (due) document.dispatchEvent(new CustomEvent("time:due"));
}

export function startTicking() {
  tick();
  setInterval(() => tick(), 1000);
}
