// A search whose results are links: the arrow keys lead from the box through them, and back.
//   <form data-choices="id of what holds the links">
function move(event) {
  const form = document.querySelector("form[data-choices]");
  const box = form?.querySelector("input[type=search]");
  const list = form && document.getElementById(form.dataset.choices);
  const here = event.target;
  if (!list || event.altKey || event.ctrlKey || event.metaKey || (here !== box && !list.contains(here))) return;
  const links = [...list.querySelectorAll("a[href]")];
  const at = links.indexOf(here);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.key];
  if (next === undefined || (next >= 0 && !links[next]) || (here === box && event.key === "ArrowUp")) return;
  event.preventDefault();
  (links[next] ?? box).focus();
}

document.addEventListener("keydown", move);
