"""What services that take e-mails over HTTP have in common: size, errors in words, and what nobody can know."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import Unpack

from flowapp.catalog import Email, Http, HttpResponse, SentMail
from flowapp.catalog.http_answers import failed, is_unclear
from flowapp.catalog.outgoing import HttpOptions
from flowapp.connectors.email.parts import Parts, parts_of, too_large
from flowapp.connectors.runner.service import uncertain
from flowapp.errors import StepError
from flowapp.texts import say

WITHIN = 30.0  # seconds of one call
MB = 10**6
_TOLD = 300  # characters of the service's own reason


class ApiMail(ABC):
    """Implements `catalog.Mailer` on one service. `most`: bytes that it takes of an e-mail with its attachments."""

    label: str
    most: int

    def __init__(self, http: Http, origin: str, key: str, sender: str) -> None:
        self.http, self.origin, self.key, self.sender = http, origin, key, sender

    @abstractmethod
    def check(self) -> str:
        """Asks for a sign of life without sending anything; what the person reads. StepError says what is wrong."""

    @abstractmethod
    def hand_over(self, parts: Parts, timeout: float) -> str:
        """Sends; the service's id of the e-mail."""

    @abstractmethod
    def reason(self, answer: HttpResponse) -> str:
        """The service's own words in an answer that is an error."""

    def send(self, email: Email, *, integration: str | None = None, timeout: float = WITHIN) -> SentMail:  # noqa: ARG002 - one service is known here
        """Hands the e-mail over within `timeout` seconds. StepError as `SmtpMail.send`."""
        parts = parts_of(email, self.sender)
        if not parts.to:
            words = say("%(service)s needs at least one address in “to”.", service=self.label)
            raise StepError(words, permanent=True)
        if parts.size > self.most:
            raise too_large(parts.size, self.most, self.label)
        try:
            return SentMail(self.hand_over(parts, timeout))
        except StepError as error:
            raise uncertain(error, "once") from error

    def ask(self, method: str, path: str, *, expected: int = 0, **how: Unpack[HttpOptions]) -> HttpResponse:
        """A call. StepError where it is refused, unless with the status that is expected."""
        if not self.key:
            raise StepError(say("There is no API key. Open the integration and enter it."), permanent=True)
        answer = self.http.request(method, f"{self.origin}{path}", **how)
        if answer.status >= 400 and answer.status != expected:
            raise self.refused(answer)
        return answer

    def refused(self, answer: HttpResponse) -> StepError:
        """The error of an answer, with the service's own reason."""
        reason = self.reason(answer)[:_TOLD] or say("status %(status)s", status=str(answer.status))
        message = say("%(service)s refused the e-mail: %(reason)s", service=self.label, reason=reason)
        if answer.status == 401:
            message = say("%(service)s refused the API key: %(reason)s", service=self.label, reason=reason)
        error = failed(answer, message, datetime.now(UTC))
        if answer.status == 429:  # it has no time: the attempt does not count
            error.details["busy"] = True
        if is_unclear(answer):
            error.details["sent"] = True
        return error
