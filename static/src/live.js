// Live pages: a WebSocket that brings log lines and tells which parts of the page to fetch again.
//   data-live="/ws/automation/execution/<id>/"  data-after="<seq>"  data-throttle="150"
// inside it: data-live-log (a list) and data-live-template; anywhere: data-live-refresh (hx-get, hx-trigger="refresh", hx-swap="outerMorph"), data-ended (the page shows a last status) and .live-badge
import htmx from "htmx.org";
import { CROWDED, pauseAfter, socketUrl } from "./socket.js";

const MAX_ROWS = 2000;
const TERMINAL = new Set(["completed", "goal_reached", "failed", "cancelled", "skipped"]);

class LivePage {
  constructor(root) {
    this.root = root;
    this.after = root.dataset.after || "0";
    this.wait = Number(root.dataset.throttle) || (root.dataset.live.includes("/monitor") ? 1000 : 150);
    this.failures = 0;
    this.opened = false;
    this.connect();
  }

  connect() {
    const url = socketUrl(this.root.dataset.live);
    url.searchParams.set("after", this.after);
    this.socket = new WebSocket(url);
    this.socket.addEventListener("open", () => this.onOpen());
    this.socket.addEventListener("message", (event) => this.receive(JSON.parse(event.data)));
    this.socket.addEventListener("close", (event) => this.onClose(event.code));
  }

  onOpen() {
    this.failures = 0;
    this.show("connected");
    // What happened while the line was down is fetched at once.
    if (this.opened) this.refresh();
    this.opened = true;
  }

  onClose(code) {
    if (this.done || !this.root.isConnected) return;
    this.show(code === CROWDED ? "crowded" : "reconnecting");
    const pause = pauseAfter(code, this.failures, { first: 500, longest: 15000 });
    this.failures += 1;
    setTimeout(() => this.root.isConnected && this.connect(), pause);
  }

  receive(message) {
    if (message.seq !== undefined && message.seq !== null) this.after = String(message.seq);
    if (message.type === "log") return this.log(message.log);
    if (message.type === "logs" || message.type === "stats") return;
    this.refresh();
    const ended = message.type === "execution_completed" || TERMINAL.has(message.execution?.status ?? message.job?.status);
    if (ended && !this.root.dataset.live.includes("/monitor")) this.end();
  }

  end() {
    if (this.done) return;
    // Log lines may still be on their way; the line is left open and only the badge changes.
    this.done = true;
    this.settle();
  }

  // “Ended” stands beside the status, which is fetched a moment later: it waits for it.
  settle() {
    if (this.done && document.querySelector("[data-ended]")) this.show("ended");
  }

  refresh() {
    if (this.timer) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      for (const part of document.querySelectorAll("[data-live-refresh]")) htmx.trigger(part, "refresh");
    }, this.wait);
  }

  log(line) {
    const list = this.root.querySelector("[data-live-log]");
    const template = this.root.querySelector("[data-live-template]");
    if (!list || !template || !line) return;
    const bottom = list.scrollHeight - list.scrollTop - list.clientHeight < 24;
    const row = template.content.firstElementChild.cloneNode(true);
    row.className = `log-line log-${String(line.level).toLowerCase().replace(/[^a-z]/g, "")}`;
    row.querySelector(".log-time").textContent = clock(line.created_at, list.dataset.timezone);
    row.querySelector(".log-level").textContent = line.level ?? "";
    row.querySelector(".log-step").textContent = line.step_name ?? line.step_id ?? line.step ?? "";
    row.querySelector(".log-message").append(...localTimes(line.message ?? "", list.dataset.timezone));
    list.append(row);
    while (list.childElementCount > MAX_ROWS) list.firstElementChild.remove();
    if (bottom) list.scrollTop = list.scrollHeight;
  }

  show(state) {
    for (const badge of document.querySelectorAll(".live-badge")) {
      badge.dataset.liveState = state;
      badge.querySelector("[data-live-text]").textContent = badge.dataset[`text${state[0].toUpperCase()}${state.slice(1)}`] ?? "";
    }
  }
}

function clock(value, timeZone) {
  const time = new Date(value);
  if (!value || Number.isNaN(time.getTime())) return value ?? "";
  return time.toLocaleTimeString(document.documentElement.lang, { timeZone: timeZone || "UTC", hour12: false });
}

// “2026-11-22 02:01:35 UTC” in a line's text becomes the reader's time, as web/locale.py does it for the lines of the page.
function localTimes(text, timeZone) {
  return text.split(/\b(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC)\b/).map((part, at) => {
    const moment = at % 2 ? new Date(part.replace(" ", "T").replace(" UTC", "Z")) : NaN;
    if (Number.isNaN(Number(moment))) return part;
    const time = document.createElement("time");
    time.dateTime = moment.toISOString();
    time.title = part;
    time.textContent = moment.toLocaleString(document.documentElement.dataset.notation, { timeZone: timeZone || "UTC", dateStyle: "medium", timeStyle: "medium" });
    return time;
  });
}

const pages = new WeakMap();

function attach() {
  for (const root of document.querySelectorAll("[data-live]")) {
    if (!pages.has(root)) pages.set(root, new LivePage(root));
    pages.get(root).settle();
  }
}

document.addEventListener("change", (event) => {
  const list = event.target.dataset?.logLevel && document.getElementById(event.target.dataset.logLevel);
  if (list) list.dataset.level = event.target.value;
});

attach();
document.addEventListener("htmx:after:swap", attach);
for (const list of document.querySelectorAll("[data-live-log]")) list.scrollTop = list.scrollHeight;
