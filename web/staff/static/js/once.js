// A form that leads to a new page is sent once: a second tap before the answer is the same finger.
//
// Not for: forms that are sent without leaving the page (`forms.js`, `passkey.js`).

/** Longer than anybody watches a button: then it may be pressed again. */
const GIVEN_UP_MS = 30000;

/** On a quick line nobody needs to be told that it is on its way. */
const TOLD_MS = 1000;

function free(form) {
  delete form.dataset.sending;
  form.removeAttribute("aria-busy");
  form.querySelector(":scope > [data-under-way]")?.remove();
}

function tell(form) {
  if (!form.dataset.sending) return;
  const line = document.createElement("p");
  line.className = "form-answer";
  line.dataset.underWay = "1";
  line.setAttribute("role", "status");
  form.append(line);
  line.textContent = document.getElementById("wait-words").dataset.sending;
}

export function startOnce() {
  // at the window: who sends a form in another way has said so by now
  addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.getAttribute("method")?.toLowerCase() !== "post") return;
    if (form.dataset.sending) {
      event.preventDefault();
      return;
    }
    form.dataset.sending = "1";
    form.setAttribute("aria-busy", "true");
    setTimeout(tell, TOLD_MS, form);
    setTimeout(free, GIVEN_UP_MS, form);
  });
  // back again, as it was left
  addEventListener("pageshow", ({ persisted }) => {
    if (persisted) document.querySelectorAll("form[data-sending]").forEach(free);
  });
}
