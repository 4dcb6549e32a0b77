// Mina larmvägar: lets this device receive alarms, and looks a few times whether a test alarm came.
//
// The button is shown only where it can do something; where it cannot, the page says what is missing
// (on an iPhone: the page must be on the home screen first).

import { refreshNow } from "./refresh.js";

/** When to look after a test alarm was sent: most are there within seconds. */
const LOOK_MS = [1000, 2500, 5000, 10000, 20000];

const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));

function kind() {
  const apple = /iPhone|iPad/.test(navigator.userAgent)
    || (navigator.platform === "MacIntel" && navigator.maxTouchPoints > 1);
  const installed = navigator.standalone || matchMedia("(display-mode: standalone)").matches;
  if (apple && !installed) return "home-screen";
  if (!("serviceWorker" in navigator) || !("PushManager" in window) || !("Notification" in window)) {
    return "none";
  }
  return Notification.permission === "denied" ? "denied" : "can";
}

function show(box, what) {
  for (const part of box.querySelectorAll("[data-when]")) part.hidden = part.dataset.when !== what;
}

async function subscription(key) {
  await navigator.serviceWorker.register("/sw.js");
  const registration = await navigator.serviceWorker.ready;
  const wish = { userVisibleOnly: true, applicationServerKey: bytes(key) };
  try {
    return await registration.pushManager.subscribe(wish);
  } catch (error) {
    if (error.name !== "InvalidStateError") throw error;
    // subscribed with another key: the server's is new
    await (await registration.pushManager.getSubscription())?.unsubscribe();
    return registration.pushManager.subscribe(wish);
  }
}

async function add(box, form) {
  if ((await Notification.requestPermission()) !== "granted") return show(box, "denied");
  try {
    const made = JSON.stringify((await subscription(form.dataset.key)).toJSON());
    form.elements.value.value = made;
    // for the service worker, when the browser replaces it one day (web/staff/templates/sw.js)
    await (await caches.open("tryggve-device")).put("/known", new Response(made));
  } catch {
    return show(box, "failed");
  }
  return form.requestSubmit();
}

function look() {
  for (const after of LOOK_MS) setTimeout(refreshNow, after);
}

export function startWays() {
  const box = document.getElementById("this-device");
  if (box) {
    show(box, kind());
    const form = box.querySelector("form[data-key]");
    form?.querySelector("[data-add]").addEventListener("click", () => add(box, form));
  }
  document.addEventListener("submit", ({ target }) => {
    if (target.matches("form[data-looks]")) look();
  });
}
