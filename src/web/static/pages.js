// What makes the pages a little more pleasant; all of it may be missing.

// The summary of faults, so that a screen reader begins there.
document.getElementById("problems")?.focus();

// A form is sent once, however often its button is pressed.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// Whoever leaves a page with words in its form is asked.
let typed = false;
document.addEventListener("input", (event) => {
  if (event.target.closest("form[method=post]")?.querySelector("textarea")) typed = true;
});
document.addEventListener("submit", () => {
  typed = false;
});
window.addEventListener("beforeunload", (event) => {
  if (typed) event.preventDefault();
});

// A letter's ticket is ticked by opening it, and opened by ticking it.
for (const item of document.querySelectorAll("fieldset.item")) {
  const box = item.querySelector("input[type=checkbox][name$=include]");
  const more = item.querySelector("details");
  if (!box || !more) continue;
  box.addEventListener("change", () => {
    if (box.checked) more.open = true;
  });
  more.addEventListener("input", () => {
    box.checked = true;
  });
}
