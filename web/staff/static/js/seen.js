// While an alarm is open: keeps the screen awake, and tells the server which alarms really stand on
// a page that can be looked at.  Once for each alarm and screen, a few at a time.
//
// A page in the background, or a phone that lies dark, has shown nothing.  Not for: sound
// (`sound.js`), the number in the title (`tab.js`).

/** After the first alarm of a burst, so that one form tells of all; spread, for many screens hear of
    a storm at once. */
const GATHER_MS = 300;
const SPREAD_MS = 700;

/** As many as the server takes from one form. */
const AT_ONCE = 50;

const told = new Set();
let timer = null;
let awake = null;

function looked() {
  return document.visibilityState === "visible" && !document.body.classList.contains("is-down");
}

/** What stands on the page and was not told: alarms, and mass alarms with how many they are. */
function shown() {
  const rows = document.querySelectorAll("#main [data-alarm], #main [data-mass]");
  const all = [...rows].map(({ dataset: { alarm, mass, total } }) => alarm || (mass && `${mass} ${total}`));
  return [...new Set(all)].filter((ref) => ref && !told.has(ref));
}

async function tell() {
  timer = null;
  const refs = looked() ? shown().slice(0, AT_ONCE) : [];
  const token = document.querySelector("input[name=csrf_token]")?.value;
  if (!refs.length || !token) return;
  for (const ref of refs) told.add(ref);
  const data = new FormData();
  data.set("csrf_token", token);
  for (const ref of refs) {
    const [mass, total] = ref.split(" ");
    data.append(total ? "mass" : "alarm", mass);
  }
  try {
    const answer = await fetch("/visat", {
      method: "POST", body: data, headers: { Accept: "application/json" }, signal: AbortSignal.timeout(8000),
    });
    if (!answer.ok) throw new Error(String(answer.status));
  } catch {
    for (const ref of refs) told.delete(ref); // told again with the next change
    return;
  }
  look();
}

async function keepAwake() {
  const { unacknowledged } = document.getElementById("summary")?.dataset ?? {};
  const wanted = Number(unacknowledged || 0) > 0 && document.visibilityState === "visible";
  if (wanted && (!awake || awake.released)) {
    awake = await navigator.wakeLock?.request("screen").catch(() => null); // an empty battery says no
  } else if (!wanted && awake) {
    await awake.release();
    awake = null;
  }
  document.body.dataset.awake = awake && !awake.released ? "1" : "";
}

function look() {
  keepAwake();
  if (timer === null && looked() && shown().length) {
    timer = setTimeout(tell, GATHER_MS + Math.random() * SPREAD_MS);
  }
}

export function startSeen() {
  look();
  for (const name of ["page:new", "live:up", "visibilitychange"]) document.addEventListener(name, look);
}
