// Offers members' names while somebody types @ in a note: arrows choose, Enter or Tab takes, Escape closes.
const TYPED = /(^|\s)@([\w.+-]*)$/;
const MOST = 6;
let list = null;
let box = null;

function found(text) {
  const people = JSON.parse(box.dataset.mentions || "[]");
  const wanted = text.toLowerCase();
  return people.filter((one) => `${one.name} ${one.handle}`.toLowerCase().includes(wanted)).slice(0, MOST);
}

function close() {
  list?.remove();
  box?.removeAttribute("aria-controls");
  box?.removeAttribute("aria-activedescendant");
  list = null;
}

function choose(index) {
  const options = [...list.children];
  const at = (index + options.length) % options.length;
  options.forEach((option, number) => option.setAttribute("aria-selected", String(number === at)));
  box.setAttribute("aria-activedescendant", options[at].id);
  list.dataset.at = String(at);
}

function take(handle) {
  const end = box.selectionStart;
  const before = box.value.slice(0, end).replace(TYPED, `$1@${handle} `);
  box.value = before + box.value.slice(end);
  box.setSelectionRange(before.length, before.length);
  close();
  box.focus();
}

function offer() {
  const typed = TYPED.exec(box.value.slice(0, box.selectionStart));
  const people = typed ? found(typed[2]) : [];
  close();
  if (!people.length) return;
  list = document.createElement("ul");
  Object.assign(list, { id: "mention-list", className: "mention-list", role: "listbox" });
  list.setAttribute("aria-label", box.dataset.mentionsLabel || "@");
  people.forEach((one, number) => {
    const option = document.createElement("li");
    Object.assign(option, { id: `mention-${number}`, role: "option", textContent: one.name });
    option.addEventListener("mousedown", (event) => {
      event.preventDefault();
      take(one.handle);
    });
    option.dataset.handle = one.handle;
    list.append(option);
  });
  box.after(list);
  box.setAttribute("aria-controls", list.id);
  choose(0);
}

document.addEventListener("input", (event) => {
  if (!event.target.matches?.("textarea[data-mentions]")) return;
  box = event.target;
  offer();
});
document.addEventListener("keydown", (event) => {
  if (!list || event.target !== box) return;
  const at = Number(list.dataset.at);
  if (event.key === "ArrowDown") choose(at + 1);
  else if (event.key === "ArrowUp") choose(at - 1);
  else if (event.key === "Enter" || event.key === "Tab") take(list.children[at].dataset.handle);
  else if (event.key === "Escape") close();
  else return;
  event.preventDefault();
});
document.addEventListener("focusout", (event) => {
  if (event.target === box) close();
});
