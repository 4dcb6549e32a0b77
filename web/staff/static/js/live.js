// The live link to the server: server-sent events over fetch.
//
// fetch, not EventSource: it shows the heartbeats, the status of a refusal, and lets us decide
// ourselves when silence means that the link is dead.  Tells the page by events on `document`:
//   live:up, live:down {why}, live:over (the server itself says that nobody is signed in here),
//   live:change {home, kind, event}, live:saving {refused, unsaved, stands} (whether the server saves,
//   how many alarms ring that are not saved, and whether it passes none on), live:resync

const body = document.body.dataset;
const HEARTBEAT_MS = 1000 * (Number(body.heartbeatS) || 15);

/** Silence for this long is a dead link: one heartbeat may come late, two may not. */
const STALE_MS = HEARTBEAT_MS * 1.5 + 1000;

/** Between tries; short, for someone sits and waits for an alarm. */
const RETRY_MS = [500, 1000, 2000, 3000];

/** A stream that ended after at least this long ended in order. */
const ORDERLY_MS = 5000;

let position = body.position;
let lastHeard = performance.now();
let state = "wait";
let tries = 0;
let control = null;

function tell(name, detail) {
  document.dispatchEvent(new CustomEvent(`live:${name}`, { detail }));
}

function heard() {
  lastHeard = performance.now();
  if (state !== "up") {
    state = "up";
    tries = 0;
    tell("up");
  }
}

function down(why) {
  if (state === "down" && why !== "signed-out") return;
  state = "down";
  tell("down", { why });
}

function receive(block) {
  let name = "message";
  let data = "";
  for (const line of block.split("\n")) {
    if (line.startsWith("id:")) position = line.slice(3).trim();
    else if (line.startsWith("event:")) name = line.slice(6).trim();
    else if (line.startsWith("data:")) data += line.slice(5).trim();
  }
  if (name === "change" && data) tell("change", JSON.parse(data));
  else if (name === "saving" && data) tell("saving", JSON.parse(data));
  else if (name === "resync") {
    position = data.startsWith("{") ? JSON.parse(data).position || "" : data;
    tell("resync");
  }
}

async function listen() {
  control = new AbortController();
  const url = body.live + (position ? `?from=${encodeURIComponent(position)}` : "");
  const answer = await fetch(url, {
    headers: { Accept: "text/event-stream" }, signal: control.signal, cache: "no-store",
  });
  const type = answer.headers.get("Content-Type") || "";
  if (answer.status === 401 && !answer.redirected) tell("over");
  if (answer.status === 401 || answer.status === 403 || answer.redirected) {
    throw new Error("signed-out");
  }
  if (answer.status === 503 && answer.headers.has("Retry-After")) throw new Error("full");
  if (!answer.ok || !type.startsWith("text/event-stream")) throw new Error("refused");
  heard();
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error("ended");
    heard();
    rest += value;
    const blocks = rest.split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) receive(block);
  }
}

async function keepListening() {
  for (;;) {
    let why = "lost";
    const began = performance.now();
    lastHeard = began;
    try {
      await listen();
    } catch (error) {
      if (error.message === "signed-out" || error.message === "full") why = error.message;
      // the server ends every stream in order after a while: come back at once, and call the link
      // dead only if that fails
      if (error.message === "ended" && performance.now() - began > ORDERLY_MS) continue;
    }
    down(why);
    await new Promise((go) => {
      setTimeout(go, RETRY_MS[Math.min(tries, RETRY_MS.length - 1)]);
      tries += 1;
    });
  }
}

function watch() {
  if (performance.now() - lastHeard > STALE_MS) {
    down("lost");
    lastHeard = performance.now();
    control?.abort();
  }
}

export function startLive() {
  if (!body.live) return;
  keepListening();
  setInterval(watch, 500);
  document.addEventListener("visibilitychange", watch);
  // the page was not given to us: ask for the stream anew, which says whether anybody is signed in
  document.addEventListener("page:refused", () => control?.abort());
  window.addEventListener("offline", () => { down("lost"); control?.abort(); });
}
