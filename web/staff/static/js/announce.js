// Says a line to who hears the page instead of seeing it, and to nobody else.
//
// The line stands in the page from its beginning (`#announce`): what is put into the page together
// with its words is read by few screen readers.  Not for: what is seen (it says so itself).

const line = document.getElementById("announce");

export function announce(text) {
  if (line && text) line.textContent = text;
}
