// The rows selected in a list: all of a page at once, and how many they are.
const boxes = () => [...document.querySelectorAll('input[form="bulk"][name="id"]')];

function show() {
  const all = boxes();
  const count = all.filter((box) => box.checked).length;
  const told = document.querySelector("#bulk [data-selected]");
  for (const head of document.querySelectorAll("[data-select-page]")) {
    head.checked = count > 0 && count === all.length;
    head.indeterminate = count > 0 && count < all.length;
  }
  if (told) told.textContent = count ? told.dataset.selected.replace("{n}", count) : "";
}

document.addEventListener("change", (event) => {
  if (event.target.matches?.("[data-select-page]")) for (const box of boxes()) box.checked = event.target.checked;
  if (event.target.matches?.('[data-select-page], [form="bulk"]')) show();
});
document.addEventListener("htmx:after:swap", show);
window.addEventListener("pageshow", show); // a browser that goes back keeps what was selected
