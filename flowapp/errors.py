"""The one tree of errors.

Every error that Flowapp raises on purpose is a `FlowError`. The web layer turns it into a page or a
problem+json answer with `status`; the engine turns a `StepError` into a failed attempt. `message` is always
written for the person who reads it: it names what is wrong and what to do. Made by `texts.say`, it is English that a
page can still put into the reader's language.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flowapp.texts import join, labelled, say


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: `path` is dotted (`steps.0.params.url`), `message` names the remedy."""

    path: str
    message: str
    step_id: str | None = None
    code: str = "invalid"

    def as_json(self) -> dict[str, Any]:
        return {"path": self.path, "message": self.message, "step_id": self.step_id, "code": self.code}


class FlowError(Exception):
    """Base of the tree. `status` is the HTTP status that the web layer answers with."""

    status = 500
    title = say("Something went wrong")

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConfigError(FlowError):
    """A setting that cannot be used; raised at start-up."""

    title = say("Invalid setting")


class InvalidError(FlowError):
    """Input that cannot be accepted. Carries every problem found, each with its field's path."""

    status = 422
    title = say("Invalid input")

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(join("; ", (labelled(problem.path, problem.message) for problem in problems)))
        self.problems = problems

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.problems,)  # it may come out of another process

    @classmethod
    def at(cls, path: str, message: str, code: str = "invalid") -> InvalidError:
        """One problem at one field."""
        return cls([Problem(path, message, code=code)])


class UnknownReferenceError(InvalidError):
    """Input of the right shape that names something which is not there: a contact, a page of a list."""

    status = 404
    title = say("Not found")

    @classmethod
    def at(cls, path: str, message: str, code: str = "unknown") -> InvalidError:
        """One reference at one field."""
        return super().at(path, message, code)


class UnreadableError(InvalidError):
    """A value that cannot be read as the number, date or yes/no that is wanted there."""

    title = say("Value not understood")

    @classmethod
    def of(cls, message: str) -> UnreadableError:
        """Whoever asked for the value names the field."""
        return cls([Problem("", message, code="value")])

    @property
    def reason(self) -> str:
        """What is wrong and what to write instead."""
        return self.problems[0].message


class UnsuitableError(InvalidError):
    """Input of the right shape that does not fit what there is: an address that is taken, nothing to do."""

    status = 409
    title = say("Conflict")


class NotFoundError(FlowError):
    """No such row, or somebody else's: both look the same from outside."""

    status = 404
    title = say("Not found")


class UnknownIdError(NotFoundError):
    """An id that was typed names nothing: nothing was tried."""


class ConflictError(FlowError):
    """The row is in a state that does not allow this."""

    status = 409
    title = say("Conflict")


class StaleError(FlowError):
    """The row was changed since it was read (If-Match, or a lost lease)."""

    status = 412
    title = say("Changed in the meantime")


class ForbiddenError(FlowError):
    """The member's role does not allow this."""

    status = 403
    title = say("Not allowed")


class UnauthenticatedError(FlowError):
    """Nobody is signed in, or the token is unknown or has expired."""

    status = 401
    title = say("Sign-in required")


class TooLargeError(FlowError):
    """A body or value over its limit."""

    status = 413
    title = say("Too large")


class UnsupportedMediaError(FlowError):
    """A content type that is not read here."""

    status = 415
    title = say("Unsupported content type")


class MalformedError(FlowError):
    """A body that is not what its content type says."""

    status = 400
    title = say("Malformed body")


class ThrottledError(FlowError):
    """Too many attempts; try again after `retry_after` seconds."""

    status = 429
    title = say("Too many attempts")

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnavailableError(FlowError):
    """A service that is needed (database, Redis) does not answer."""

    status = 503
    title = say("Unavailable")


class StorageFullError(FlowError):
    """An organization's executions take as much space as they may: none begins."""

    status = 507
    title = say("Storage full")


class BusyError(UnavailableError):
    """As much of this as the process takes on is under way already; try again after `retry_after` seconds."""

    title = say("Busy")

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ExpressionError(FlowError):
    """An expression that does not parse, names a missing field, or exceeds its budget."""

    status = 422
    title = say("Invalid expression")


class MissingFieldError(ExpressionError):
    """An expression names a field that is not there; `suggestion` is the nearest name, if any."""

    def __init__(self, message: str, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.suggestion = suggestion


class StepError(FlowError):
    """An attempt of a step failed. `permanent` says that trying again cannot help; the engine alone decides."""

    title = say("Step failed")

    def __init__(self, message: str, *, permanent: bool = False, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.details = details or {}


class EgressError(StepError):
    """An outgoing call to an address that is not allowed (private, loopback, metadata)."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


class FencedError(FlowError):
    """This worker lost its lease: another one runs the execution now, nothing more may be written."""

    title = say("Lease lost")
