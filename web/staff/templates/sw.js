// Keeps one page for when there is no network.  It has nothing about anybody in it.
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
