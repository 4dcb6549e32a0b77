// Lets this device be told: of alarms on Mina larmvägar, of what was agreed on a relative's page.
//
// The button is shown only where it can do something; where it cannot, the page says what is missing
// (on an iPhone: the page must be on the home screen first).

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

export function startDevice() {
  const box = document.getElementById("this-device");
  if (!box) return;
  show(box, kind());
  const form = box.querySelector("form[data-key]");
  form?.querySelector("[data-add]").addEventListener("click", () => add(box, form));
}
