// Sends the small forms (take an alarm, answer a check, open a door) without leaving the page.
//
// A form with `data-send` works without script too.  While one is under way it cannot be sent again:
// a double tap is one tap.  When no answer comes we say that we do not know, never that it failed;
// only where the browser itself has no connection we know that nothing was sent.

import { announce } from "./announce.js";
import { refreshNow } from "./refresh.js";

/** The server answers in milliseconds; after this long the network is gone. */
const SEND_MS = 10000;

/** After this long without an answer it is told that it is on its way. */
const TOLD_MS = 1000;

/** After an answer, a tap this soon is the same finger. */
const REST_MS = 700;

/** The name of each wish that has no answer yet: sent again, it is the same wish. */
const wishes = new Map();

function wishOf(data, url) {
  const what = [url, data.get("device"), data.get("action")].join(" ");
  if (!wishes.has(what)) {
    const random = crypto.getRandomValues(new Uint8Array(16));
    wishes.set(what, Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join(""));
  }
  return { what, name: wishes.get(what) };
}

/** Of the card that the form is of, not of an alarm inside it: who goes looks at the door's buttons. */
function answerBox(form) {
  const card = form.closest("[data-answers]");
  const boxes = [...(card?.querySelectorAll(".form-answer[data-mine]") ?? [])];
  return boxes.find((box) => box.closest("[data-answers]") === card);
}

function say(form, text, good) {
  const box = answerBox(form);
  if (!box) return;
  box.classList.toggle("good", Boolean(good));
  box.textContent = text;
}

function busy(form, on) {
  // no `disabled` on the buttons: the focus stays where it is, and the server's word is kept
  if (on) {
    form.dataset.sending = "1";
    form.setAttribute("aria-busy", "true");
  } else {
    delete form.dataset.sending;
    form.removeAttribute("aria-busy");
  }
}

/** The button that was pressed may be gone with what it was for, and the focus with it: then it goes
 * to what is next there, so that who has no mouse need not begin from the top. */
function keepFocus(box, card) {
  if (document.activeElement !== document.body) return;
  const places = [card?.querySelector("a.nt-row"), box, card, document.getElementById("main")];
  const place = places.find((one) => one?.isConnected && one.checkVisibility());
  if (!place) return;
  if (!place.matches("a")) place.tabIndex = -1;
  place.focus({ preventScroll: true });
}

async function send(form, button) {
  if (form.dataset.sending) return;
  const box = answerBox(form);
  const card = form.closest("[data-answers]");
  const held = form.contains(document.activeElement);
  const data = new FormData(form, button);
  const wish = wishOf(data, form.getAttribute("action"));
  data.set("key", wish.name);
  const cutOff = !navigator.onLine;
  busy(form, true);
  say(form, "");
  const texts = document.getElementById("form-words").dataset;
  const told = setTimeout(say, TOLD_MS, form, document.getElementById("wait-words").dataset.sending);
  try {
    const answer = await fetch(form.getAttribute("action"), { // a field may be called `action`
      method: "POST",
      body: data,
      headers: { Accept: "application/json" },
      signal: AbortSignal.timeout(SEND_MS),
    });
    const json = (answer.headers.get("Content-Type") || "").startsWith("application/json");
    const reply = json ? await answer.json() : {};
    if (json) wishes.delete(wish.what); // answered: the next tap is a new wish
    if (answer.ok && json) {
      say(form, reply.text || "", true);
      form.reset();
    } else {
      say(form, reply.text || (answer.status < 500 ? texts.refused : texts.failed));
    }
  } catch (error) {
    const unsent = cutOff && error instanceof TypeError;
    say(form, unsent ? texts.unsent : form.dataset.unsure || texts.unsure);
  }
  clearTimeout(told);
  const said = box?.textContent;
  await refreshNow();
  if (!box?.isConnected) announce(said); // the card is gone, and its answer with it
  if (held) keepFocus(box, card);
  setTimeout(() => busy(form, false), REST_MS);
}

export function startForms() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-send]")) return;
    event.preventDefault();
    if (event.submitter?.getAttribute("aria-disabled") === "true") return;
    send(form, event.submitter);
  });
}
