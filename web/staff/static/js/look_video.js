// This page's end of a look over WebRTC: one picture to receive, and a channel to say that we are here.
//
// Not for: what is shown, or the server (look.js).

/** Ways over a relay that are not found by then are sent later. */
const GATHER_MS = 3000;

/** The description to send; `made`, `way`, `track` and `state` hear of what comes of it. */
export async function offerVideo(ice, { made, way, track, state }) {
  const peer = new RTCPeerConnection({ iceServers: ice, bundlePolicy: "max-bundle" });
  peer.addEventListener("icecandidate", ({ candidate }) => {
    // our own addresses are hidden names (`.local`), which lead nowhere
    if (candidate?.candidate && !candidate.candidate.includes(".local")) way(candidate.candidate);
  });
  peer.addEventListener("track", (event) => track(event.track));
  peer.addEventListener("connectionstatechange", () => state(peer.connectionState));
  prefer(peer.addTransceiver("video", { direction: "recvonly" }));
  made(peer, peer.createDataChannel("tryggve"));
  await peer.setLocalDescription(await peer.createOffer());
  if (ice.length) await gathered(peer); // only a relay's ways are worth waiting for
  return peer.localDescription.sdp;
}

/** What homes can make, and nothing else: the description stays small. */
function prefer(line) {
  const known = RTCRtpReceiver.getCapabilities("video").codecs;
  const fits = ({ mimeType, sdpFmtpLine = "" }) => mimeType === "video/VP8"
    || (mimeType === "video/H264" && sdpFmtpLine.includes("42e01f")
      && sdpFmtpLine.includes("packetization-mode=1"));
  const kept = known.filter(fits);
  if (kept.length) line.setCodecPreferences(kept);
}

function gathered(peer) {
  return new Promise((done) => {
    const seen = () => peer.iceGatheringState === "complete" && done();
    peer.addEventListener("icegatheringstatechange", seen);
    peer.addEventListener("icecandidate", ({ candidate }) => candidate?.type === "relay" && done());
    setTimeout(done, GATHER_MS);
    seen();
  });
}
