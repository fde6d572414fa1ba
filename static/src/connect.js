// A service was connected in a dialog beside a step: it becomes the choice of the step's field, and the dialog goes away. Where
// somebody has to sign in at the service (nothing is said yet), the dialog stays until they have followed its link.
import { toast } from "./toast.js";

document.addEventListener("htmx:after:swap", () => {
  const told = document.querySelector("dialog [data-connected]");
  if (!told) return;
  const { connected, label, field, said } = told.dataset;
  told.removeAttribute("data-connected");
  if (said) {
    told.closest("dialog").close();
    toast(said, "success");
  }
  const select = document.querySelector(`select[name="${CSS.escape(field)}"]`);
  if (!select) return;
  if (![...select.options].some((option) => option.value === connected)) select.add(new Option(label, connected));
  select.value = connected;
  for (const name of ["input", "change"]) select.dispatchEvent(new Event(name, { bubbles: true }));
  select.closest(".field")?.querySelector(".form-hint")?.remove(); // that there is none to choose
  if (said) select.focus();
});
