// Keeps one page for when there is no network, and shows alarms that are pushed, also when the phone
// is locked and no page is open.  It has nothing about anybody in it.
const site = {{ site|safe }};
const CACHE = `tryggve-${site.version}`;
const DEVICE = "tryggve-device"; // what this device was subscribed with, as the page kept it
const WAIT_MS = 6000; // a network that has not answered by then is none

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(site.keep)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches.keys()
      .then((names) => Promise.all(names.filter((name) => name !== CACHE && name !== DEVICE).map((name) => caches.delete(name))))
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
  if (request.mode === "navigate") event.waitUntil(tellMove());
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
    requireInteraction: !(told.test || told.quiet),
    silent: Boolean(told.test),
    vibrate: told.test || told.quiet ? undefined : [300, 150, 300, 150, 600],
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

// --- a subscription that the browser replaced -----------------------------------------------------

/** A subscription's JSON, kept here; null: none. */
async function kept(name) {
  const found = await (await caches.open(DEVICE)).match(`/${name}`);
  return found ? found.json() : null;
}

async function keep(name, subscription) {
  const cache = await caches.open(DEVICE);
  if (subscription) await cache.put(`/${name}`, new Response(JSON.stringify(subscription)));
  else await cache.delete(`/${name}`);
}

/** Tell the server of a subscription that it does not know yet; tried again whenever a page opens.
    The server sends a test alarm there, which proves it; one that it does not know is forgotten:
    the owner's page says that the device must be added again. */
async function tellMove() {
  const [before, after] = [await kept("known"), await kept("moved")];
  if (!before || !after) return;
  try {
    const answer = await fetch(site.moved, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ before, after }),
      credentials: "omit",
      signal: AbortSignal.timeout(TELL_MS),
    });
    if (!answer.ok && answer.status !== 404) return;
    if (answer.ok) await keep("known", after);
    await keep("moved", null);
  } catch { /* with the next page */ }
}

async function moved(event) {
  const before = event.oldSubscription ?? null;
  const wish = { userVisibleOnly: true, applicationServerKey: before?.options?.applicationServerKey ?? site.pushKey };
  const made = event.newSubscription ?? await self.registration.pushManager.subscribe(wish);
  if (before?.toJSON && !(await kept("known"))) await keep("known", before.toJSON());
  await keep("moved", made.toJSON());
  await tellMove();
}

self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(moved(event)));

self.addEventListener("push", (event) => event.waitUntil(pushed(read(event))));

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(pressed(event.notification.data ?? site.alarm, event.action));
});
