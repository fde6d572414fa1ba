"""The text part of an e-mail that was written as HTML only.

Read tag by tag, whatever is half written: each look ahead ends where the last one stopped, or at the end, so that the time
grows with the length alone. HTML parsers take seconds over some texts of this size.
"""

from __future__ import annotations

import re
from html import unescape

_HIDDEN = {
    "script": re.compile(r"</script", re.IGNORECASE),
    "style": re.compile(r"</style", re.IGNORECASE),
    "title": re.compile(r"</title", re.IGNORECASE),
}
_APART = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "p", "table", "ul", "ol", "blockquote"})
_LINES = frozenset({"br", "div", "li", "tr"})
_NAME = re.compile(r"/?[A-Za-z][A-Za-z0-9]*")
_HREF = re.compile(r"""\shref\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+)""", re.IGNORECASE)
_SHOWN = ("http:", "https:", "mailto:", "tel:")


class _Text:
    """What was read so far; `link` is the target of the link that is open, with the place where its words begin."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.link: tuple[str, int] = ("", 0)

    def words(self, data: str) -> None:
        read = unescape(data)
        inner = " ".join(read.split())
        self.pieces.append(f"{' ' if read[:1].isspace() else ''}{inner}{' ' if inner and read[-1:].isspace() else ''}")

    def tag(self, name: str, rest: str) -> None:
        plain = name.removeprefix("/")
        if plain in _APART or plain in _LINES:
            self.pieces.append("\n\n" if plain in _APART else "" if name in ("/br", "/li") else "\n")
            self.pieces += ["- "] if name == "li" else []
        elif name == "a":
            found = _HREF.search(rest)
            self.link = (unescape(found[1].strip("\"'")).strip() if found else "", len(self.pieces))
        elif name == "/a":
            (target, at), self.link = self.link, ("", 0)
            shown = "".join(self.pieces[at:]).strip() if target else ""
            if target.lower().startswith(_SHOWN) and target.removeprefix("mailto:") != shown:
                self.pieces.append(f" ({target})")


def text_of(html: str) -> str:
    """What a reader without HTML sees: words, lines, and where links lead."""
    text, at = _Text(), 0
    while (begin := html.find("<", at)) >= 0:
        text.words(html[at:begin])
        at = _read_tag(html, begin, text)
    text.words(html[at:])
    lines: list[str] = []
    for line in "".join(text.pieces).split("\n"):
        words = " ".join(line.split())
        if words or (lines and lines[-1]):
            lines.append(words)
    return "\n".join(lines).strip()


def _read_tag(html: str, begin: int, text: _Text) -> int:
    """Takes in what begins with an angle, and gives where it ends."""
    if html.startswith("<!--", begin):
        end = html.find("-->", begin)
        return len(html) if end < 0 else end + 3
    named = _NAME.match(html, begin + 1)
    if named is None and html[begin + 1 : begin + 2] not in ("!", "?", "/"):
        text.pieces.append("<")  # one that stands for itself: a < b
        return begin + 1
    end = html.find(">", begin)
    if named is None or end < 0:
        return len(html) if end < 0 else end + 1
    name = named[0].lower()
    if name in _HIDDEN:
        hidden = _HIDDEN[name].search(html, end)
        return hidden.start() if hidden else len(html)
    text.tag(name, html[named.end() : end])
    return end + 1
