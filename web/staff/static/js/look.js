// A look into a home: click, the first picture, the time left as the home counts it, the end.
//
// The picture goes between this browser and the home (WebRTC), or, where they find no way to each
// other, sealed by the server (look_sealed.js).  A frozen picture looks like a sleeping person: it
// is covered when none came for two seconds, and nothing of it is left at the end.  The home ends
// the look by itself, whatever we do.
//
// Not for: the answer to a check (the board's; it hears of us by `look:state`).

import { agree, makeKey, unseal } from "./look_sealed.js";
import { offerVideo } from "./look_video.js";

/** A relay's addresses are good for longer; what opened it is asked for again after so long. */
const WAYS_KEPT_MS = 60000;

/** The home's answer, and then a picture: its light, its shutter, a way, and the other way. */
const ANSWER_MS = 15000;
const PICTURE_MS = 30000;

/** A home that lost the direct way, and the other way. */
const OVER_MS = 8000;

const ASK_MS = 150;
const BEAT_MS = 1000;

/** So long after the last picture what is shown is not what is there. */
const FROZEN_MS = 2000;
const WATCH_MS = 200;

/** So long after its last word the home's time left is not known any more. */
const SILENT_MS = 3000;

/** Told once to who listens. */
const SOON_S = 10;

const LIVE = ["live", "frozen"];

let box = null;
let look = null;
let ways = { at: -Infinity, ice: [] };

const part = (name) => box.querySelector(`[data-${name}]`);

function show(state, text) {
  box.dataset.state = state;
  for (const node of box.querySelectorAll("[data-when]")) {
    node.hidden = !node.dataset.when.split(" ").includes(state);
  }
  if (LIVE.includes(state)) part("longer").hidden = !look.mayExtend;
  if (text !== undefined) part("say").textContent = text;
  told();
}

/** Tell the page around us. */
function told() {
  const state = box.dataset.state;
  const detail = {
    state: LIVE.includes(state) ? "live" : state === "connecting" ? "asking" : state,
    pictures: look?.pictures ?? 0,
    may_extend: Boolean(look?.mayExtend) && LIVE.includes(state),
    why: look?.why ?? "",
    look: look?.id ?? "",
  };
  document.dispatchEvent(new CustomEvent("look:state", { detail }));
}

/** What the server said in words. */
class Said extends Error {}

async function ask(what, fields) {
  const data = new FormData();
  data.set("csrf_token", box.querySelector("[name=csrf_token]").value);
  for (const [name, value] of Object.entries(fields)) {
    for (const one of [value].flat()) data.append(name, one);
  }
  const answer = await fetch(`/tillsyn/titta/${what}`, {
    method: "POST",
    body: data,
    headers: { Accept: "application/json" },
    signal: AbortSignal.timeout(10000),
  });
  const type = answer.headers.get("Content-Type") || "";
  if (answer.ok && !type.startsWith("application/json")) return answer;
  const said = type.startsWith("application/json") ? await answer.json() : {};
  if (!answer.ok) throw new Said(said.text || box.dataset.unsure);
  return said;
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// --- to the first picture

async function prepare() {
  const { ice } = await ask("forbered", { home: box.dataset.home });
  ways = { at: Date.now(), ice };
}

async function begin() {
  if (look && !look.over) return;
  const trial = box.dataset.ground === "test";
  const why = trial ? "test" : box.querySelector("[name=why]:checked")?.value ?? "";
  if (box.dataset.ground === "own" && !why) return show("idle", box.dataset.choose);
  const mine = {
    id: null, over: false, pictures: 0, shownMs: 0, told: null, mayExtend: true, soon: false,
    peer: null, channel: null, key: null, sealed: false, why: "", kind: "",
  };
  look = mine;
  part("cover-words").dataset.first ??= part("cover-words").textContent;
  cover(part("cover-words").dataset.first);
  show("asking", box.dataset.asking);
  part("end").focus();
  try {
    if (Date.now() - ways.at > WAYS_KEPT_MS) await prepare();
    mine.key = await makeKey();
    const sdp = await offer(mine);
    if (mine.over) return;
    const fields = { why, seen: "1", sdp, key: mine.key?.text ?? "", camera: part("camera")?.value ?? "" };
    for (const name of ["home", "check", "alarm"]) fields[name] = box.dataset[name];
    const { look: id } = await ask("borja", fields);
    mine.id = id;
    if (mine.over) return void ask("slut", { look: id }).catch(() => {});
    mine.watch = setInterval(() => watch(mine), WATCH_MS);
    for (const way of mine.late?.splice(0) ?? []) sendWay(mine, way);
    await answered(mine);
  } catch (error) {
    over(mine, error instanceof Said ? error.message : box.dataset.unsure, "failed");
  }
}

async function offer(mine) {
  if (!window.RTCPeerConnection) return "";
  mine.late = [];
  const sdp = await offerVideo(ways.ice, {
    made: (peer, channel) => { mine.peer = peer; speakOver(mine, channel); },
    way: (candidate) => (mine.id ? sendWay(mine, candidate) : mine.late.push(candidate)),
    track: (track) => {
      part("video").srcObject = new MediaStream([track]);
      part("video").play().catch(() => {}); // without a picture yet it cannot, and starts by itself
      eachFrame(mine);
    },
    state: (state) => {
      if (mine.sealed || mine.over || mine.goingOver) return;
      if (state === "failed" && mine.id && mine.key && !mine.pictures) {
        ask("rela", { look: mine.id, key: mine.key.text }).catch(() => {});
      } else if (state === "failed" && mine.key) goOver(mine);
      else if (["failed", "closed"].includes(state)) lost(mine);
    },
  });
  return sdp;
}

function sendWay(mine, candidate) {
  ask("mer", { look: mine.id, candidate }).catch(() => {});
}

/** Ask what has come of it until there is a picture. */
async function answered(mine) {
  const began = Date.now();
  let taken = false;
  while (!mine.over && !mine.pictures) {
    const said = await ask("lage", { look: mine.id });
    if (mine.over) return;
    if (said.kind) kindIs(mine, said.kind);
    if (said.over) return over(mine, said.text, said.why);
    if (said.key && !mine.sealed) {
      mine.sealed = true;
      show("connecting", box.dataset.relaying);
      fetchPictures(mine, said.key);
    } else if (said.answer && !taken && !mine.sealed) {
      taken = true;
      show("connecting", box.dataset.connecting);
      await mine.peer.setRemoteDescription({ type: "answer", sdp: said.answer });
    }
    const waited = Date.now() - began;
    if (waited > (taken || mine.sealed ? PICTURE_MS : ANSWER_MS)) {
      return stop(mine, box.dataset.noanswer, "failed");
    }
    await pause(ASK_MS);
  }
}

// --- pictures

function eachFrame(mine) {
  const video = part("video");
  const next = () => {
    if (mine.over || mine.sealed) return;
    seen(mine, video);
    wait();
  };
  const wait = () => video.requestVideoFrameCallback
    ? video.requestVideoFrameCallback(next)
    : video.addEventListener("timeupdate", next, { once: true });
  wait();
}

async function fetchPictures(mine, theirs) {
  let after = 0;
  try {
    const key = await agree(mine.key, theirs, mine.id);
    while (!mine.over) {
      if (mine.pictures && !mine.kind) await askKind(mine);
      const answer = await ask("bild", { look: mine.id, after }).catch((error) => {
        if (error instanceof Said) throw error;
        return null; // the network is away: covered until it is back
      });
      if (!answer) { await pause(ASK_MS); continue; }
      if (answer.text !== undefined && answer.over) return over(mine, answer.text, answer.why);
      if (!(answer instanceof Response) || answer.status !== 200) continue;
      const number = Number(answer.headers.get("Tryggve-Picture"));
      if (!(number > after)) continue;
      after = number;
      await draw(mine, key, number, await answer.arrayBuffer()).catch(() => {}); // not the home's
    }
  } catch (error) {
    lost(mine, error instanceof Said ? error.message : undefined);
  }
}

/** Neither pictures nor words of the home come by the direct way any more: for the rest of the
 * look it sends sealed pictures by the server. */
async function goOver(mine) {
  if (mine.goingOver || mine.sealed || mine.over) return;
  mine.goingOver = true;
  try {
    await ask("rela", { look: mine.id, key: mine.key.text });
    for (const began = Date.now(); Date.now() - began < OVER_MS; await pause(ASK_MS)) {
      const said = await ask("lage", { look: mine.id });
      if (mine.over) return;
      if (said.over) return over(mine, said.text, said.why);
      if (said.key) {
        mine.sealed = true;
        show("frozen", box.dataset.goneover);
        return void fetchPictures(mine, said.key);
      }
    }
  } catch { /* the server is away, too, or knows no such look */ }
  lost(mine);
}

/** The home says with its first picture what kind it is; it comes to us by the server's log. */
async function askKind(mine) {
  if (Date.now() - (mine.askedKind ?? 0) < BEAT_MS) return;
  mine.askedKind = Date.now();
  const { kind } = await ask("lage", { look: mine.id });
  if (kind) kindIs(mine, kind);
}

async function draw(mine, key, number, sealed) {
  const { left_s, limit_s, jpeg } = await unseal(key, mine.id, number, sealed);
  const picture = await createImageBitmap(jpeg);
  if (mine.over) return;
  const canvas = part("canvas");
  canvas.width = picture.width;
  canvas.height = picture.height;
  canvas.getContext("2d").drawImage(picture, 0, 0);
  picture.close();
  heard(mine, { left_s, limit_s });
  seen(mine, canvas);
}

/** A picture is shown now. */
function seen(mine, where) {
  if (mine.outMs) return;
  mine.pictures += 1;
  mine.shownMs = Date.now();
  if (box.dataset.state === "live") return;
  const thawed = box.dataset.state === "frozen";
  for (const name of ["video", "canvas"]) part(name).hidden = part(name) !== where;
  part("cover").hidden = true;
  show("live", thawed ? box.dataset.thawed : box.dataset.live);
}

function cover(words) {
  part("cover-words").textContent = words;
  part("cover").hidden = false;
}

/** Several times a second: whether what is shown is what is there, and the time left. */
function watch(mine) {
  if (mine.over) return;
  if (box.dataset.state === "live" && Date.now() - mine.shownMs > FROZEN_MS) {
    cover(box.dataset.still);
    show("frozen", box.dataset.frozen);
  }
  const heardMs = Date.now() - (mine.told?.at ?? 0);
  if (box.dataset.state === "frozen" && heardMs > FROZEN_MS && mine.key) goOver(mine);
  const left = leftOf(mine);
  if (LIVE.includes(box.dataset.state)) part("left").textContent = left === null ? "–" : Math.ceil(left);
  if (left === null || !LIVE.includes(box.dataset.state)) return;
  if (left <= 0) return isOut(mine);
  if (left <= SOON_S && !mine.soon) {
    mine.soon = true;
    part("say").textContent = box.dataset.soon;
  }
}

/** The time is out: nothing is shown any more, and the home says the last word; we wait for it. */
function isOut(mine) {
  mine.outMs ??= Date.now();
  cover(box.dataset.out);
  if (Date.now() - mine.outMs > FROZEN_MS) lost(mine, box.dataset.out);
}

/** Seconds left as the home counted them last; null: it has not said so for a while. */
function leftOf(mine) {
  if (!mine.told || Date.now() - mine.told.at > SILENT_MS) return null;
  return Math.max(0, mine.told.left_s - (Date.now() - mine.told.at) / 1000);
}

// --- while it goes on

function heard(mine, { left_s, limit_s, picture }) {
  if (typeof left_s !== "number") return;
  if (left_s > SOON_S) mine.soon = false;
  mine.told = { left_s, at: Date.now() };
  if (typeof limit_s === "number" && mine.limit_s && limit_s > mine.limit_s) {
    mine.mayExtend = false;
    part("say").textContent = box.dataset.nomore;
    part("longer").hidden = true;
    told();
  }
  mine.limit_s = limit_s;
  if (picture) kindIs(mine, picture);
}

function kindIs(mine, kind) {
  if (mine.kind === kind) return;
  mine.kind = kind;
  part("kind").textContent = box.getAttribute(`data-picture-${kind}`) ?? "";
}

function speakOver(mine, channel) {
  mine.channel = channel;
  channel.addEventListener("message", ({ data }) => {
    if (mine.over || mine.sealed) return;
    heard(mine, JSON.parse(data));
  });
  channel.addEventListener("open", () => {
    mine.beat = setInterval(() => tell(mine, { beat: 1 }), BEAT_MS);
    tell(mine, { beat: 1 });
  });
  channel.addEventListener("close", () => mine.sealed || lost(mine));
}

function tell(mine, word) {
  if (mine.channel?.readyState === "open") mine.channel.send(JSON.stringify(word));
}

async function extend() {
  const mine = look;
  if (!mine?.id || mine.over || !mine.mayExtend || !LIVE.includes(box.dataset.state)) return;
  mine.mayExtend = false;
  part("longer").hidden = true;
  part("end").focus();
  told();
  try {
    await ask("forlang", { look: mine.id });
  } catch (error) {
    if (!mine.over) part("say").textContent = error instanceof Said ? error.message : box.dataset.unsure;
  }
}

// --- the end

/** Nothing of a picture is left, and nothing runs any more. */
function over(mine, text, why) {
  if (mine.over) return;
  mine.over = true;
  mine.why = why;
  clearInterval(mine.beat);
  clearInterval(mine.watch);
  mine.peer?.close();
  const video = part("video");
  video.srcObject = null;
  video.hidden = true;
  const canvas = part("canvas");
  canvas.width = canvas.height = 0;
  canvas.hidden = true;
  const inside = box.contains(document.activeElement);
  if (look !== mine) return;
  const what = mine.pictures ? box.dataset.seen : box.dataset.unseen;
  part("begin-words").textContent = box.dataset.again;
  show("over", [text, what].filter(Boolean).join(" "));
  if (inside) part("begin").focus();
}

/** The connection is gone, or the time is out: the server may know why. */
async function lost(mine, text = mine.outMs ? box.dataset.out : box.dataset.lost) {
  if (mine.over || mine.losing) return;
  mine.losing = true;
  cover(text); // at once: what was shown is over
  try {
    for (let left = 8; left > 0 && !mine.over; left -= 1) {
      const said = await ask("lage", { look: mine.id });
      if (said.over) return over(mine, said.text, said.why);
      await pause(2 * ASK_MS);
    }
  } catch { /* the server is away: we say what we know */ }
  stop(mine, text, "lost");
}

function stop(mine, text, why) {
  if (mine.over) return;
  tell(mine, { end: true });
  if (mine.id) ask("slut", { look: mine.id }).catch(() => {});
  const { peer } = mine;
  mine.peer = null; // the data channel's last word goes out before the connection is cut
  setTimeout(() => peer?.close(), 50);
  over(mine, text, why);
}

const finish = () => look && !look.over && stop(look, box.dataset.ended, "closed");

/** The last word of a page that is closed. */
function leave() {
  if (!look || look.over || !look.id) return;
  const data = new FormData();
  data.set("csrf_token", box.querySelector("[name=csrf_token]").value);
  data.set("look", look.id);
  navigator.sendBeacon("/tillsyn/titta/slut", data);
  tell(look, { end: true });
}

/** The panel of this page, when there is one; a page that was loaded anew may have another. */
function find() {
  const found = document.querySelector("[data-look]");
  if (found === box) return;
  leave();
  if (look && !look.over) { look.over = true; look.peer?.close(); clearInterval(look.watch); clearInterval(look.beat); }
  look = null;
  box = found;
  if (!box) return;
  show("idle");
  part("begin").addEventListener("click", begin);
  part("end").addEventListener("click", finish);
  part("longer").addEventListener("click", extend);
  prepare().catch(() => {}); // told when it is begun
}

export function startLook() {
  find();
  document.addEventListener("page:new", find);
  document.addEventListener("look:begin", () => box && begin());
  document.addEventListener("look:extend", () => box && extend());
  document.addEventListener("look:end", () => box && finish());
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && box && look && !look.over) finish();
  });
  addEventListener("pagehide", leave);
}
