// "auto" follows the system; Tabler needs the answer as light or dark, before the first paint.
const root = document.documentElement;
if (root.dataset.bsTheme === "auto") {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => { root.dataset.bsTheme = dark.matches ? "dark" : "light"; };
  dark.addEventListener("change", apply);
  apply();
}
root.classList.add("js");
