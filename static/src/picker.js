// "Insert value": a popover with the page's value list, filterable, worked by arrow keys; inserts {{ path }} at the caret.
// Arrow right (or the button beside a value) asks the server for the filters that suit it; a list or an object that is to
// become text leads there by itself.
import htmx from "htmx.org";
import { text } from "./toast.js";

let popover, filter, list, detail, back, field, address, chosen;

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
  back = button("btn btn-sm btn-quiet picker-back", `‹ ${text("Back")}`);
  detail = document.createElement("div");
  detail.className = "picker-list";
  detail.id = "picker-filters";
  popover.append(filter, list, back, detail);
  document.body.append(popover);
  filter.addEventListener("input", narrow);
  popover.addEventListener("keydown", move);
  popover.addEventListener("click", press);
}

function button(className, label = "") {
  const made = document.createElement("button");
  made.type = "button";
  made.className = className;
  made.textContent = label;
  return made;
}

function choice(item, at) {
  const row = document.createElement("div");
  row.className = "picker-row";
  const made = button("picker-item");
  made.id = `picker-value-${at}`;
  made.dataset.path = item.dataset.valuePath;
  made.dataset.text = item.dataset.valueText.toLowerCase();
  made.toggleAttribute("data-whole", "valueWhole" in item.dataset);
  for (const part of item.children) made.append(part.cloneNode(true));
  made.querySelector("code").textContent = item.dataset.valuePath;
  row.append(made);
  if (!address) return row;
  const more = button("btn btn-icon btn-quiet btn-sm picker-more", "›");
  more.title = text("Change");
  more.setAttribute("aria-label", text("Change"));
  more.setAttribute("aria-describedby", made.id);
  row.append(more);
  return row;
}

function fill(source) {
  address = source?.dataset.filters;
  list.replaceChildren();
  let count = 0;
  for (const group of source?.querySelectorAll("[data-value-group]") ?? []) {
    const box = document.createElement("div");
    box.append(group.querySelector(".value-group-label").cloneNode(true), ...[...group.querySelectorAll("[data-value-path]")].map((item) => choice(item, count++)));
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
    for (const item of box.querySelectorAll(".picker-item")) {
      const hidden = !words.every((word) => item.dataset.text.includes(word));
      item.parentElement.hidden = hidden;
      if (!hidden) { any = true; shown += 1; }
    }
    box.hidden = !any;
  }
  list.querySelector(".picker-none").hidden = shown > 0;
}

const looksAtFilters = () => !detail.hidden;

function show(filters) {
  filter.hidden = list.hidden = filters;
  back.hidden = detail.hidden = !filters;
}

async function ask(item) {
  chosen = item;
  const query = new URLSearchParams({ path: item.dataset.path, ...(field.dataset.text === undefined ? {} : { text: "1" }) });
  await htmx.ajax("GET", `${address}${address.includes("?") ? "&" : "?"}${query}`, { target: detail, source: detail, swap: "innerHTML" });
  const first = detail.querySelector(".picker-item");
  if (!first || chosen !== item || !popover.matches(":popover-open")) return;
  show(true);
  detail.scrollTop = 0;
  first.focus({ preventScroll: true });
}

function leave() {
  show(false);
  chosen?.focus();
}

function move(event) {
  const inside = looksAtFilters() ? detail : list;
  const items = [...inside.querySelectorAll(".picker-item")].filter((item) => !item.closest("[hidden]"));
  const at = items.indexOf(document.activeElement);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.key];
  if (event.key === "ArrowRight" && at >= 0 && address && !looksAtFilters()) { event.preventDefault(); return ask(items[at]); }
  if (/^(ArrowLeft|Escape)$/.test(event.key) && looksAtFilters()) { event.preventDefault(); return leave(); }
  if (event.key === "Enter" && document.activeElement === filter && items[0]) { event.preventDefault(); return take(items[0]); }
  if (next === undefined) return;
  event.preventDefault();
  (next < 0 ? (looksAtFilters() ? back : filter) : items[Math.min(next, items.length - 1)])?.focus();
}

function press(event) {
  const pressed = event.target.closest("button");
  if (pressed === back) return leave();
  if (pressed?.classList.contains("picker-more")) return ask(pressed.previousElementSibling);
  if (pressed) take(pressed);
}

// A whole list or object becomes JSON in a text: what comes out, and what else can be done, is shown first.
function take(item) {
  const asks = "whole" in item.dataset && field?.dataset.text !== undefined && address;
  return asks ? ask(item) : insert(item.dataset.path);
}

function insert(path) {
  if (!path || !field) return;
  popover.hidePopover();
  const value = `{{ ${path} }}`;
  field.focus();
  if (field.setRangeText && field.selectionStart !== null) field.setRangeText(value, field.selectionStart, field.selectionEnd, "end");
  else field.value = value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

function place(anchor) {
  const box = anchor.getBoundingClientRect();
  const width = Math.min(400, innerWidth - 16);
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
  chosen = null;
  fill(document.getElementById(anchor.dataset.pickerValues));
  filter.value = "";
  narrow();
  show(false);
  popover.showPopover();
  place(anchor);
  filter.focus();
});
