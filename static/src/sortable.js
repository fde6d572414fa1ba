// Drag to reorder. The up and down buttons beside each row do the same without a mouse and without script.
import Sortable from "sortablejs";

function attach(root) {
  for (const list of root.querySelectorAll("[data-sortable]")) {
    if (Sortable.get(list)) continue;
    Sortable.create(list, {
      handle: "[data-sortable-handle]",
      animation: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 120,
      ghostClass: "sortable-ghost",
      onEnd({ oldIndex, newIndex }) {
        if (oldIndex === newIndex) return;
        const submit = document.querySelector(`[data-sortable-submit="${CSS.escape(list.id)}"]`);
        submit?.form?.requestSubmit(submit);
      },
    });
  }
}

attach(document);
document.addEventListener("htmx:after:swap", () => attach(document));
