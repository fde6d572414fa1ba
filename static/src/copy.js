import { text, toast } from "./toast.js";

// The clipboard exists on https and localhost only; elsewhere the button stays hidden.
if (navigator.clipboard) document.documentElement.classList.add("can-copy");

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  const source = button.parentElement.querySelector("code, input, textarea");
  await navigator.clipboard.writeText(source.value ?? source.textContent);
  toast(text("Copied"), "success");
});
