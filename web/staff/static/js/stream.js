// Händelser: a new event stands on top at once, in the words that the page already has; a moment
// later the server's own row takes its place.

import { clockText } from "./time.js";

let words = null;

async function learn(list) {
  const answer = await fetch(list.dataset.words);
  if (answer.ok) words = await answer.json();
}

function wanted(list, change) {
  const { home, group } = list.dataset;
  if (!change.event) return false; // only that something changed
  if (list.dataset.first !== "1" || !words) return false;
  if (home && home !== change.home) return false;
  const kind = words.kinds[change.kind];
  if (words.quiet.includes(change.kind) || (!kind && !words.unknown)) return false;
  return !group || kind?.group === group;
}

function rowOf(change) {
  const { event } = change;
  const row = document.getElementById("row").content.firstElementChild.cloneNode(true);
  const kind = words.kinds[change.kind] ?? { label: change.kind, icon: "" };
  row.dataset.key = `${event.origin}/${event.seq}`;
  row.querySelector(".at").textContent = clockText(Date.parse(event.at));
  row.querySelector(".label").textContent = kind.label;
  row.querySelector(".where").textContent = words.homes[change.home] ?? "";
  row.classList.add("new");
  return row;
}

export function startStream() {
  const list = document.getElementById("events");
  if (!list) return;
  learn(list);
  document.addEventListener("live:change", ({ detail }) => {
    if (!wanted(list, detail)) return;
    const key = `${detail.event.origin}/${detail.event.seq}`;
    if (list.querySelector(`[data-key="${CSS.escape(key)}"]`)) return;
    const firstRow = list.querySelector(".row");
    list.insertBefore(rowOf(detail), firstRow);
  });
}
