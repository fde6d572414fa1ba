const region = document.getElementById("toasts");

export const text = (name) => region?.dataset[`text${name}`] ?? "";

export function toast(message, level = "info") {
  if (!region || !message) return;
  const box = document.createElement("div");
  box.className = `toast-box toast-${level}`;
  const words = document.createElement("p");
  words.textContent = message;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "btn-close";
  close.setAttribute("aria-label", text("Close"));
  close.addEventListener("click", () => box.remove());
  box.append(words, close);
  region.append(box);
  // Errors stay until they are closed: a message that leaves by itself is missed by slow readers.
  if (level !== "danger") setTimeout(() => box.remove(), 6000);
}

// The server may say it with a header: HX-Trigger: {"toast": {"text": "Saved", "level": "success"}}
document.addEventListener("toast", (event) => toast(event.detail.text ?? event.detail.value, event.detail.level));
