// Makes the page look like what the server sent without throwing away what a person is doing: the
// focused element stays, half-typed text stays, an opened "why?" stays open.
//
// Elements are the same when tag and `id` (or `data-key`, or what labels them, or for the rows of a
// long list their link) agree.

function keyOf(node) {
  if (node.nodeType !== 1) return "";
  const own = node.dataset.mine === undefined ? "" : "mine";
  // rows by the thousand say once what they are: by their link
  if (node.nodeName === "A" && node.parentNode?.className === "shorts") return node.getAttribute("href");
  return node.id || node.dataset.key || node.getAttribute("aria-labelledby") || own;
}

function same(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && keyOf(a) === keyOf(b);
}

function beingUsed(element) {
  if (element === document.activeElement) return true;
  if (element.type === "checkbox" || element.type === "radio") {
    return element.checked !== element.defaultChecked;
  }
  return "defaultValue" in element && element.value !== element.defaultValue;
}

/** Attributes that the person or a script of ours changed since the server wrote them. */
function isOurs(element, name) {
  if (name === "open" && element.nodeName === "DETAILS") return true;
  if (name === "tabindex") return element.tabIndex === -1; // the focus was put there
  if (name === "hidden") return "showAfter" in element.dataset || "hideAfter" in element.dataset;
  return name === "data-sending" || name === "aria-busy";
}

function attributes(from, to) {
  for (const { name, value } of to.attributes) {
    if (!isOurs(from, name) && from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name) && !isOurs(from, name)) from.removeAttribute(name);
  }
}

function node(from, to) {
  if (from.nodeType !== 1) {
    if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
    return;
  }
  if (from.dataset.mine !== undefined) return;
  const field = ["INPUT", "TEXTAREA", "SELECT"].includes(from.nodeName);
  if (field && beingUsed(from)) return;
  attributes(from, to);
  if (from.dataset.since || from.dataset.until) return; // the ticking writes these
  children(from, to);
}

/** The first of the children from `here` on that `wanted` may become; what stands before it goes. */
function nextSame(here, wanted) {
  for (let child = here; child; child = child.nextSibling) {
    if (same(child, wanted)) return child;
    if (wanted.nodeType !== 1) return null; // texts are cheap to make anew
  }
  return null;
}

function children(from, to) {
  const kept = new Map();
  for (const child of from.childNodes) {
    const key = keyOf(child);
    if (key) kept.set(`${child.nodeName} ${key}`, child);
  }
  let here = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    const key = keyOf(wanted);
    let match = key ? kept.get(`${wanted.nodeName} ${key}`) : null;
    if (!match && !key) match = nextSame(here, wanted);
    if (match) {
      if (match === here) here = here.nextSibling;
      else from.insertBefore(match, here);
      kept.delete(`${wanted.nodeName} ${key}`);
      node(match, wanted);
    } else {
      from.insertBefore(document.importNode(wanted, true), here);
    }
  }
  while (here) {
    const next = here.nextSibling;
    here.remove();
    here = next;
  }
}

/** Make `from` look like `to` (an element of another document). */
export function morph(from, to) {
  node(from, to);
}
