"""No text outside the catalogues: every visible text in a template is marked, and every marked text is in French."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from jinja2 import Environment

TEMPLATES = sorted(Path("templates").rglob("*.html"))
KEYWORDS = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "lazy_gettext": None,
    "_l": None,
    "N_": None,
    "say": None,
    "pgettext": ((1, "c"), 2),
}
LETTERS = re.compile(r"[^\W\d_]{2,}")
ATTRIBUTE = re.compile(r"""\b(?:placeholder|title|aria-label|alt|data-confirm)\s*=\s*["']([^"'{<]*)""")
# Names and notations that are the same in every language.
SAME = re.compile(
    r"^(Flowapp|JSON|CSV|HTML|URL|API|POST|GET|HMAC|SMTP|English|Français|UTC|id|curl|Bearer|OpenAPI|cron)$"
)


def visible(source: str) -> Iterator[str]:
    """What a reader sees of a template: text and attributes outside of {{ }}, {% trans %}, comments, scripts, code."""
    source = re.sub(r"\{#.*?#\}", "", source, flags=re.DOTALL)
    source = re.sub(r"\{%-?\s*trans\b.*?\{%-?\s*endtrans\s*-?%\}", "", source, flags=re.DOTALL)
    source = re.sub(r"<(script|style|svg|code|kbd)\b.*?</\1>", "", source, flags=re.DOTALL)
    tokens = Environment(autoescape=True, extensions=["jinja2.ext.i18n"]).lex(source)
    text = "".join(
        value if kind == "data" else " \x00 "
        for _, kind, value in tokens
        if kind in ("data", "variable_begin", "block_begin")
    )
    for found in ATTRIBUTE.finditer(text):
        yield found.group(1)
    yield from re.sub(r"<[^>]*>", "\x00", text, flags=re.DOTALL).split("\x00")


@pytest.mark.parametrize("path", TEMPLATES, ids=str)
def test_every_visible_text_is_marked(path: Path) -> None:
    bare = {
        word
        for piece in visible(path.read_text(encoding="utf-8"))
        for word in LETTERS.findall(re.sub(r"&\w+;", " ", piece))
        if not SAME.match(word)
    }
    assert not bare, f"put these into _(): {sorted(bare)}"


@cache
def extracted() -> dict[str, str]:
    """Every marked text, with the place of its first use."""
    methods = [("flowapp/**.py", "python"), ("templates/**.html", "jinja2")]
    found: dict[str, str] = {}
    for file, line, message, _comments, _context in extract_from_dir(
        ".", methods, {"**.html": {"trimmed": "true"}}, KEYWORDS, directory_filter=lambda d: Path(d).name in (".", "flowapp", "templates") or ("node_modules" not in d and not Path(d).name.startswith(".")),
    ):  # fmt: skip
        first = message[0] if isinstance(message, tuple) else message
        found.setdefault(first, f"{file}:{line}")
    return found


@cache
def calls() -> list[ast.Call]:
    """Every call of say and N_ in the code."""
    return [
        node
        for path in Path("flowapp").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("say", "N_")
    ]


def template(call: ast.Call) -> str:
    """Empty where it does not stand in the call."""
    first = call.args[0]
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""


def test_every_message_is_found() -> None:
    """The extractor passes over a call of say inside another one."""
    texts = {template(call) for call in calls()} - {""}
    assert "Enter a number." in texts
    assert not texts - set(extracted())


def test_every_placeholder_has_its_value() -> None:
    """What is only said when something fails would fail itself."""
    holders = re.compile(r"%\((\w+)\)s")
    wrong = [
        template(call)
        for call in calls()
        if template(call) and all(keyword.arg for keyword in call.keywords) and isinstance(call.func, ast.Name)
        if call.func.id == "say" and set(holders.findall(template(call))) != {keyword.arg for keyword in call.keywords}
    ]
    assert not wrong


def test_french_is_complete() -> None:
    with Path("flowapp/translations/fr/LC_MESSAGES/messages.po").open("rb") as file:
        catalog = read_po(file, locale="fr")
    missing = {}
    for text, place in extracted().items():
        entry = catalog.get(text)
        strings = (entry.string if isinstance(entry.string, tuple) else (entry.string,)) if entry else ()
        if not strings or not all(strings) or "fuzzy" in entry.flags:
            missing[text] = place
    assert not missing, f"{len(missing)} texts are not in the French catalogue: {dict(list(missing.items())[:40])}"


def test_french_keeps_the_placeholders() -> None:
    with Path("flowapp/translations/fr/LC_MESSAGES/messages.po").open("rb") as file:
        catalog = read_po(file, locale="fr")
    holders = re.compile(r"%\((\w+)\)[sd]|\{(\w*)\}")
    for entry in catalog:
        if entry.id and entry.string:
            ids = entry.id if isinstance(entry.id, tuple) else (entry.id,)
            wanted = {m.group() for text in ids for m in holders.finditer(text)}
            for string in entry.string if isinstance(entry.string, tuple) else (entry.string,):
                assert {m.group() for m in holders.finditer(string)} <= wanted, entry.id
