// The bells of a page: their number changes as notifications come and are read in other tabs. The line is open only while somebody
// may look at the page.
import { pauseAfter, socketUrl } from "./socket.js";

const MOST = 99;
const bells = () => document.querySelectorAll("[data-bell]");
let line = null;
let failures = 0;

function show(unread) {
  for (const bell of bells()) {
    const text = unread ? bell.dataset.textUnread.replace("{count}", unread) : bell.dataset.textNone;
    bell.setAttribute("aria-label", text);
    let count = bell.querySelector(".bell-count");
    if (!unread) {
      count?.remove();
      continue;
    }
    if (!count) {
      count = document.createElement("span");
      count.className = "bell-count";
      count.setAttribute("aria-hidden", "true");
      bell.append(count);
    }
    count.textContent = unread > MOST ? `${MOST}+` : String(unread);
  }
}

function connect() {
  const bell = bells()[0];
  if (line || !bell || document.hidden) return;
  const mine = new WebSocket(socketUrl(bell.dataset.bell));
  line = mine;
  mine.addEventListener("message", (event) => {
    failures = 0;
    const { unread } = JSON.parse(event.data);
    if (Number.isInteger(unread)) show(unread);
  });
  mine.addEventListener("close", (event) => {
    if (line !== mine) return;
    line = null;
    failures += 1;
    setTimeout(connect, pauseAfter(event.code, failures, { first: 3000, longest: 60000 }));
  });
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) return connect();
  const open = line;
  line = null;
  open?.close();
});
connect();
