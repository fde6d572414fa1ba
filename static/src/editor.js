// The step and trigger editors: a choice that other fields hang on sends the form, so that they appear.
document.addEventListener("change", (event) => {
  const control = event.target.closest?.("[data-refreshes]");
  const submit = control?.form?.querySelector("[data-refresh-submit]");
  if (submit) control.form.requestSubmit(submit);
});

// Leaving with unsaved text asks; saving, and the flow's own small forms, do not.
let dirty = false;
document.addEventListener("input", (event) => {
  if (event.target.closest?.("form.editor")) dirty = true;
});
document.addEventListener("submit", (event) => {
  if (event.target.closest("dialog")) return; // what a dialog sends is not what the editor holds
  if (!event.submitter?.formNoValidate) dirty = false;
}, true);
document.addEventListener("htmx:after:swap", () => {
  if (document.querySelector("form.editor [aria-invalid=true]")) dirty = true;
});
export const leave = () => { dirty = false; };
addEventListener("beforeunload", (event) => {
  if (dirty) event.preventDefault();
});
