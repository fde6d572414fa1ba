// The bells of a page: their number changes as notifications come and are read in other tabs. The line is open only while somebody
// may look at the page.
const MOST = 99;
const CROWDED = 4429; // the member's places, or the organization's, are taken
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
  const url = new URL(bell.dataset.bell, location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  const mine = new WebSocket(url);
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
    const pause = (event.code === CROWDED ? 30000 : Math.min(60000, 3000 * 2 ** failures)) * (0.75 + Math.random() / 2);
    setTimeout(connect, pause);
  });
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) return connect();
  const open = line;
  line = null;
  open?.close();
});
connect();
