// Händelser: what was not there a moment ago is marked for a moment.  The rows are the server's own
// (`refresh.js` fetches them), so that one that arrives live looks like the others and is folded
// like them.

function rowsOf(list) {
  return [...list.querySelectorAll(".row[data-key]")];
}

export function startStream() {
  const list = document.getElementById("events");
  if (!list || list.dataset.first !== "1") return;
  let known = new Set(rowsOf(list).map((row) => row.dataset.key));
  document.addEventListener("page:new", () => {
    const rows = rowsOf(list);
    for (const row of rows) if (!known.has(row.dataset.key)) row.classList.add("new");
    known = new Set(rows.map((row) => row.dataset.key));
  });
}
