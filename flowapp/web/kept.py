"""What was typed into a form outlives the session: it is carried through signing in, and shown again.

Only forms of pages that edit something (they carry `_seen`), sent from a page of our own, without secrets. It is carried
in the pages themselves, signed, and is stored nowhere; it comes back to the form, which asks for nothing to be saved.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response, current_app, request
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, PasswordField

from flowapp.errors import NotFoundError
from flowapp.logs import is_secret_name
from flowapp.security import links
from flowapp.web.render import page, safe_next

_PURPOSE = "typed text"
_NOT_CARRIED = ("csrf_token", "_kept", "_theirs", "_sure", "_try")


class LoginForm(FlaskForm):  # type: ignore[misc]
    email = EmailField(_l("E-mail"), render_kw={"autocomplete": "username", "autofocus": True, "required": True})
    password = PasswordField(_l("Password"), render_kw={"autocomplete": "current-password", "required": True})
    remember = BooleanField(_l("Stay signed in for 14 days"), default=True)


def to_carry() -> str:
    """What was posted, as a page carries it; empty where it is no text of a form to be kept."""
    origin = request.headers.get("Origin") or request.headers.get("Referer") or ""
    if request.method != "POST" or "_seen" not in request.form or urlsplit(origin).netloc != request.host:
        return ""
    fields = [(name, text) for name, text in request.form.items(multi=True) if _is_carried(name)]
    return links.sign(str(current_app.secret_key), _PURPOSE, [request.path, fields])


def _is_carried(name: str) -> bool:
    return name not in _NOT_CARRIED and not any(is_secret_name(part) for part in name.split("-"))


def sign_in_page(kept: str) -> Response:
    """The sign-in form, which carries what was typed."""
    return page("public/login/show.html", form=LoginForm(formdata=None), kept=kept, status=401)


def shown_again(kept: str) -> Response | None:
    """A page that leads back to the form with what was typed; None where nothing is carried."""
    try:
        path, fields = links.read(str(current_app.secret_key), _PURPOSE, kept) if kept else ("", [])
    except NotFoundError:
        return None
    return page("public/login/kept.html", path=safe_next(path, "/"), fields=fields) if path else None
