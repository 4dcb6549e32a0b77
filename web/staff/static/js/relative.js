// A relative's pages: each form is sent once, and this device may be told.
//
// Not for: how (`once.js`, `device.js`).

import { startDevice } from "./device.js";
import { startOnce } from "./once.js";

startOnce();
startDevice();
