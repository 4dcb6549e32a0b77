// A relative's page: lets this device be told.  Not for: anything else of `ways.js`, which it uses.

import { startWays } from "./ways.js";

startWays();
