// What waits, where the page is not looked at: a number before the tab's title and on its icon, and
// a line for who hears the page when it has grown.
//
// The number is the header's; red while an alarm that nobody has taken is among it.  A page that
// stands still says so there too.  Not for: sound (`sound.js`).

import { announce } from "./announce.js";

const SIZE = 64;
const GREEN = "#0a5a63";
const RED = "#a1131f";
const AMBER = "#7a4a00";
const GREY = "#565c61";
const HOUSE = "M6 16.5 16 8l10 8.5M9 14v11h14V14M14 25v-6h4v6"; // as in icon.svg

const plain = document.title.replace(/^\([^)]*\) /, "");
const link = document.querySelector("link[rel=icon]");
const calm = link?.href;
let shown = "";
let told = null;

function waiting() {
  const { attention, unacknowledged } = document.getElementById("summary")?.dataset ?? {};
  return { attention: Number(attention || 0), unacknowledged: Number(unacknowledged || 0) };
}

/** More than before is said; the page's beginning is read anyway. */
function tellGrown({ attention, unacknowledged }) {
  const grown = told && (attention > told.attention || unacknowledged > told.unacknowledged);
  told = { attention, unacknowledged };
  if (grown) announce(document.querySelector("#summary .sr")?.textContent);
}

function picture(text, ground) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE;
  const draw = canvas.getContext("2d");
  draw.fillStyle = ground;
  draw.roundRect(0, 0, SIZE, SIZE, 16);
  draw.fill();
  if (text) {
    draw.fillStyle = "#fff";
    draw.font = `bold ${text.length > 1 ? 40 : 52}px sans-serif`;
    draw.textAlign = "center";
    draw.textBaseline = "middle";
    draw.fillText(text, SIZE / 2, SIZE / 2 + 3);
  } else {
    draw.scale(2, 2);
    draw.strokeStyle = "#fff";
    draw.lineWidth = 2.5;
    draw.stroke(new Path2D(HOUSE));
  }
  return canvas.toDataURL("image/png");
}

function show() {
  const down = document.body.classList.contains("is-down");
  const { attention, unacknowledged } = waiting();
  tellGrown({ attention, unacknowledged });
  const text = down ? "!" : attention > 99 ? "99" : attention ? String(attention) : "";
  const ground = down ? GREY : unacknowledged ? RED : attention ? AMBER : GREEN;
  const own = document.getElementById("main")?.dataset.title; // a page whose title counts
  const title = own ? `${own} · Tryggve` : plain;
  document.title = text ? `(${text}) ${title}` : title;
  if (!link || shown === text + ground) return;
  shown = text + ground;
  link.type = text ? "image/png" : "image/svg+xml";
  link.href = text ? picture(text, ground) : calm;
}

export function startTab() {
  show();
  for (const name of ["page:new", "live:down", "live:up"]) document.addEventListener(name, show);
}
