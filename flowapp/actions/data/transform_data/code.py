"""Operations that write text in another way: base64 and hashes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re

from flowapp.actions.data.transform_data.base import Work, text_of
from flowapp.actions.data.transform_data.declared import Family
from flowapp.actions.data.transform_data.options import Options
from flowapp.catalog import N_
from flowapp.catalog.rows import Example
from flowapp.errors import StepError
from flowapp.texts import say

BASE64 = Family(N_("Read or write base64"), N_("Writes text as base64, or reads it."), "coding")
HASH = Family(N_("Hash"), N_("Makes a fingerprint of text (a hash), also signed with a key (HMAC)."), "algorithm")
HALF = re.compile("[\ud800-\udfff]")


@BASE64.add(
    "encode",
    N_("Encode"),
    help=N_("Writes text as base64."),
    example=Example({"text": "Ann"}, {"field": "text"}, {"text": "QW5u"}),
)
def _encode(value: object, _operation: Options, work: Work) -> str:
    return base64.b64encode(_bytes(value, work)).decode("ascii")


@BASE64.add(
    "decode",
    N_("Decode"),
    help=N_("Reads text that was written as base64."),
    example=Example({"text": "QW5u"}, {"field": "text"}, {"text": "Ann"}),
)
def _decode(value: object, _operation: Options, work: Work) -> str:
    """Also of the alphabet for web addresses, and without the signs at the end."""
    text = re.sub(r"\s", "", text_of(value, work)).rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode("utf-8")
    except UnicodeDecodeError:
        raise StepError(say("The decoded base64 is not text (UTF-8).")) from None
    except (binascii.Error, ValueError):
        raise StepError(
            say(
                "This is not base64, which consists of the letters A to Z and a to z, digits, + and /, with = at the end."
            )
        ) from None


def _bytes(value: object, work: Work) -> bytes:
    text = text_of(value, work)
    if HALF.search(text):
        raise StepError(say("The text contains half a character (an unpaired surrogate)."))
    return text.encode()


def _digest(algorithm: str, hashed: str, signed: str) -> None:
    """Declares both ways with what they make of “Ann”, signed with the key “secret”."""
    written = algorithm.upper().replace("SHA", "SHA-")

    @HASH.add(algorithm, written, example=Example("Ann", {}, hashed))
    def _hash(value: object, _operation: Options, work: Work) -> str:
        return hashlib.new(algorithm, _bytes(value, work), usedforsecurity=False).hexdigest()

    @HASH.add(f"hmac_{algorithm}", f"HMAC {written}", example=Example("Ann", {}, signed))
    def _hmac(value: object, _operation: Options, work: Work) -> str:
        if not work.key:
            raise StepError(say("HMAC needs a key: fill in “HMAC key” of this step."))
        return hmac.new(work.key.encode(), _bytes(value, work), algorithm).hexdigest()


_digest(
    "sha256",
    "17239b6e250110330eda64a29c610bf146f89883371fab093feda03bec61b646",
    "e8c374fb91da51092da226fd802660a97999e0961165c7334351254d0dcbb3c2",
)
_digest("sha1", "219dc550cd320d69885a529524239d875ad19347", "fc463c32043621eb1d5df70378e024ef51b1ca7b")
_digest("md5", "82e335f7ac0e0e412b2ae15abe662110", "73c6ff843e683f998a12fa2b191db92d")
_digest(
    "sha512",
    "3c11bcaa206c74850f1c42a79479533903039f364da04452c72bb2120ac360a5"
    "d41cc705107a77062c4aae6e0af7d19434163898f13168013b6c1576fc6df169",
    "f759c96c709dd4469cbe5446ffa8f050486590042f92ae5feb6cc59be5970ad9"
    "90178c856961edf9849d0ee1b396f97680f5f3bcde7cfda3e5332854a554bc11",
)
