// htmx 4: CSRF, refusal of eval, errors as toasts, open details kept in morphs, focus after swaps.
import htmx from "htmx.org";
import { after, gather, remember, settle } from "./answer.js";
import { leave } from "./editor.js";
import { text, toast } from "./toast.js";

window.htmx = htmx;

const refuse = function () {
  return { call() { throw new Error("Attributes that hold script are not run here."); } };
};

htmx.registerExtension("flowapp", {
  init(api) { api.initSecurity(null, refuse, refuse); },
  // Which details are open, and which dialog, is the reader's choice: the server does not know it.
  htmx_before_morph_attr(element, detail) {
    return !(detail.attrName === "open" && /^(DETAILS|DIALOG)$/.test(element.tagName));
  },
});

// What was typed into a search before this script listened is searched for, too.
document.addEventListener("DOMContentLoaded", () => setTimeout(() => {
  document.querySelectorAll("input[type=search]").forEach((input) => {
    if (input.value !== input.defaultValue) input.dispatchEvent(new Event("input", { bubbles: true }));
  });
}));

document.addEventListener("htmx:config:request", (event) => {
  const { request } = event.detail.ctx;
  remember(event.detail.ctx);
  if (request.method !== "GET") request.headers["X-CSRFToken"] = document.querySelector("meta[name=csrf-token]")?.content ?? "";
});

// A list that fetches itself again waits while one of its cells is changed: what is typed there would be lost.
document.addEventListener("htmx:before:request", (event) => {
  const part = event.detail.ctx?.sourceElement;
  if (!part?.matches?.("[data-live-refresh]") || !part.querySelector(".cell-form")) return;
  event.preventDefault();
  part.dataset.waits = "1";
});

document.addEventListener("htmx:after:swap", () => {
  for (const part of document.querySelectorAll("[data-waits]")) {
    if (part.querySelector(".cell-form")) continue;
    delete part.dataset.waits;
    htmx.trigger(part, "refresh");
  }
});

document.addEventListener("htmx:error", (event) => {
  // A throw inside a swap is ours and is in the console; only the network is the user's business.
  if (event.detail.ctx && !event.detail.ctx.response) toast(text("Network"), "danger");
});

document.addEventListener("htmx:response:error", (event) => {
  const { response, text: body } = event.detail.ctx;
  document.querySelectorAll("#flashes .notice-success").forEach((notice) => notice.remove()); // what went well was before
  if (response.status === 422) return;
  if (response.headers.get("X-Send-Again")) return sendAgain(event.detail.ctx.sourceElement);
  if (response.status === 401) return toast(text("SignedOut"), "danger");
  const page = new DOMParser().parseFromString(body ?? "", "text/html");
  const said = page.querySelector("[data-error-message]")?.textContent.trim();
  toast(said || text(response.status >= 500 ? "Server" : "Refused"), "danger");
});

// The session has ended: without htmx the form leads to signing in, and back to what was typed.
function sendAgain(element) {
  leave();
  element.closest("form").submit();
}

// A pressed button may be gone, or have done its work: where the hand goes next.
function nextPlace(ctx, target) {
  const { name, value } = ctx.request?.submitter ?? {};
  const box = value && (document.getElementById(value) ?? document.getElementById(value.replace(/-items$/, "")));
  if (ctx.response?.status === 422) return target.querySelector("[aria-invalid=true]");
  if (name === "_add" && box) return [...box.querySelectorAll(":scope > :is(.row-item, .formgen-row)")].at(-1)?.querySelector("input:not([type=hidden]), select, textarea");
  if (name === "_remove") return document.getElementById(`${value.replace(/(-items)?-\d+$/, "")}-add`);
  if (/^_(up|down)$/.test(name)) return enabled(document.getElementById(after(ctx.focusBefore.id, { name, value })));
  return null;
}

// At the end of a list one of the two buttons that move a row is off.
function enabled(button) {
  return button?.disabled ? button.parentElement.querySelector("button:not(:disabled)") : button;
}

function sameAgain(before, target) {
  const again = (before.id && document.getElementById(before.id))
    || (before.name && target.querySelector(`[name="${CSS.escape(before.name)}"]`));
  return enabled(again);
}

function refocus(ctx, target) {
  const before = ctx.focusBefore;
  if (!before) return;
  const next = nextPlace(ctx, target);
  if (next) return next.focus();
  if (document.activeElement && document.activeElement !== document.body && !document.activeElement.disabled) return;
  const again = sameAgain(before, target);
  if (again) return again.focus();
  if (!target.hasAttribute("tabindex")) target.setAttribute("tabindex", "-1");
  target.focus({ preventScroll: true });
}

document.addEventListener("htmx:before:swap", (event) => {
  const { ctx } = event.detail;
  const active = document.activeElement;
  const inside = ctx.target instanceof Element && ctx.target.contains(active);
  ctx.focusBefore = inside ? { id: active.id, name: active.name } : null;
  ctx.targetId = ctx.target?.id;
  ctx.meanwhile = gather(ctx);
});

document.addEventListener("htmx:after:swap", (event) => {
  const { ctx } = event.detail;
  const target = ctx.target?.isConnected ? ctx.target : ctx.targetId && document.getElementById(ctx.targetId);
  if (!target || (ctx.meanwhile && settle(ctx, target, ctx.meanwhile))) return;
  refocus(ctx, target);
});
