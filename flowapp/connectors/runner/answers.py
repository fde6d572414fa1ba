"""What an answer of a service means by its manifest: an error in the users' words, or named results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from flowapp.catalog import HttpResponse
from flowapp.catalog.http_answers import failed, is_unclear
from flowapp.catalog.manifests import Action, ErrorRule, Manifest
from flowapp.connectors.runner.filling import is_empty
from flowapp.errors import StepError
from flowapp.texts import say

_TOLD = 300  # characters of the service's own reason
_BUSY = 429


def at(value: object, path: str) -> object:
    """What stands at a dotted path; None where nothing does. The empty path is the value itself."""
    for part in path.split(".") if path else ():
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def check(manifest: Manifest, action: str, answer: HttpResponse, now: datetime) -> None:
    """StepError where a rule of the manifest fits, or the status is 400 or above. `action`: what was done, for people."""
    rule = next((rule for rule in manifest.errors if _fits(rule, answer)), None)
    if rule is None and answer.status < 400:
        return
    reason = reason_of(manifest, answer)
    if rule is not None and rule.message:
        message = say(rule.message, **_values(rule.message, answer, reason))
    elif reason:
        message = say(
            "%(service)s refused “%(action)s”: %(reason)s", service=manifest.label, action=action, reason=reason
        )
    else:
        message = say("%(service)s refused “%(action)s” (status %(status)s).", service=manifest.label, action=action,
                      status=str(answer.status))  # fmt: skip
    raise _error(answer, message, rule, now)


def _error(answer: HttpResponse, message: str, rule: ErrorRule | None, now: datetime) -> StepError:
    error = failed(answer, message, now)
    if answer.status < 400:  # the body says that it failed
        error.permanent = True
    if rule is not None and rule.retry is not None:
        error.permanent = not rule.retry
    elif is_unclear(answer) and not (rule and rule.message):
        error.details["sent"] = True
    if answer.status == _BUSY:
        error.details["busy"] = True
    return error


def _fits(rule: ErrorRule, answer: HttpResponse) -> bool:
    if rule.status and not any(_is_status(one, answer.status) for one in rule.status):
        return False
    return all(_is_value(wanted, at(answer.json, path)) for path, wanted in rule.body.items())


def _is_status(wanted: int | str, status: int) -> bool:
    return status == wanted if isinstance(wanted, int) else str(status)[0] == wanted[0]


def _is_value(wanted: object, found: object) -> bool:
    """A value, one of a list, or {exists: true}."""
    if isinstance(wanted, Mapping):
        return bool(wanted.get("exists")) != is_empty(found)
    return found in wanted if isinstance(wanted, list) else found == wanted


def reason_of(manifest: Manifest, answer: HttpResponse) -> str:
    """The service's own words, where its manifest says; else the beginning of a short text."""
    found = (at(answer.json, path) for path in manifest.reason)
    reason = next((str(value) for value in found if isinstance(value, str | int) and str(value)), "")
    if not reason and answer.json is None and "<" not in answer.text[:1]:
        reason = " ".join(answer.text.split())
    return reason[:_TOLD]


def _values(template: str, answer: HttpResponse, reason: str) -> dict[str, str]:
    """The values of a message: `reason`, `status`, or what stands at that name in the answer."""
    known: dict[str, object] = {"reason": reason, "status": answer.status}
    return {name: told(known.get(name, at(answer.json, name))) for name in names_in(template)}


def told(value: object) -> str:
    """A part of an answer inside a message."""
    return str(value or "")[:_TOLD]


def names_in(template: str) -> Iterable[str]:
    """The names of the values of a message."""
    return {part.partition(")")[0] for part in template.split("%(")[1:]}


def unread(service: str, action: str) -> StepError:
    """Something else answered, a proxy for instance: success cannot be told from failure."""
    message = say("The answer of %(service)s cannot be read, so it is not known whether “%(action)s” was done. Look there first.",
                  service=service, action=action)  # fmt: skip
    return StepError(message, permanent=True)


def odd(service: str, action: str, place: str) -> StepError:
    """The answer has another shape than the manifest says: nothing is as it should be there."""
    message = say(
        "The answer of %(service)s is of another shape than expected (see “%(place)s”), so it is not known whether “%(action)s” was done. Look there first.",
        service=service, place=place, action=action,
    )  # fmt: skip
    return StepError(message, permanent=True)


def reads_json(action: Action) -> bool:
    """Whether its results are parts of an answer's JSON."""
    return action.paging is not None or any(one.of_json and one.source for one in action.result)


def named_results(service: str, action: Action, answer: HttpResponse) -> dict[str, object]:
    """What later steps can use of an answer: parts of its body; $status, $text and $headers.name are parts of the answer.

    StepError where it is of another shape.
    """
    around = {"$status": answer.status, "$text": answer.text, "$headers": answer.headers}
    results = {one.name: at(answer.json if one.of_json else around, one.source) for one in action.result}
    for one in action.result:
        if one.of_json and not one.fits(results[one.name]):
            raise odd(service, action.label, one.source or one.name)
    return results


def entries_of(service: str, action: Action, answer: HttpResponse) -> list[object]:
    """The entries of a page of a list. StepError where there is no list."""
    place = action.paging.items if action.paging else ""
    page = at(answer.json, place)
    if page is None and action.result[0].optional:
        return []
    if not isinstance(page, list):
        raise odd(service, action.label, place)
    return page
