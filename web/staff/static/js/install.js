// While a page shows what a home hears it says so itself every ten seconds: the home ends it when
// nobody does.  A page in the background, or a phone that lies dark, shows nothing.

const SAY_MS = 10000;

async function say() {
  const box = document.querySelector("#main [data-keep]");
  const token = document.querySelector("input[name=csrf_token]")?.value;
  if (!box || !token || document.hidden) return;
  const data = new FormData();
  data.set("csrf_token", token);
  data.set("do", "go_on");
  await fetch(box.dataset.keep, {
    method: "POST", body: data, headers: { Accept: "application/json" }, signal: AbortSignal.timeout(8000),
  }).catch(() => null); // the next one is said in ten seconds
}

export function startInstalling() {
  setInterval(say, SAY_MS);
  document.addEventListener("visibilitychange", say);
}
