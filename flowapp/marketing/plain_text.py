"""The text part of an e-mail that was written as HTML only."""

from __future__ import annotations

from html.parser import HTMLParser

_HIDDEN = frozenset({"head", "script", "style", "title"})
_BREAKS = frozenset(
    {"br", "div", "h1", "h2", "h3", "h4", "h5", "h6", "li", "p", "table", "tr", "ul", "ol", "blockquote"}
)
_APART = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "p", "table", "ul", "ol", "blockquote"})


class _Reader(HTMLParser):
    """Collects words; where an element of its own line begins or ends, a new line."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._hidden = 0
        self._links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HIDDEN:
            self._hidden += 1
        elif tag == "a":
            self._links.append((dict(attrs).get("href") or "", len(self.pieces)))
        elif tag in _BREAKS:
            self._break(tag)
            self.pieces += ["- "] if tag == "li" else []

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        elif tag == "a" and self._links:
            target, at = self._links.pop()
            shown = "".join(self.pieces[at:]).strip()
            if target and target.removeprefix("mailto:") != shown and not target.startswith("#"):
                self.pieces.append(f" ({target})")
        elif tag in _BREAKS and tag != "br":
            self._break(tag)

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            words = " ".join(data.split())
            self.pieces.append(
                f"{' ' if data[:1].isspace() else ''}{words}{' ' if words and data[-1:].isspace() else ''}"
            )

    def _break(self, tag: str) -> None:
        self.pieces.append("\n\n" if tag in _APART else "\n")


def text_of(html: str) -> str:
    """What a reader without HTML sees: words, lines, and where links lead."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines: list[str] = []
    for line in "".join(reader.pieces).split("\n"):
        words = " ".join(line.split())
        if words or (lines and lines[-1]):
            lines.append(words)
    return "\n".join(lines).strip()
