// Deals on a board: dragged by mouse or finger, or moved by keyboard. Either presses the button of the card's “Move to” menu
// that leads to the stage, so that all three ways are one request; its answer is the board as it then is.
import Sortable from "sortablejs";

let moved; // what to take back where the request fails: the card, and where it was
let held; // by keyboard

const columns = (board) => [...board.querySelectorAll("[data-stage]")];
const stageOf = (element) => element.closest("[data-stage]");

function say(key, values) {
  const board = document.querySelector("[data-board]");
  const words = board?.dataset[`text${key}`] ?? "";
  document.getElementById("board-status").textContent = words.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
}

function send(card, place) {
  const button = [...card.querySelectorAll(".deal-move [name=stage]")].find((one) => one.value === stageOf(card).dataset.stage);
  if (!button) return;
  moved = { card, ...place };
  button.form.requestSubmit(button);
}

function putBack() {
  if (moved?.card.isConnected) moved.list.insertBefore(moved.card, moved.next);
  moved = undefined;
}

// The column that the card was let go over: of a quick hand Sortable has not seen the last bit of the way.
function under(event) {
  const { clientX, clientY } = event?.changedTouches?.[0] ?? event ?? {};
  const found = clientX === undefined ? [] : document.elementsFromPoint(clientX, clientY);
  return found.map(stageOf).find(Boolean)?.querySelector("[data-cards]");
}

function attach() {
  for (const list of document.querySelectorAll("[data-board] [data-cards]")) {
    if (Sortable.get(list) || !list.closest("[data-board]").querySelector("[data-handle], [data-cards]:empty")) continue;
    let next;
    Sortable.create(list, {
      group: "deals",
      draggable: "[data-deal]",
      filter: ".menu",
      preventOnFilter: false,
      sort: false,
      forceFallback: true,
      fallbackTolerance: 4,
      delay: 180,
      delayOnTouchOnly: true,
      animation: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 120,
      ghostClass: "deal-ghost",
      fallbackClass: "deal-dragged",
      onStart({ item }) { next = item.nextElementSibling; },
      onEnd({ item, from, to, originalEvent }) {
        const list = under(originalEvent) ?? to;
        if (list !== from) list.prepend(item);
        if (list !== from) send(item, { list: from, next });
        else from.insertBefore(item, next);
      },
    });
  }
}

function pickUp(handle) {
  const card = handle.closest("[data-deal]");
  held = { card, handle, list: card.parentElement, next: card.nextElementSibling };
  handle.setAttribute("aria-pressed", "true");
  card.classList.add("is-held");
  say("Picked", { deal: card.dataset.title, stage: stageOf(card).dataset.name });
}

function shift(step) {
  const all = columns(held.card.closest("[data-board]"));
  const at = Math.min(Math.max(all.indexOf(stageOf(held.card)) + step, 0), all.length - 1);
  all[at].querySelector("[data-cards]").prepend(held.card);
  held.handle.focus();
  held.card.scrollIntoView({ block: "nearest", inline: "nearest" });
  say("Over", { stage: all[at].dataset.name, number: at + 1, count: all.length });
}

function letGo(keep) {
  const { card, handle, list, next } = held;
  held = undefined;
  handle.setAttribute("aria-pressed", "false");
  card.classList.remove("is-held");
  if (keep && card.parentElement !== list) return send(card, { list, next });
  list.insertBefore(card, next);
  handle.focus();
  say("Left", { deal: card.dataset.title, stage: stageOf(card).dataset.name });
}

const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };

document.addEventListener("keydown", (event) => {
  const handle = event.target.closest?.("[data-handle]");
  if (!handle) return;
  if (!held && (event.key === " " || event.key === "Enter")) pickUp(handle);
  else if (held && STEPS[event.key]) shift(STEPS[event.key]);
  else if (held && (event.key === " " || event.key === "Enter")) letGo(true);
  else if (held && event.key === "Escape") letGo(false);
  else return;
  event.preventDefault();
});

document.addEventListener("focusout", (event) => {
  // Moving the card takes the focus off it for a moment: only who goes elsewhere lets go.
  if (held && event.relatedTarget && !held.card.contains(event.relatedTarget)) letGo(false);
});

document.addEventListener("htmx:after:swap", (event) => {
  attach();
  if (!moved) return;
  const { card } = moved;
  const stage = document.getElementById(card.id) && stageOf(document.getElementById(card.id));
  if (stage && event.detail.ctx.response?.status === 200) say("Dropped", { deal: card.dataset.title, stage: stage.dataset.name });
  moved = undefined;
});
document.addEventListener("htmx:error", () => { if (moved) putBack(); });
document.addEventListener("htmx:response:error", (event) => { if (moved && event.detail.ctx.response?.status !== 422) putBack(); });
attach();
