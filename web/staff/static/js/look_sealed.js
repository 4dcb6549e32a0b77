// Pictures that go by the server where page and home find no way to each other: sealed by the home
// for this page alone.  Both make a key for one look (ECDH on P-256); what they agree on never
// leaves the two (docs/voice.md says what a server that is not honest could do).
//
// Not for: asking for them, or showing them (look.js).

const CURVE = { name: "ECDH", namedCurve: "P-256" };

const bytes = (text) => new TextEncoder().encode(text);

function toText(raw) {
  const all = String.fromCharCode(...new Uint8Array(raw));
  return btoa(all).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function fromText(text) {
  const all = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(all, (char) => char.charCodeAt(0));
}

/** This page's key for one look; null where the browser makes none (the page came over plain HTTP). */
export async function makeKey() {
  if (!crypto.subtle) return null;
  const pair = await crypto.subtle.generateKey(CURVE, false, ["deriveBits"]);
  return { pair, text: toText(await crypto.subtle.exportKey("raw", pair.publicKey)) };
}

/** What opens the pictures of this look. */
export async function agree(mine, theirs, look) {
  const other = await crypto.subtle.importKey("raw", fromText(theirs), CURVE, false, []);
  const shared = await crypto.subtle.deriveBits(
    { name: "ECDH", public: other }, mine.pair.privateKey, 256,
  );
  const from = await crypto.subtle.importKey("raw", shared, "HKDF", false, ["deriveKey"]);
  const info = bytes(`tryggve-look|${look}|${mine.text}|${theirs}`);
  return crypto.subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info },
    from,
    { name: "AES-GCM", length: 256 },
    false,
    ["decrypt"],
  );
}

/** One picture, with the time left as the home counts it.  Throws when it is not the home's. */
export async function unseal(key, look, number, sealed) {
  const iv = new Uint8Array(12);
  new DataView(iv.buffer).setBigUint64(4, BigInt(number));
  const additionalData = bytes(`${look}|${number}`);
  const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv, additionalData }, key, sealed);
  const head = new DataView(plain);
  return { left_s: head.getUint32(0) / 1000, limit_s: head.getUint32(4) / 1000, jpeg: new Blob([plain.slice(8)], { type: "image/jpeg" }) };
}
