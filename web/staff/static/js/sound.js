// The alarm's sound.  Off until the person switches it on: a browser plays nothing before a touch,
// and a page that believes it sounds while it is mute is worse than one that says so.  It is offered
// once, large, at the start of a shift; after that the button in the header says quietly how it is,
// and loudly when it is wanted and the browser plays nothing.
//
// Sounds while an alarm that nobody has taken is open, also one that the server could not save; and
// when the live link is lost, or the server can save nothing.

const REPEAT_MS = 8000;
const KEPT = "tryggve.sound";
const ASKED = "tryggve.sound.asked";

/** A shift: asked again after it, and after signing out. */
const SHIFT_MS = 10 * 3600 * 1000;

/** A browser that may play says so within this; until then nothing is asked. */
const SOON_MS = 400;

const button = document.getElementById("sound");
const offer = document.getElementById("sound-offer");
let context = null;
let wanted = localStorage.getItem(KEPT) === "on";
let lastBeep = -REPEAT_MS;

function audible() {
  return wanted && context?.state === "running";
}

function show() {
  const state = audible() ? "on" : wanted ? "blocked" : "off";
  button.dataset.state = state;
  button.setAttribute("aria-pressed", String(state === "on"));
  button.classList.toggle("wanting", state === "blocked");
  for (const part of button.querySelectorAll("[data-when]")) part.hidden = part.dataset.when !== state;
  if (!offer) return;
  for (const part of offer.querySelectorAll("[data-when]")) part.hidden = part.dataset.when !== state;
  if (state === "on" || asked()) offer.hidden = true;
}

function asked() {
  return Date.now() - Number(localStorage.getItem(ASKED) || 0) < SHIFT_MS;
}

function noteAsked() {
  localStorage.setItem(ASKED, String(Date.now()));
}

function tone(at, hz, length) {
  const source = new OscillatorNode(context, { type: "triangle", frequency: hz });
  const gain = new GainNode(context, { gain: 0 });
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(0.5, at + 0.02);
  gain.gain.setValueAtTime(0.5, at + length - 0.05);
  gain.gain.linearRampToValueAtTime(0, at + length);
  source.connect(gain).connect(context.destination);
  source.start(at);
  source.stop(at + length);
}

function play(notes) {
  if (!audible()) return;
  let at = context.currentTime + 0.02;
  for (const [hz, length] of notes) {
    tone(at, hz, length);
    at += length + 0.06;
  }
}

const ALARM = [[784, 0.22], [988, 0.22], [784, 0.22], [988, 0.34]];
const LINK_DOWN = [[440, 0.3], [330, 0.5]];
const READY = [[660, 0.12], [880, 0.16]];

async function switchOn() {
  context ??= new AudioContext();
  context.onstatechange = show;
  await context.resume();
  show();
}

async function press() {
  noteAsked();
  if (audible()) {
    wanted = false;
  } else {
    wanted = true;
    await switchOn();
    play(READY);
    lastBeep = performance.now() - REPEAT_MS + 1500;
  }
  localStorage.setItem(KEPT, wanted ? "on" : "off");
  show();
}

function watch() {
  const saving = document.getElementById("saving")?.dataset || {};
  const unacknowledged = Number(document.getElementById("summary")?.dataset.unacknowledged || 0)
    + Number(saving.unsaved || 0);
  const down = document.body.classList.contains("is-down") || Boolean(saving.refused);
  if (!unacknowledged && !down) return;
  if (performance.now() - lastBeep < REPEAT_MS) return;
  lastBeep = performance.now();
  play(unacknowledged ? ALARM : LINK_DOWN);
}

function startOffer() {
  offer?.querySelector("[data-yes]").addEventListener("click", press);
  offer?.querySelector("[data-no]").addEventListener("click", () => {
    noteAsked();
    wanted = false;
    localStorage.setItem(KEPT, "off");
    show();
  });
  const out = document.querySelector("form[action$='logout']");
  out?.addEventListener("submit", () => localStorage.removeItem(ASKED));
  setTimeout(() => {
    if (offer && !audible() && !asked()) offer.hidden = false;
  }, SOON_MS);
}

export function startSound() {
  if (!button) return;
  button.addEventListener("click", press);
  startOffer();
  // A browser that lets us play without a touch (or after any touch) is made use of.
  if (wanted) switchOn().catch(() => {});
  document.addEventListener("pointerdown", (event) => {
    // the buttons that are about the sound say themselves what is wanted
    if (wanted && !audible() && !event.target.closest("#sound, #sound-offer")) switchOn();
  });
  document.addEventListener("page:new", watch);
  document.addEventListener("live:down", watch);
  setInterval(watch, 500);
  show();
}
