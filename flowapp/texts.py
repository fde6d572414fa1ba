"""Messages that can still be put into the reader's language, wherever they were made: in English, with their template.

`raise FlowError(say("There is no step “%(step)s”.", step=step_id))`: the message is English text, as the API, the log and
the database take it. `localized` says it in a language; pages take `web.texts.translated`, which knows the reader's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache, reduce
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, Self, TypedDict, TypeVar, cast

if TYPE_CHECKING:
    from babel.support import NullTranslations

Data = TypeVar("Data")
LANGUAGES = ("en", "fr")
_CATALOGUES = Path(__file__).parent / "translations"


class Text(str):
    """English, and what it was made of: `template` has gettext's placeholders, `%(name)s`, for the `values`.

    Values may be Texts themselves; what is neither text nor a whole number is kept as text. A whole number is written as a
    person writes it: 10,000. Without values the template is the text.
    """

    __slots__ = ("template", "values")

    template: str
    values: Mapping[str, object]

    def __new__(cls, template: str, values: Mapping[str, object] | None = None) -> Self:
        kept = {name: v if type(v) is int or isinstance(v, str) else str(v) for name, v in (values or {}).items()}
        shown = {name: f"{v:,}" if type(v) is int else v for name, v in kept.items()}
        text = super().__new__(cls, template % shown if shown else template)
        text.template, text.values = template, kept
        return text


class Parts(TypedDict):
    """What a message was made of, as JSON. A value that is a message itself is one of these."""

    template: str
    values: NotRequired[dict[str, object]]


def say(template: str, /, **values: object) -> Text:
    """A message for people. `make texts` finds the template here, and marked by N_ where it stands apart."""
    return Text(template, values)


def localized(message: str, language: str) -> str:
    """A message made by `say` in that language, its values too; any other message, or one without translation, as it is."""
    if not isinstance(message, Text) or language in ("", "en"):
        return message
    template = _catalogue(language).gettext(message.template) if message.template else ""
    values = {name: _localized_value(value, language) for name, value in message.values.items()}
    return template % values if values else template


def parts(message: str) -> Parts | None:
    """What is kept beside a message's English, so that it is `restored` for readers of any language. None of other text."""
    if not isinstance(message, Text):
        return None
    values = {name: parts(v) if isinstance(v, Text) else v for name, v in message.values.items()}
    return {"template": message.template, "values": values} if values else {"template": message.template}


def restored(english: str, made_of: Parts | None) -> str:
    """A message as it was when it was made; the text alone where its `parts` are not known, or are of another one."""
    if not made_of:
        return english
    text = _made(made_of)
    return text if text == english else english


def _made(made_of: Parts) -> Text:
    values = made_of.get("values", {})
    return Text(
        made_of["template"], {n: _made(cast(Parts, v)) if isinstance(v, dict) else v for n, v in values.items()}
    )


def mapped(message: str, change: Callable[[str], str]) -> str:
    """`change(message)`; still a message of the same template where changing each of its values gives the same."""
    whole = change(str(message))
    if not isinstance(message, Text):
        return whole
    if whole == message:
        return message
    values = {
        name: mapped(value, change) if isinstance(value, str) else value for name, value in message.values.items()
    }
    text = Text(message.template, values)
    return text if text == whole else whole


def localized_values(data: Data, language: str) -> Data:
    """JSON values with every message among them in that language: a definition that comes with the product, an answer."""
    return cast(Data, _localized_json(data, language))


def _localized_json(data: object, language: str) -> object:
    if isinstance(data, dict):
        return {key: _localized_json(value, language) for key, value in data.items()}
    if isinstance(data, list):
        return [_localized_json(value, language) for value in data]
    return localized(data, language) if isinstance(data, str) else data


def _localized_value(value: object, language: str) -> object:
    from babel.numbers import format_decimal  # a process that speaks English only does not load it

    if isinstance(value, str):
        return localized(value, language)
    return format_decimal(value, locale=language) if type(value) is int else value


_DECLARED: dict[str, dict[str, str]] = {}


def declare(language: str, english: str, text: str) -> None:
    """A text in a language that comes with what declares it (a connector's manifest), not from the catalogues."""
    _DECLARED.setdefault(language, {})[english] = text


def declared(language: str) -> NullTranslations:
    """What was declared in a language, also later on: what a catalogue falls back on."""
    from babel.support import NullTranslations

    class Declared(NullTranslations):
        """Looks among the declared texts."""

        def gettext(self, message: str) -> str:
            return _DECLARED.get(language, {}).get(message, message)

        ugettext = gettext

    return Declared()


@cache
def _catalogue(language: str) -> NullTranslations:
    from babel.support import Translations

    catalogue = Translations.load(_CATALOGUES, [language])
    catalogue.add_fallback(declared(language))
    return catalogue


# C0, DEL, C1 (where 9B alone begins a terminal's command), what else ends a line, what turns the direction of writing.
_UNSAFE = (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_ESCAPES = {code: f"\\u{code:04x}" for code in _UNSAFE} | {9: "\\t", 10: "\\n", 13: "\\r"}


def one_line(text: str) -> str:
    """Text for a terminal or a log, its control characters as in JSON: a name moves no cursor and begins no line."""
    return text.translate(_ESCAPES)


def join(separator: str, texts: Iterable[str]) -> Text:
    """The texts in a row, each of them still a Text where it was one."""
    values = {f"text{at}": text for at, text in enumerate(texts)}
    return Text(separator.join(f"%({name})s" for name in values), values)


def either(names: Iterable[str]) -> str:
    """“one or two or three” of at least one name."""
    return reduce(lambda one, other: say("%(one)s or %(other)s", one=one, other=other), names)


def labelled(label: str, text: str) -> str:
    """“label: text”, just the text without a label."""
    return say("%(label)s: %(value)s", label=label, value=text) if label else text
