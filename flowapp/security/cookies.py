"""Cookies that an answer sets on its way: kept while one call follows its redirects, and no longer (RFC 6265, 5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from urllib3.util import Url

MAX_COOKIES = 50  # of one call


@dataclass(frozen=True, slots=True)
class _Cookie:
    value: str
    secure: bool


class Cookies:
    """What the answers of one call have set, by the domain and the path that it is meant for."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, bool, str, str], _Cookie] = {}

    def keep(self, origin: Url, headers: Iterable[str]) -> None:
        """The Set-Cookie headers of an answer from `origin`. One for somebody else's domain is left out."""
        for header in headers:
            pair, *attributes = header.split(";")
            name, equals, value = (part.strip() for part in pair.partition("="))
            given = {key.strip().lower(): text.strip() for key, _, text in (a.partition("=") for a in attributes)}
            domain, host = given.get("domain", "").lstrip(".").lower(), (origin.host or "").lower()
            if not equals or not name or (domain and not _belongs(host, domain)):
                continue
            path = given.get("path", "")
            path = path if path.startswith("/") else _folder(origin.path or "/")
            key = (domain or host, bool(domain), path, name)
            self._kept.pop(key, None)
            if given.get("max-age", "1").lstrip("0")[:1] not in ("", "-") and len(self._kept) < MAX_COOKIES:
                self._kept[key] = _Cookie(value, "secure" in given)

    def header(self, target: Url, own: str = "") -> str:
        """The Cookie header for an address: the caller's `own` ones, and what was set for it, which wins."""
        host, path = (target.host or "").lower(), target.path or "/"
        sent = {
            name.strip(): value for name, _, value in (part.partition("=") for part in own.split(";")) if name.strip()
        }
        for (domain, wide, folder, name), cookie in self._kept.items():
            reaches = host == domain or (wide and _belongs(host, domain))
            if reaches and _under(path, folder) and (target.scheme == "https" or not cookie.secure):
                sent[name] = cookie.value
        return "; ".join(f"{name}={value}" for name, value in sent.items())


def _belongs(host: str, domain: str) -> bool:
    """Whether the host lies in the domain. A domain of one label is nobody's, nor is an address a domain."""
    return host == domain or ("." in domain and host.endswith(f".{domain}") and not host.replace(".", "").isdigit())


def _folder(path: str) -> str:
    return path[: path.rfind("/")] or "/"


def _under(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder if folder.endswith("/") else f"{folder}/")
