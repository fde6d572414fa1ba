"""Which text encodings are read that others name, and how bytes become text, whoever sent them.

Those that are read are of texts, each in time linear in its bytes, and none that raises.

Python knows more: `punycode` and `idna` are slow, `undefined` always raises, `rot13` is no encoding.
"""

from __future__ import annotations

import codecs
import re

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

# In this order: UTF-32 (little-endian) begins as UTF-16 does. Python takes the marks off by itself for these names.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
# Whoever names the one writes the other (WHATWG, Encoding Standard, 4.2): the second knows all of the first.
_WIDER = {
    "iso8859-1": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874", "tis-620": "cp874", "shift_jis": "cp932",
    "gb2312": "gb18030", "gbk": "gb18030", "euc_kr": "cp949", "big5": "big5hkscs",
}  # fmt: skip
_WINDOWS = {at: char for at in range(0x80, 0xA0) if (char := bytes([at]).decode("cp1252", "ignore"))}
_CONTROLS = re.compile("[\0-\x08\x0e-\x1a\x1c-\x1f]")
_DECLARED = re.compile(
    rb"""\A\s{0,9}<\?xml[^>]{0,200}?encoding=["'](?P<xml>[A-Za-z0-9._:-]{1,40})["']"""
    rb"""|<meta[^>]{0,200}?charset=["']?(?P<html>[A-Za-z0-9._:-]{1,40})""",
    re.IGNORECASE,
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


def marked(data: bytes) -> str:
    """The encoding that a byte order mark names, which reads the mark as well; empty where there is none."""
    return _mark(data)[1]


def _mark(data: bytes) -> tuple[bytes, str]:
    return next((known for known in _MARKS if data.startswith(known[0])), (b"", ""))


def decoded(data: bytes, *names: str, whole: bool = True) -> str:
    """`data` as text: by its byte order mark, else in the first of these encodings that it is in, else as UTF-8, else as
    Windows-1252, which has a character for every byte. So nothing is lost, and nothing becomes U+FFFD.

    Where `data` is not `whole`, its last character may be cut.
    """
    mark, encoding = _mark(data)
    if encoding and (text := _strict(data, encoding, whole=whole)) is not None:
        return text
    data = data[len(mark) :]
    for name in (*names, "utf-8"):
        charset = known(name)
        charset = _WIDER.get(charset, charset)
        if charset and (text := _strict(data, charset, whole=whole)) is not None:
            return text
    return _windows(data)


def is_text(data: bytes, *names: str, whole: bool = True) -> bool:
    """Whether bytes of an unknown kind are text: in Unicode or in one of these encodings, without control characters."""
    has_mark = bool(marked(data))
    named = [charset for name in names if (charset := known(name))]
    found = has_mark or any(_strict(data, charset, whole=whole) is not None for charset in [*named, "utf-8"])
    return found and (has_mark or _CONTROLS.search(decoded(data[:4096], *names, whole=False)) is None)


def declared(data: bytes) -> str:
    """The encoding that an XML or HTML document names in its first 1,024 bytes; empty where it names none.

    One that could not have been read as it was (UTF-16, UTF-32) is no declaration.
    """
    declaration = _DECLARED.search(data[:1024])
    name = declaration[declaration.lastgroup or 0].decode("ascii") if declaration else ""
    return "" if known(name).startswith(("utf-16", "utf-32")) else name


def _strict(data: bytes, charset: str, *, whole: bool) -> str | None:
    try:
        return _windows(data) if charset == "cp1252" else codecs.getincrementaldecoder(charset)().decode(data, whole)
    except UnicodeError:
        return None


def _windows(data: bytes) -> str:
    return data.decode("latin-1").translate(_WINDOWS)
