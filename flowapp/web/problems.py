"""Errors as answers: problem+json (RFC 9457) for clients, a page for people. No stack trace leaves the process."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, current_app, g, jsonify, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException

from flowapp.errors import BusyError, FlowError, InvalidError, StorageFullError, ThrottledError, UnauthenticatedError
from flowapp.extensions import db, login
from flowapp.logs import get_logger
from flowapp.models.away import is_away, is_taken
from flowapp.web.access import recognize
from flowapp.web.kept import shown_again, sign_in_page, to_carry
from flowapp.web.render import to_url, wants_fragment
from flowapp.web.texts import translated

log = get_logger(__name__)
# What Werkzeug says of these is neither in the reader's language nor in our words.
_WORDS = {
    404: (_l("Not found"), _l("There is no page at this address. It may have been moved or deleted.")),
    405: (_l("Not allowed"), _l("This address does not support this kind of request.")),
}
RETRY_AFTER = "5"  # seconds, where the database is away
_API = ("/api/", "/hooks/", "/ws/", "/openapi.json", "/metrics", "/healthz", "/readyz")


def wants_json() -> bool:
    """Clients of the API, and whoever prefers JSON, get problem+json."""
    if request.path.startswith(_API):
        return True
    if request.path.startswith("/resume/"):  # called by programs; a person's browser says that it wants a page
        return not any(kind == "text/html" for kind, _quality in request.accept_mimetypes)
    best = request.accept_mimetypes.best_match(["text/html", "application/json"], default="text/html")
    return best == "application/json"


def problem(status: int, title: str, detail: str, **more: object) -> Response:
    """An answer of type application/problem+json."""
    response = jsonify({"type": "about:blank", "title": title, "status": status, "detail": detail, **more})
    response.status_code = status
    response.mimetype = "application/problem+json"
    return response


def _answer(status: int, title: str, detail: str, *, away: bool = False, **more: Any) -> Response:
    if wants_json():
        return problem(status, title, detail, **more)
    if status < 500:
        recognize()  # the menu stays in sight
    if away:
        g._login_user = login.anonymous_user()  # noqa: SLF001 - Flask-Login's: each template would look the person up
    text = render_template("errors/error.html", status=status, title=title, detail=detail)
    return make_response(text, status)


def _flow_error(error: FlowError) -> Response:
    db.session.rollback()
    if isinstance(error, UnauthenticatedError) and not wants_json():
        if kept := to_carry():
            return _to_be_sent_again() if wants_fragment() else sign_in_page(kept)
        return to_url(url_for("login.show", next=request.full_path.rstrip("?") if request.method == "GET" else "/"))
    if isinstance(error, BusyError | StorageFullError):
        log.warning("refused", path=request.path, error=error.message)
    elif error.status >= 500:
        log.error("request failed", path=request.path, error=error.message, exc_info=error)
    more: dict[str, Any] = {}
    if isinstance(error, InvalidError):
        more["errors"] = [p.as_json() for p in error.problems]
    detail = error.message if wants_json() else translated(error.message)  # clients read English
    response = _answer(error.status, _(error.title), detail, **more)
    if isinstance(error, ThrottledError | BusyError):
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, UnauthenticatedError):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _http_error(error: HTTPException) -> Response:
    db.session.rollback()
    status = error.code or 500
    if status < 400:
        return make_response(error.get_response())
    elsewhere = _without_slash() if status == 404 else ""
    if elsewhere:
        return make_response(redirect(elsewhere, 308))
    title, detail = error.name, error.description or ""
    if isinstance(error, CSRFError) and not wants_json() and (again := shown_again(to_carry())):
        return _to_be_sent_again() if wants_fragment() else again
    if status in _WORDS and detail == type(error).description:
        title, detail = (str(text) for text in _WORDS[status])
    if isinstance(error, CSRFError):
        detail = _("This form has expired, or was opened in another session. Reload the page and send it again.")
    response = _answer(status, title, detail)
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after", "x-ratelimit-limit"):
            response.headers[name] = value
    return response


def _to_be_sent_again() -> Response:
    """htmx took the form's place: its script sends the whole page's form instead, which can lead to signing in."""
    return make_response("", 401, {"X-Send-Again": "form"})


def _without_slash() -> str:
    """The address of the page that was asked for with a slash too many; empty where there is none."""
    if request.method != "GET" or request.routing_exception is None or not request.path.endswith("/"):
        return ""
    try:
        endpoint, values = current_app.create_url_adapter(request).match(request.path.rstrip("/"))  # type: ignore[union-attr]
    except HTTPException:
        return ""
    query = urlencode(list(request.args.items(multi=True)))  # as arguments of url_for some names would say more
    return url_for(endpoint, **values) + (f"?{query}" if query else "")


def _database_error(error: DBAPIError | PoolTimeoutError) -> Response:
    """Values that no column can hold (a NUL character, a number too large) are the sender's; the rest is ours."""
    _forget()
    if type(error).__name__ == "DataError":
        return _answer(
            422,
            _("Invalid input"),
            _("A value cannot be stored: it is too long or contains a character that is not text."),
        )
    if is_taken(error):
        log.warning("somebody was faster", path=request.path, error=str(error).splitlines()[0])
        taken = _("Someone saved the same value at the same moment. Reload the page and try again.")
        return _answer(409, _("Conflict"), taken)
    away = is_away(error)
    log.error("database failed", path=request.path, error=str(error).splitlines()[0], exc_info=None if away else error)
    detail = _("The database is not responding right now. Try again in a moment.")
    response = _answer(503, _("Unavailable"), detail, away=away)
    response.headers["Retry-After"] = RETRY_AFTER
    return response


def _forget() -> None:
    """Lets go of what the session holds. Where the database is away it cannot be told, and has forgotten by itself."""
    try:
        db.session.rollback()
    except DBAPIError:
        db.session().invalidate()


def _unexpected(error: Exception) -> Response:
    db.session.rollback()
    log.error("unexpected error", path=request.path, exc_info=error)
    return _answer(
        500, _("Something went wrong"), _("This is an error in Flowapp, and it was logged. Try again, or go back.")
    )


def init_app(app: Flask) -> None:
    """Installs the handlers."""
    app.register_error_handler(FlowError, _flow_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(DBAPIError, _database_error)
    app.register_error_handler(PoolTimeoutError, _database_error)
    app.register_error_handler(Exception, _unexpected)
