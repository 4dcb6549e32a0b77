// The shift's one-time codes in the phone: kept until used, over, or somebody signs out.

const KEY = "tryggve.codes";

function read() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? { person: "", homes: [] };
  } catch {
    return { person: "", homes: [] };
  }
}

function write(kept) {
  try {
    localStorage.setItem(KEY, JSON.stringify(kept));
  } catch { /* a private window keeps nothing: then there are no codes without a network */ }
}

/** What is still good, by the phone's own clock. */
export function keptCodes() {
  const kept = read();
  const now = Date.now();
  const homes = kept.homes.map((home) => ({
    ...home,
    codes: home.codes.filter((code) => code.real > now && !code.used),
  }));
  return homes.filter((home) => home.codes.length > 0);
}

/** What is signed for a home's page (`gateway.access.given_codes.proof_text`): this home, lock and
    code, the key of the page that the server knows, and the word that the page made just now. */
export function proofText(home, code, word) {
  return ["tryggve door 2", home.home, code.device, code.id, home.page.fingerprint, word].join("\n");
}

/** The proof for a word: the address of the home's page with it, behind the #, which is sent to
    nobody.  The page's address is the one that the server told, never one that came with the word. */
export async function proofAddress(home, word) {
  const code = home.codes.find((one) => one.key && !one.sent) ?? home.codes.find((one) => one.key);
  const curve = { name: "ECDSA", namedCurve: "P-256" };
  const key = await crypto.subtle.importKey("jwk", code.key, curve, false, ["sign"]);
  const text = new TextEncoder().encode(proofText(home, code, word));
  const signed = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, text);
  const hex = Array.from(new Uint8Array(signed), (byte) => byte.toString(16).padStart(2, "0")).join("");
  mark(code.digits, "sent");
  return `${home.page.url}/door#svar=${code.id}~${word}~${hex}`;
}

/** Whether the phone can answer for this home without anything being typed. */
export function canProve(home) {
  return Boolean(home.page?.url.startsWith("https://") && globalThis.crypto?.subtle && home.codes.some((one) => one.key));
}

/** A code that was typed is crossed out. */
export function markUsed(digits) {
  mark(digits, "used");
}

function mark(digits, what) {
  const kept = read();
  for (const home of kept.homes) {
    for (const code of home.codes) if (code.digits === digits) code[what] = true;
  }
  write(kept);
}

export function forgetCodes() {
  localStorage.removeItem(KEY);
}

async function fetchCodes(form) {
  const data = new FormData();
  data.set("csrf_token", form.elements.csrf_token.value);
  const answer = await fetch(document.body.dataset.codes, {
    method: "POST",
    body: data,
    headers: { Accept: "application/json" },
    cache: "no-store",
  });
  if (answer.status === 401 || answer.status === 403) forgetCodes();
  if (!answer.ok) return;
  const issued = await answer.json();
  const page = document.documentElement.dataset;
  const ahead = Date.parse(page.now) - Date.now(); // the demo's clock is not the phone's
  for (const home of issued.homes) {
    for (const code of home.codes) code.real = Date.parse(code.expires) - ahead;
  }
  write(issued);
  document.body.dataset.codesKept = "1";
}

/** On the shift page: keep the codes, and the page that shows them without a network. */
export function startCodes() {
  document.querySelector("form[action$='logout']")?.addEventListener("submit", forgetCodes);
  if (!document.body.dataset.codes) return;
  navigator.serviceWorker?.register("/sw.js").catch(() => { /* then it only works online */ });
  const form = document.querySelector("form input[name=csrf_token]")?.form;
  if (!form) return;
  const again = () => fetchCodes(form).catch(() => { /* what is kept stays */ });
  again();
  document.addEventListener("live:over", again, { once: true }); // refused: they are forgotten
}
