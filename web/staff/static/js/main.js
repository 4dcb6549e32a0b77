// What every page starts.  One idea a file; nothing here but the order.

import { startBanner } from "./banner.js";
import { startBoard } from "./board.js";
import { startCodes } from "./codes.js";
import { startForms } from "./forms.js";
import { startInstalling } from "./install.js";
import { startLive } from "./live.js";
import { startLook } from "./look.js";
import { startMenu } from "./menu.js";
import { startOnce } from "./once.js";
import { startPasskeys } from "./passkey.js";
import { startPrinting } from "./print.js";
import { startRefreshing } from "./refresh.js";
import { startSeen } from "./seen.js";
import { startSound } from "./sound.js";
import { startStream } from "./stream.js";
import { startTab } from "./tab.js";
import { startTalk } from "./talk.js";
import { startTheme } from "./theme.js";
import { startTicking } from "./time.js";
import { startWays } from "./ways.js";
import { startZones } from "./zones.js";

startTheme();
startPasskeys();
startOnce();
startMenu();
if (document.body.dataset.live) {
  startTicking();
  startBanner();
  startForms();
  startBoard();
  startCodes();
  startWays();
  startSound();
  startStream();
  startTab();
  startTalk();
  startLook();
  startInstalling();
  startSeen();
  startPrinting();
  startRefreshing();
  startLive();
  startZones();
}
