// Drawing a zone by pressing the map: each press writes a corner into the field that is open.
//
// The field is what is sent, and can be written by hand: nothing here is needed.

const TILE = 256;

/** Degrees of a place of the drawing, as `pages/zone_map.py` draws it (Web Mercator). */
export function pointAt(x, y, { zoom, left, top }) {
  const size = TILE * 2 ** zoom;
  const lon = ((left + x) / size) * 360 - 180;
  const lat = (Math.atan(Math.sinh(Math.PI * (1 - (2 * (top + y)) / size))) * 180) / Math.PI;
  return { lat, lon };
}

function pressed(event) {
  const figure = event.target.closest("[data-zone-map]");
  const field = document.querySelector("details[open] [data-corners]");
  const svg = figure?.querySelector("svg");
  if (!figure || !field || !svg) return;
  const box = svg.getBoundingClientRect();
  const whole = svg.viewBox.baseVal;
  const view = {
    zoom: Number(figure.dataset.zoom),
    left: Number(figure.dataset.left),
    top: Number(figure.dataset.top),
  };
  const x = ((event.clientX - box.left) / box.width) * whole.width;
  const y = ((event.clientY - box.top) / box.height) * whole.height;
  const { lat, lon } = pointAt(x, y, view);
  const before = field.value.trimEnd();
  field.value = `${before ? `${before}\n` : ""}${lat.toFixed(5)}, ${lon.toFixed(5)}`;
  mark(svg, x, y);
}

function mark(svg, x, y) {
  const dot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  for (const [name, value] of Object.entries({ class: "zm-corner", cx: x, cy: y, r: 7 })) {
    dot.setAttribute(name, value);
  }
  svg.append(dot);
}

export function startZones() {
  document.addEventListener("click", pressed);
}
