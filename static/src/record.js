// Records: a click on a value edits it, Escape leaves it; a question that the server asks is a modal dialog.
document.addEventListener("click", (event) => {
  const close = event.target.closest?.("[data-modal-close]");
  if (close) {
    event.preventDefault();
    return close.closest("dialog").close();
  }
  const value = event.target.closest?.(".row-value");
  if (value && !event.target.closest("a") && getSelection().isCollapsed) value.parentElement.querySelector(".row-edit")?.click();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") event.target.closest?.(".record-row.is-open")?.querySelector("[data-row-cancel]")?.click();
});

// Without script it is an open box on the page; what was answered or left goes away.
function open() {
  for (const dialog of document.querySelectorAll("dialog[data-modal]:not(:modal)")) {
    dialog.removeAttribute("open"); // close() would tell so, a moment later
    dialog.showModal();
    dialog.addEventListener("close", () => dialog.remove(), { once: true });
  }
}

document.addEventListener("htmx:after:swap", open);
open();
