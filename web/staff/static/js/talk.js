// Speaks with a home: microphone, WebRTC, push to talk, and the words for what happens.
//
// The sound goes between this browser and the home.  The server passes on how they find each other
// (POST /larm/tala/…); while the call goes on both ends speak over a data channel: we that we are
// here and whether somebody talks, the home how much time is left.

/** Ways to this browser that are not found by then are sent later. */
const GATHER_MS = 3000;

/** The home's answer: its light, its tone, its own start. */
const ANSWER_MS = 45000;

/** A way to the home, after its answer. */
const WAY_MS = 16000;

const ASK_MS = 400;
const BEAT_MS = 1000;

/** Without a word from the home for so long nothing is heard any more. */
const SILENT_MS = 3000;

let box = null;
let call = null;

const part = (name) => box.querySelector(`[data-${name}]`);

function show(state, text) {
  box.dataset.state = state;
  for (const node of box.querySelectorAll("[data-when]")) {
    node.hidden = !node.dataset.when.split(" ").includes(state);
  }
  if (text !== undefined) part("say").textContent = text;
}

async function send(what, fields) {
  const data = new FormData();
  data.set("csrf_token", box.querySelector("[name=csrf_token]").value);
  for (const [name, value] of Object.entries(fields)) {
    for (const one of [value].flat()) data.append(name, one);
  }
  const answer = await fetch(`/larm/tala/${what}`, {
    method: "POST",
    body: data,
    headers: { Accept: "application/json" },
    signal: AbortSignal.timeout(10000),
  });
  const said = await answer.json();
  if (!answer.ok) throw new Said(said.text);
  return said;
}

/** What the server said in words. */
class Said extends Error {}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

function gathered(peer) {
  return new Promise((done) => {
    const look = () => peer.iceGatheringState === "complete" && done();
    peer.addEventListener("icegatheringstatechange", look);
    setTimeout(done, GATHER_MS);
    look();
  });
}

async function begin() {
  const mine = { id: null, over: false, peer: null, channel: null, mic: null, duplex: false };
  call = mine;
  show("asking", "");
  try {
    mine.mic = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: true, noiseSuppression: true },
    });
    for (const track of mine.mic.getAudioTracks()) track.enabled = false;
    const { ice } = await send("vagar", {});
    if (mine.over) return;
    await connect(mine, ice);
  } catch (error) {
    over(mine, words(error));
  }
}

function words(error) {
  if (error instanceof Said) return error.message;
  if (["NotAllowedError", "SecurityError"].includes(error.name)) return box.dataset.denied;
  if (["NotFoundError", "NotReadableError", "OverconstrainedError"].includes(error.name)) {
    return box.dataset.nomic;
  }
  return box.dataset.unsure;
}

async function connect(mine, ice) {
  const peer = new RTCPeerConnection({ iceServers: ice, bundlePolicy: "max-bundle" });
  mine.peer = peer;
  const late = [];
  peer.addEventListener("icecandidate", ({ candidate }) => {
    if (!candidate?.candidate || candidate.candidate.includes(".local")) return;
    if (mine.id) send("mer", { call: mine.id, candidate: candidate.candidate }).catch(() => {});
    else late.push(candidate.candidate);
  });
  peer.addEventListener("track", ({ streams }) => { part("sound").srcObject = streams[0]; });
  peer.addEventListener("connectionstatechange", () => {
    if (["failed", "closed"].includes(peer.connectionState)) lost(mine);
  });
  const [track] = mine.mic.getAudioTracks();
  peer.addTrack(track, mine.mic);
  speakOver(mine, peer.createDataChannel("tryggve"));
  await peer.setLocalDescription(await peer.createOffer());
  await gathered(peer);
  const { call: id } = await send("borja", {
    alarm: box.dataset.alarm,
    sdp: peer.localDescription.sdp,
  });
  mine.id = id;
  if (mine.over) return void send("slut", { call: id }).catch(() => {});
  show("asking", box.dataset.asking);
  await answered(mine);
}

async function answered(mine) {
  const until = Date.now() + ANSWER_MS;
  while (!mine.over && Date.now() < until) {
    const said = await send("lage", { call: mine.id });
    if (["ended", "refused"].includes(said.state)) return over(mine, said.text);
    if (said.answer) {
      if (mine.over) return;
      show("connecting", box.dataset.connecting);
      await mine.peer.setRemoteDescription({ type: "answer", sdp: said.answer });
      setTimeout(() => mine.heard || lost(mine, box.dataset.noway), WAY_MS);
      return;
    }
    await pause(ASK_MS);
  }
  if (!mine.over) stop(mine, box.dataset.noanswer);
}

// --- while it goes on

function speakOver(mine, channel) {
  mine.channel = channel;
  channel.addEventListener("message", ({ data }) => {
    const said = JSON.parse(data);
    mine.heard = Date.now();
    mine.duplex = said.duplex;
    if (box.dataset.state !== "live" && !mine.over) {
      show("live", box.dataset.live);
      talk(mine, false);
      mine.beat = setInterval(() => beat(mine), BEAT_MS);
      beat(mine);
    }
    part("left").textContent =
      `${Math.floor(said.left_s / 60)}:${String(said.left_s % 60).padStart(2, "0")}`;
  });
  channel.addEventListener("close", () => lost(mine));
}

function beat(mine) {
  if (Date.now() - mine.heard > SILENT_MS) part("say").textContent = box.dataset.silent;
  else if (part("say").textContent === box.dataset.silent) part("say").textContent = box.dataset.live;
  tell(mine, {});
}

function tell(mine, more) {
  if (mine.channel?.readyState === "open") {
    mine.channel.send(JSON.stringify({ talk: mine.talking, ...more }));
  }
}

function talk(mine, on) {
  mine.talking = on;
  for (const track of mine.mic.getAudioTracks()) track.enabled = on;
  part("sound").muted = on && !mine.duplex; // what the home plays would come back
  tell(mine, {});
  const button = part("talk");
  button.setAttribute("aria-pressed", String(on));
  button.textContent = mine.duplex ? (on ? box.dataset.untoggle : box.dataset.toggle) : box.dataset.hold;
  part("mic").textContent = on ? box.dataset.on : box.dataset.off;
  box.dataset.talking = on ? "1" : "";
}

// --- the end

function over(mine, text) {
  if (mine.over) return;
  mine.over = true;
  clearInterval(mine.beat);
  for (const track of mine.mic?.getTracks() ?? []) track.stop();
  mine.peer?.close();
  part("sound").srcObject = null;
  show("over", text);
}

/** The connection is gone: the server may know why. */
async function lost(mine, text = box.dataset.lost) {
  if (mine.over || mine.losing) return;
  mine.losing = true;
  try {
    for (let left = 5; left > 0 && !mine.over; left -= 1) {
      const said = await send("lage", { call: mine.id });
      if (["ended", "refused"].includes(said.state)) return over(mine, said.text);
      await pause(ASK_MS);
    }
  } catch { /* the server is away: we say what we know */ }
  stop(mine, text);
}

function stop(mine, text) {
  tell(mine, { end: true });
  if (mine.id) send("slut", { call: mine.id }).catch(() => {});
  // the data channel's last word goes out before the connection is cut
  setTimeout(() => over(mine, text), 50);
}

export function startTalk() {
  box = document.getElementById("talk");
  if (!box) return;
  show("idle");
  part("begin").addEventListener("click", begin);
  part("end").addEventListener("click", () => stop(call, ""));
  part("longer").addEventListener("click", () => {
    part("longer").hidden = true;
    send("forlang", { call: call.id }).catch(() => {});
  });
  const button = part("talk");
  const hold = (on) => () => call?.channel && !call.duplex && !call.over && talk(call, on);
  button.addEventListener("pointerdown", hold(true));
  for (const name of ["pointerup", "pointercancel", "pointerleave", "blur"]) {
    button.addEventListener(name, hold(false));
  }
  button.addEventListener("keydown", (event) => [" ", "Enter"].includes(event.key) && hold(true)());
  button.addEventListener("keyup", (event) => [" ", "Enter"].includes(event.key) && hold(false)());
  button.addEventListener("click", () => call?.duplex && talk(call, !call.talking));
  addEventListener("pagehide", () => {
    if (!call || call.over || !call.id) return;
    const data = new FormData();
    data.set("csrf_token", box.querySelector("[name=csrf_token]").value);
    data.set("call", call.id);
    navigator.sendBeacon("/larm/tala/slut", data);
    tell(call, { end: true });
  });
}
