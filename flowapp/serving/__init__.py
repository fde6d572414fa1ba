"""How gunicorn reads: a request reaches the application once all of it is there, and who sends it slowly holds no thread.

`threads` stands in for gunicorn's worker class gthread, `greenlets` for gevent; gunicorn.conf.py puts them in place,
whichever way the class was chosen (`-k gevent`).
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from gunicorn import util

from flowapp.serving.answers import write_error

_PATIENT = {
    "gunicorn.workers.gthread.ThreadWorker": ("flowapp.serving.threads", "Worker"),
    "gunicorn.workers.ggevent.GeventWorker": ("flowapp.serving.greenlets", "Worker"),
}


def use_patient_workers(arbiter: Any) -> None:
    """Replaces the arbiter's worker class; where gunicorn itself ends TLS, it reads as gunicorn does.

    What gunicorn refuses by itself is answered in our form, whoever reads.
    """
    util.write_error = write_error
    given = arbiter.worker_class
    patient = _PATIENT.get(f"{given.__module__}.{given.__qualname__}")
    if patient and not arbiter.cfg.is_ssl:
        arbiter.worker_class = getattr(import_module(patient[0]), patient[1])
