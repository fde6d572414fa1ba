"""Senders of webhooks who do what good senders do: repeat a delivery under its id until it is accepted with a 202."""

from __future__ import annotations

import http.client
import queue
import threading
import urllib.error
from typing import Any

from tests.faults.site import Flow, Site
from tests.support.processes import wait_until

_PAUSE = 0.1  # between two tries of one delivery
_AWAY = (OSError, urllib.error.URLError, http.client.HTTPException, ValueError)


class Feeder:
    """Delivers numbers from a few threads. `accepted` is number to execution; `refusals` are answers other than 202."""

    def __init__(self, site: Site, flow: Flow, threads: int = 4, *, patient: bool = True) -> None:
        self.site, self.flow, self.patient = site, flow, patient
        self.accepted: dict[int, str] = {}
        self.refusals: list[int] = []
        self.asked = 0
        self._tried: list[int] = []
        self._numbers: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def add(self, count: int, body: dict[str, Any] | None = None) -> None:
        """Delivers the next `count` numbers, soon."""
        self.body = body or {}
        for _ in range(count):
            self._numbers.put(self.asked)
            self.asked += 1

    def finish(self, seconds: float = 60) -> dict[int, str]:
        """What was accepted, once every number has been tried."""
        try:
            wait_until(lambda: len(self._tried) == self.asked, seconds, "not every delivery was accepted")
        finally:
            self.close()
        return self.accepted

    def close(self) -> None:
        """Lets go of what was not accepted."""
        self._stop.set()
        for _ in self._threads:
            self._numbers.put(None)
        for thread in self._threads:
            thread.join(40)

    def _run(self) -> None:
        while (number := self._numbers.get()) is not None and not self._stop.is_set():
            while not self._deliver(number) and self.patient and not self._stop.wait(_PAUSE):
                pass
            self._tried.append(number)

    def _deliver(self, number: int) -> bool:
        try:
            body = {"n": number, **self.body}
            answer = self.site.call("POST", self.flow.hook, body, **{"Idempotency-Key": f"delivery-{number}"})
        except urllib.error.HTTPError as error:
            with error:
                self.refusals.append(error.code)
            return False
        except _AWAY:
            return False
        self.accepted[number] = answer["execution_id"]
        return True
