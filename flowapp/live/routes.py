"""The sockets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast

from flask import current_app, g, request
from flask_sock import Sock
from simple_websocket import ConnectionClosed, Server
from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.exc import SQLAlchemyError

from flowapp.accounts.revocation import was_ended
from flowapp.errors import FlowError, InvalidError, NotFoundError, UnavailableError
from flowapp.extensions import db
from flowapp.live.execution import ExecutionFeed
from flowapp.live.hub import Hub
from flowapp.live.job import JobFeed
from flowapp.live.line import INTERNAL_ERROR, Feed, Line
from flowapp.live.monitor import MonitorFeed
from flowapp.live.notifications import NotificationsFeed
from flowapp.logs import get_logger
from flowapp.models import AccessToken, Member, User, read_id, utcnow
from flowapp.models.tenancy import system_session
from flowapp.security.roles import Role
from flowapp.web.access import Actor, access
from flowapp.web.sessions import session_id
from flowapp.web.texts import client_language

log = get_logger(__name__)


class LiveFeed(Feed, Protocol):
    """A feed that hears of news on a channel of the live bus."""

    channel: str


def install(sock: Sock) -> None:
    """Declares the routes; the trailing slash is optional."""
    for path, view in (
        ("/ws/automation/execution/<execution_id>/", watch_execution),
        ("/ws/automation/monitor/", watch_monitor),
        ("/ws/automation/job/<job_id>/", watch_job),
        ("/ws/automation/notifications/", watch_notifications),
    ):
        sock.route(path, strict_slashes=False)(view)


@access(Role.VIEWER)
def watch_execution(ws: Server, execution_id: str) -> None:
    """initial_state, step_started, step_completed, step_failed, log, execution_completed; takes get_logs."""
    known, language = read_id(execution_id), client_language()

    def feed() -> LiveFeed:
        if known is None:
            raise NotFoundError("There is no such execution.")
        return ExecutionFeed(db.engine, g.organization.id, known, _after(), language)

    _serve(ws, feed)


@access(Role.VIEWER)
def watch_monitor(ws: Server) -> None:
    """initial_stats, execution_started, execution_completed; takes get_stats."""
    _serve(ws, lambda: MonitorFeed(db.engine, g.organization.id, _after(), client_language()))


@access(Role.VIEWER)
def watch_job(ws: Server, job_id: str) -> None:
    """initial_state, job_progress."""
    known, language = read_id(job_id), client_language()

    def feed() -> LiveFeed:
        if known is None:
            raise NotFoundError("There is no such job.")
        return JobFeed(db.engine, g.organization.id, known, language)

    _serve(ws, feed)


@access(Role.VIEWER)
def watch_notifications(ws: Server) -> None:
    """initial_state, notifications: how many of the member's are unread."""
    _serve(ws, lambda: NotificationsFeed(db.engine, g.organization.id, g.actor.user.id))


def _after() -> int | None:
    text = request.args.get("after", "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 16:
        raise InvalidError.at("after", "Give the seq of the last message that you know.")
    return int(text)


def _serve(ws: Server, make: Callable[[], LiveFeed]) -> None:
    """Joins the bus first and reads the database second, so that nothing falls in between."""
    hub = cast(Hub, current_app.extensions["live"])
    line = Line(ws, _still_allowed(g.actor, g.organization.id), g.organization.id, g.actor.user.id)
    feed: LiveFeed | None = None
    try:
        feed = make()
        hub.join(feed.channel, line)
        line.serve(feed)
    except FlowError as error:
        line.refuse(error, feed.seq if feed else 0)
    except SQLAlchemyError as error:
        log.warning("database does not respond, the socket is closed", error=str(error))
        line.refuse(UnavailableError("The database is not responding. Try again in a minute."))
    except (ConnectionClosed, OSError):
        pass  # the client went away
    except Exception:
        # An answer in HTTP would be garbage in this connection.
        log.exception("socket failed")
        line.close(INTERNAL_ERROR, "Something went wrong on our side.")
    finally:
        if feed is not None:
            hub.leave(feed.channel, line)
        line.cut()


def _still_allowed(actor: Actor, organization_id: str) -> Callable[[], bool]:
    """A socket stays open for hours: who loses the membership, the token or the session meanwhile loses it too."""
    user_id, epoch, token_id, engine = actor.user.id, actor.user.session_epoch, actor.token_id, db.engine
    member = exists().where(Member.user_id == user_id, Member.organization_id == organization_id)
    proof: ColumnElement[bool]
    if token_id is None:
        proof = exists().where(User.id == user_id, User.session_epoch == epoch)
        if (known := session_id()) is not None:
            proof = proof & ~was_ended(known)
    else:
        proof = exists().where(AccessToken.id == token_id, AccessToken.revoked_at.is_(None))

    def ask() -> bool:
        with system_session(engine) as system:
            if not system.scalar(select(member & proof)):
                return False
            expires = system.scalar(select(AccessToken.expires_at).where(AccessToken.id == token_id))
            return expires is None or expires > utcnow()

    return ask
