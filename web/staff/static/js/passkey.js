// Passkeys: the browser's half.  A form with `data-passkey` (`register`, `sign-in`, `verify`) asks
// the server for a challenge, lets the device sign it, and sends the answer.  Hidden where the
// browser knows no passkeys.

const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));

const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");

function asked(options) {
  const made = { ...options, challenge: bytes(options.challenge) };
  if (options.user) made.user = { ...options.user, id: bytes(options.user.id) };
  for (const list of ["allowCredentials", "excludeCredentials"]) {
    if (options[list]) made[list] = options[list].map((item) => ({ ...item, id: bytes(item.id) }));
  }
  return made;
}

function encoded(credential) {
  const { response } = credential;
  const parts = { clientDataJSON: text(response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (response[name]) parts[name] = text(response[name]);
  }
  if (response.getTransports) parts.transports = response.getTransports();
  return JSON.stringify({
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    response: parts,
  });
}

async function post(form, address, fields) {
  const answer = await fetch(address, {
    method: "POST",
    body: new URLSearchParams(fields),
    headers: {
      Accept: "application/json",
      "X-CSRFToken": form.querySelector("[name=csrf_token]").value,
    },
  });
  const { response } = await answer.json();
  if (answer.status === 401 && response.reauth_required && form.dataset.verify) {
    location.assign(form.dataset.verify); // it was long ago that this person signed in
  }
  if (!answer.ok) throw new Error(String(answer.status));
  return response;
}

async function run(form) {
  const kind = form.dataset.passkey;
  const fields = Object.fromEntries(new FormData(form));
  const begun = await post(form, form.dataset.begin, fields);
  const publicKey = asked(begun.credential_options);
  const credential =
    kind === "register"
      ? await navigator.credentials.create({ publicKey })
      : await navigator.credentials.get({ publicKey });
  const done = await post(form, `${form.dataset.begin}/${begun.wan_state}`, {
    credential: encoded(credential),
  });
  const next = form.dataset.next;
  const ours = next && next.startsWith("/") && !next.startsWith("//") && !next.includes("\\");
  location.assign(ours ? next : kind === "sign-in" ? done.post_login_url || "/" : location.href);
}

export function startPasskeys() {
  if (!window.PublicKeyCredential) return;
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    const box = form.querySelector("[data-passkey-answer]");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (form.getAttribute("aria-busy")) return;
      form.setAttribute("aria-busy", "true");
      box.textContent = "";
      try {
        await run(form);
      } catch {
        box.textContent = form.dataset.failed; // whatever it was: nothing was signed in
      } finally {
        form.removeAttribute("aria-busy");
      }
    });
  }
}
