"""Which text encodings are read that others name: those of texts, each in time linear in its bytes, and none that raises.

Python knows more: `punycode` and `idna` are slow, `undefined` always raises, `rot13` is no encoding.
"""

from __future__ import annotations

import codecs

_READ = frozenset(
    [
        "utf-8",
        "utf-8-sig",
        "utf-16",
        "utf-16-le",
        "utf-16-be",
        "utf-32",
        "utf-32-le",
        "utf-32-be",
        "ascii",
        "big5",
        "big5hkscs",
        "gb2312",
        "gbk",
        "gb18030",
        "hz",
        "shift_jis",
        "cp932",
        "euc_jp",
        "iso2022_jp",
        "euc_kr",
        "cp949",
        "johab",
        "koi8-r",
        "koi8-u",
        "mac-roman",
        "mac-cyrillic",
        "cp437",
        "cp850",
        "cp852",
        "cp855",
        "cp866",
        "tis-620",
        "cp874",
        "cp1250",
        "cp1251",
        "cp1252",
        "cp1253",
        "cp1254",
        "cp1255",
        "cp1256",
        "cp1257",
        "cp1258",
        "iso8859-1",
        "iso8859-2",
        "iso8859-3",
        "iso8859-4",
        "iso8859-5",
        "iso8859-6",
        "iso8859-7",
        "iso8859-8",
        "iso8859-9",
        "iso8859-10",
        "iso8859-11",
        "iso8859-13",
        "iso8859-14",
        "iso8859-15",
        "iso8859-16",
    ]
)


def known(name: str) -> str:
    """The encoding of that name, as Python calls it; empty for one that is not read here."""
    if not 0 < len(name) <= 40 or not name.isascii():
        return ""
    try:
        charset = codecs.lookup(name).name
    except (LookupError, ValueError):
        return ""
    return charset if charset in _READ else ""


def decoded(data: bytes, name: str) -> str:
    """`data` as text, what does not fit as U+FFFD; as UTF-8 where the encoding is not read here."""
    return data.decode(known(name) or "utf-8", "replace")
