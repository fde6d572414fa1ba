"""A page's edit of something that others may change meanwhile.

The page carries what it showed (`_seen`). When it is saved, that, what was typed and what is stored now are merged: a
field that only the others changed is taken over, and where both changed the same field, the page shows both texts and
asks. Pages draw it with `edits.guard(edit)` of components/edits.html.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import reduce

from flask import current_app, flash, request
from flask_babel import gettext as _
from itsdangerous import BadData, URLSafeSerializer

from flowapp.texts import labelled
from flowapp.web.edits.merge import Conflict, Path, merge
from flowapp.web.texts import translated

Values = Mapping[str, object]
_APART = "/"  # between the parts of a path, in the page
_MARK = "secret:"


@dataclass(frozen=True, slots=True)
class Question:
    """A field that both changed, as the page shows it."""

    path: str
    label: str
    mine: str
    theirs: str


class Edit:
    """`stored` is what is stored now, as the form of the page reads it; `label` names the field at a path.

    `seen` is what the page showed: the form of what was posted is made of it.
    """

    def __init__(self, stored: Values, label: Callable[[Path], str], inside: Collection[str] = ()) -> None:
        self.stored, self.label, self.inside = stored, label, inside
        posted = request.form if request.method == "POST" else None
        self.seen: Values = stored if posted is None else _read(posted.get("_seen", ""), stored)
        self.questions: list[Question] = []
        self._taken: list[Path] = []

    @property
    def seen_text(self) -> str:
        """What the page showed, for the page to carry."""
        return str(_signer().dumps(dict(self.seen)))

    def merge(self, mine: Values) -> dict[str, object]:
        """What was typed, with what the others changed. It can be stored where there are no `questions`.

        From then on the page has shown what is stored: saving again keeps what is typed.
        """
        found = merge(self.seen, mine, self.stored, self.inside)
        conflicts = {conflict.path: conflict for conflict in found.conflicts}
        if "_theirs" in request.form:
            asked = [_path(text) for text in request.form.getlist("_asked")]
            conflicts = {p: Conflict(p, _at(found.value, p), _at(self.stored, p)) for p in asked} | conflicts
            chosen = conflicts.pop(_path(request.form["_theirs"]), None)
            if chosen:
                _put(found.value, chosen.path, chosen.theirs)
        self.questions = [self._question(conflict) for conflict in conflicts.values()]
        self._taken = found.taken
        if self.asks:
            self.seen = self.stored
        return found.value

    @property
    def asks(self) -> bool:
        """Whether the page has to be shown again before anything is stored."""
        return bool(self.questions) or "_theirs" in request.form

    @property
    def status(self) -> int:
        """Of the page that is shown again."""
        return 422 if self.questions else 200

    def tell(self) -> None:
        """Says, after saving, what others changed meanwhile."""
        if self._taken:
            fields = ", ".join(dict.fromkeys(self.label(path) for path in self._taken))
            flash(_("Changes that someone else made in the meantime were kept: %(fields)s.", fields=fields), "info")

    def _question(self, conflict: Conflict) -> Question:
        label = self.label(conflict.path)
        return Question(_APART.join(conflict.path), label, in_words(conflict.mine), in_words(conflict.theirs))


def part(values: Values, name: str) -> Values:
    """A part of the values that holds fields itself; empty where there is none."""
    found = values.get(name)
    return found if isinstance(found, Mapping) else {}


def mark_of(secret: object) -> str:
    """What stands for a secret in a page: says nothing of it, but is another one for another secret."""
    key = str(current_app.secret_key).encode()
    return _MARK + hmac.new(key, json.dumps(secret).encode(), "sha256").hexdigest()


def labels(texts: Mapping[str, str]) -> Callable[[Path], str]:
    """Names fields by their names in a form; rows by their key."""
    return lambda path: translated(reduce(labelled, (texts.get(part, part) for part in path)))


def deleted_elsewhere() -> str:
    """Above the form of what is gone: it is sent to where a new one is made."""
    return str(_("This was deleted in the meantime. What you typed is still here: save it to create it again."))


def at_the_same_moment() -> str:
    """Where the database refused a save because another one came between reading and writing."""
    return str(_("Someone else saved at the same moment. Save again to combine their changes with yours."))


def in_words(value: object) -> str:
    """A value as text to read."""
    if value is None or value == "":
        return str(_("(empty)"))
    if isinstance(value, bool):
        return str(_("Yes") if value else _("No"))
    if isinstance(value, str) and value.startswith(_MARK):
        return str(_("(a secret)"))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


def _read(text: str, stored: Values) -> Values:
    """What the page carries; a page that carries nothing has seen what is stored.

    It is signed, so that a form can take it for what was stored; where that does not hold, nothing was seen.
    """
    try:
        seen: Values = _signer().loads(text) if text else stored
    except BadData:
        return {}
    return seen


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(str(current_app.secret_key), salt="seen by a page")


def _path(text: str) -> Path:
    return tuple(text.split(_APART))


def _at(value: object, path: Path) -> object:
    """What stands at a path; None where nothing does."""
    for part in path:
        if isinstance(value, list):
            value = next((row for row in value if isinstance(row, Mapping) and row.get("key") == part), None)
        else:
            value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _put(values: dict[str, object], path: Path, value: object) -> None:
    """Sets what stands at a path; a row that is None is taken out."""
    holder = _at(values, path[:-1])
    if isinstance(holder, dict):
        holder[path[-1]] = value
    elif isinstance(holder, list):
        at = next((at for at, row in enumerate(holder) if row.get("key") == path[-1]), len(holder))
        holder[at : at + 1] = [] if value is None else [value]
