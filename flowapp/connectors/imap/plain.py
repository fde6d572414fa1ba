"""HTML as plain text: for mails that have nothing else.

In one pass over the tags: html.parser takes time that grows with the square of what is wrongly written.
"""

from __future__ import annotations

import html
import re

_TAG = re.compile(r"<!--|-->|<[^<>]*>")
_NAME = re.compile(r"</?([A-Za-z0-9]{1,20})")
_UNSEEN = frozenset({"script", "style", "head", "title", "template"})
_BLOCKS = frozenset(
    {"p", "div", "br", "tr", "li", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "blockquote", "hr", "pre"}
)
_BLANKS = re.compile(r"\s+")
_AROUND = re.compile(r" ?\n ?")
_MANY = re.compile(r"\n{3,}")


def text_of_html(written: str) -> str:
    """What people see of it, in lines."""
    pieces: list[str] = []
    at, hidden_by = 0, ""  # the element, or comment, that is not shown
    for tag in _TAG.finditer(written):
        if not hidden_by:
            pieces.append(_BLANKS.sub(" ", written[at : tag.start()]))
        at = tag.end()
        named = _NAME.match(tag[0])
        name, ends = (named[1].lower(), tag[0][1] == "/") if named else (tag[0], tag[0] == "-->")
        if hidden_by:
            hidden_by = "" if name == hidden_by and ends else hidden_by
        elif name == "<!--":
            hidden_by = "-->"
        elif name in _UNSEEN and not ends:
            hidden_by = name
        elif name in _BLOCKS:
            pieces.append("\n")
    if not hidden_by:
        pieces.append(_BLANKS.sub(" ", written[at:]))
    text = _AROUND.sub("\n", html.unescape("".join(pieces)).replace("\xa0", " "))
    return _MANY.sub("\n\n", text).strip()
