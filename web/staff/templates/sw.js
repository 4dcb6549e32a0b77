// Keeps one page for when there is no network, and shows alarms that are pushed, also when the phone
// is locked and no page is open.  It has nothing about anybody in it.
const site = {{ site|safe }};
const CACHE = `tryggve-${site.version}`;
const WAIT_MS = 6000; // a network that has not answered by then is none

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(site.keep)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches.keys()
      .then((names) => Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

async function page(request) {
  try {
    return await fetch(request, { signal: AbortSignal.timeout(WAIT_MS) });
  } catch {
    return (await caches.match(site.shell)) ?? Response.error();
  }
}

async function fromCache(request) {
  return (await caches.match(request)) ?? fetch(request);
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  // the kept page itself comes from the phone, also with a network: a door's word waits for it
  if (site.keep.includes(url.pathname)) event.respondWith(fromCache(request));
  else if (request.mode === "navigate" && url.pathname.startsWith("/pass")) event.respondWith(page(request));
});

// --- alarms that are pushed -----------------------------------------------------------------------

const TELL_MS = 5000; // within it the phone has a network, or has none
const TELL_TRIES = 3;

/** Tell the server what became of a message; false: it did not hear. */
async function tell(told, what) {
  const body = JSON.stringify({ token: told.token, what });
  for (let left = TELL_TRIES; told.report && left > 0; left -= 1) {
    try {
      const answer = await fetch(told.report, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body,
        credentials: "omit",
        signal: AbortSignal.timeout(TELL_MS),
      });
      if (answer.ok) return true;
      if (answer.status < 500) return false;
    } catch { /* once more */ }
  }
  return false;
}

function read(event) {
  try {
    return { ...site.alarm, ...event.data.json() };
  } catch {
    return site.alarm; // an alarm that cannot be read is still one
  }
}

async function show(told, more = {}) {
  await self.registration.showNotification(told.title, {
    body: told.body,
    tag: told.tag,
    renotify: Boolean(told.tag) && !told.test,
    requireInteraction: !told.test,
    silent: Boolean(told.test),
    vibrate: told.test ? undefined : [300, 150, 300, 150, 600],
    lang: told.lang,
    icon: site.icon,
    actions: told.actions ?? [],
    data: told,
    ...more,
  });
}

async function pushed(told) {
  let what = "shown";
  try {
    await show(told);
  } catch {
    what = "delivered"; // it came, and the person no longer lets us show anything
  }
  await tell(told, what);
  if (!told.test) return;
  const shown = await self.registration.getNotifications({ tag: told.tag });
  for (const one of shown) one.close(); // the daily probe leaves nothing behind
}

/** Only ever a page of ours, whatever the message said. */
function ours(address) {
  const url = new URL(address, location.origin);
  return url.origin === location.origin ? url.href : new URL(site.alarm.url, location.origin).href;
}

async function open(address) {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const page = pages.find((one) => one.url === address);
  return page ? page.focus() : self.clients.openWindow(address);
}

async function pressed(told, action) {
  if (action === "take" && !(await tell(told, "taken"))) {
    await show(told, { body: told.failed, actions: [] });
    return;
  }
  await open(ours(told.url));
}

self.addEventListener("push", (event) => event.waitUntil(pushed(read(event))));

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(pressed(event.notification.data ?? site.alarm, event.action));
});
