// The command palette: Ctrl+K or Cmd+K, or what leads to the search. Arrows choose, Enter opens, Escape closes.
import htmx from "htmx.org";

const palette = document.getElementById("palette");
const box = palette?.querySelector("input");
let waits = false; // Enter came before the answer

function open() {
  if (palette.open || document.querySelector("dialog:modal")) return;
  waits = false;
  palette.showModal();
  box.select();
  htmx.trigger(box, "look");
}

const options = () => [...palette.querySelectorAll("[role=option]")];
const chosen = () => palette.querySelector("[role=option][aria-selected=true]");
const answered = () => palette.querySelector(".found")?.dataset.q === box.value.trim();

function choose(option) {
  for (const other of options()) other.setAttribute("aria-selected", String(other === option));
  if (option) box.setAttribute("aria-activedescendant", option.id);
  else box.removeAttribute("aria-activedescendant");
  option?.scrollIntoView({ block: "nearest" });
}

function move(steps) {
  const all = options();
  if (all.length) choose(all[(all.indexOf(chosen()) + steps + all.length) % all.length]);
}

function keys(event) {
  if (event.isComposing) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    move(event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Enter") {
    waits = !answered();
    if (waits || chosen()) event.preventDefault();
    if (!waits) chosen()?.click();
  }
}

function found(event) {
  if (!palette.contains(event.detail.ctx.sourceElement) || !palette.open) return;
  choose(options()[0]);
  if (waits && answered()) {
    waits = false;
    chosen()?.click();
  }
}

if (palette) {
  box.addEventListener("keydown", keys);
  document.addEventListener("htmx:after:swap", found);
  document.addEventListener("click", (event) => {
    const plain = !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0;
    if (event.target === palette) return palette.close();
    if (!plain || !event.target.closest?.("[data-palette]")) return;
    event.preventDefault();
    open();
  });
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || event.key.toLowerCase() !== "k") return;
    event.preventDefault();
    open();
  });
}
