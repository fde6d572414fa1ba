// What the WebSockets of a page have in common: their address, and how long to wait before they ask again.
export const CROWDED = 4429; // the member's places, or the organization's, are taken

export function socketUrl(path) {
  const url = new URL(path, location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  return url;
}

// Milliseconds: longer after each failure, and not the same for all pages.
export function pauseAfter(code, failures, { first, longest }) {
  const pause = code === CROWDED ? 30000 : Math.min(longest, first * 2 ** failures);
  return pause * (0.75 + Math.random() / 2);
}
