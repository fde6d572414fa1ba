// Choices that a service gives for a field: taking one fills the box, which stays free for anything else.
function take(button) {
  const box = button.closest("[data-offers-for]");
  const field = document.getElementById(box.dataset.offersFor);
  field.value = button.dataset.offer;
  for (const name of ["input", "change"]) field.dispatchEvent(new Event(name, { bubbles: true }));
  close(box, field);
}

function close(box, field) {
  box.parentElement.replaceChildren();
  field.focus();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-offer]");
  if (button) take(button);
});

document.addEventListener("keydown", (event) => {
  const box = event.target.closest?.("[data-offers-for]");
  if (!box) return;
  const buttons = [...box.querySelectorAll("[data-offer]")];
  const at = buttons.indexOf(event.target);
  if (event.key === "Escape") {
    event.stopPropagation();
    return close(box, document.getElementById(box.dataset.offersFor));
  }
  if (event.key === "Enter" && at < 0) {
    event.preventDefault(); // not the step's own button to save
    if (buttons[0]) take(buttons[0]);
  }
  const next = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  (next < 0 ? box.querySelector("input[type=search]") : buttons[Math.min(next, buttons.length - 1)])?.focus();
});
