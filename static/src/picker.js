// "Insert value": a popover with the page's value list, filterable, worked by arrow keys; inserts {{ path }} at the caret.
import { text } from "./toast.js";

let popover, filter, list, field;

function build() {
  popover = document.createElement("div");
  popover.className = "picker-popover";
  popover.popover = "auto";
  popover.setAttribute("role", "dialog");
  popover.setAttribute("aria-label", text("Insert"));
  filter = document.createElement("input");
  filter.type = "search";
  filter.className = "form-control";
  filter.placeholder = text("Filter");
  filter.setAttribute("aria-label", text("Filter"));
  list = document.createElement("div");
  list.className = "picker-list";
  popover.append(filter, list);
  document.body.append(popover);
  filter.addEventListener("input", narrow);
  popover.addEventListener("keydown", move);
  list.addEventListener("click", (event) => insert(event.target.closest("button")));
}

function choice(item) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "picker-item";
  button.dataset.path = item.dataset.valuePath;
  button.dataset.text = item.dataset.valueText.toLowerCase();
  for (const part of item.children) button.append(part.cloneNode(true));
  button.querySelector("code").textContent = item.dataset.valuePath;
  return button;
}

function fill(source) {
  list.replaceChildren();
  for (const group of source?.querySelectorAll("[data-value-group]") ?? []) {
    const box = document.createElement("div");
    box.append(group.querySelector(".value-group-label").cloneNode(true), ...[...group.querySelectorAll("[data-value-path]")].map(choice));
    if (box.querySelector("button")) list.append(box);
  }
  const none = document.createElement("p");
  none.className = "picker-none";
  none.textContent = text("None");
  list.append(none);
}

function narrow() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const box of list.querySelectorAll(":scope > div")) {
    let any = false;
    for (const button of box.querySelectorAll("button")) {
      button.hidden = !words.every((word) => button.dataset.text.includes(word));
      if (!button.hidden) { any = true; shown += 1; }
    }
    box.hidden = !any;
  }
  list.querySelector(".picker-none").hidden = shown > 0;
}

function move(event) {
  const items = [...list.querySelectorAll("button:not([hidden])")];
  const at = items.indexOf(document.activeElement);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.key];
  if (event.key === "Enter" && document.activeElement === filter && items[0]) { event.preventDefault(); return insert(items[0]); }
  if (next === undefined) return;
  event.preventDefault();
  (next < 0 ? filter : items[Math.min(next, items.length - 1)])?.focus();
}

function insert(button) {
  if (!button || !field) return;
  popover.hidePopover();
  const value = `{{ ${button.dataset.path} }}`;
  field.focus();
  if (field.setRangeText && field.selectionStart !== null) field.setRangeText(value, field.selectionStart, field.selectionEnd, "end");
  else field.value = value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

function place(anchor) {
  const box = anchor.getBoundingClientRect();
  const width = Math.min(360, innerWidth - 16);
  popover.style.width = `${width}px`;
  popover.style.left = `${Math.max(8, Math.min(box.right - width, innerWidth - width - 8))}px`;
  const below = innerHeight - box.bottom > 330 || box.top < 330;
  popover.style.top = below ? `${box.bottom + 4}px` : "auto";
  popover.style.bottom = below ? "auto" : `${innerHeight - box.top + 4}px`;
}

document.addEventListener("click", (event) => {
  const anchor = event.target.closest?.("[data-picker-for]");
  if (!anchor) return;
  if (!popover?.isConnected) build();
  field = document.getElementById(anchor.dataset.pickerFor);
  fill(document.getElementById(anchor.dataset.pickerValues));
  filter.value = "";
  narrow();
  popover.showPopover();
  place(anchor);
  filter.focus();
});
