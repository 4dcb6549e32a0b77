// Light, dark, or as the device has it: kept in a cookie, so that the server sends the right page at
// once and nothing flashes white at night.

const NEXT = { auto: "dark", dark: "light", light: "auto" };
const YEAR_S = 31536000;

export function startTheme() {
  const button = document.getElementById("theme");
  if (!button) return;
  const root = document.documentElement;
  const show = () => {
    for (const part of button.querySelectorAll("[data-when]")) {
      part.hidden = part.dataset.when !== root.dataset.theme;
    }
  };
  button.closest("form").addEventListener("submit", (event) => {
    event.preventDefault();
    root.dataset.theme = NEXT[root.dataset.theme] ?? "auto";
    document.cookie = `tema=${root.dataset.theme}; Path=/; Max-Age=${YEAR_S}; SameSite=Lax` +
      (location.protocol === "https:" ? "; Secure" : "");
    button.value = NEXT[root.dataset.theme];
    show();
  });
  show();
}
