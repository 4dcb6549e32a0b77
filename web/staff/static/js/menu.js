// The menu of the header closes as menus do: at Escape, and when something else is pressed or focused.

export function startMenu() {
  const menu = document.querySelector(".top details.menu");
  if (!menu) return;
  const away = ({ target }) => { if (!menu.contains(target)) menu.open = false; };
  document.addEventListener("pointerdown", away);
  document.addEventListener("focusin", away);
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    event.stopPropagation(); // nothing else on the page closes with it
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}
