// Mina larmvägar: looks a few times whether a test alarm came.  Not for: adding a device (`device.js`).

import { startDevice } from "./device.js";
import { refreshNow } from "./refresh.js";

/** When to look after a test alarm was sent: most are there within seconds. */
const LOOK_MS = [1000, 2500, 5000, 10000, 20000];

function look() {
  for (const after of LOOK_MS) setTimeout(refreshNow, after);
}

export function startWays() {
  startDevice();
  document.addEventListener("submit", ({ target }) => {
    if (target.matches("form[data-looks]")) look();
  });
}
