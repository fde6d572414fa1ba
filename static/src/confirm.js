// Without script a confirm button is a <details> with the real button inside; with script it is a modal dialog.
const dialog = document.getElementById("confirm-dialog");
const ok = dialog?.querySelector("[value=ok]");
let settle;

export function ask({ title, message, label, danger = true }) {
  const heading = document.getElementById("confirm-dialog-title");
  heading.dataset.standard ??= heading.textContent;
  heading.textContent = title || heading.dataset.standard;
  document.getElementById("confirm-dialog-text").textContent = message ?? "";
  ok.textContent = label || ok.dataset.defaultLabel;
  ok.className = `btn ${danger ? "btn-danger" : "btn-primary"}`;
  dialog.returnValue = "cancel";
  dialog.showModal();
  settle?.(false);
  return new Promise((resolve) => { settle = resolve; });
}

// The event comes a moment after closing: the dialog may already ask the next question, which it does not answer.
dialog?.addEventListener("close", () => { if (!dialog.open) settle?.(dialog.returnValue === "ok"); });

document.addEventListener("click", async (event) => {
  const summary = event.target.closest?.("[data-confirm] > summary");
  if (!summary || !dialog) return;
  event.preventDefault();
  const box = summary.parentElement;
  const submit = box.querySelector("[data-confirm-submit]");
  const agreed = await ask({
    title: box.querySelector("[data-confirm-title]").textContent,
    message: box.querySelector("[data-confirm-text]").textContent,
    label: submit.textContent,
    danger: submit.classList.contains("btn-danger"),
  });
  if (agreed) submit.form.requestSubmit(submit);
  else summary.focus();
});

document.addEventListener("htmx:confirm", (event) => {
  if (!dialog) return;
  event.preventDefault();
  const { ctx, issueRequest, dropRequest } = event.detail;
  ask({ message: ctx.confirm }).then((agreed) => (agreed ? issueRequest() : dropRequest()));
});
