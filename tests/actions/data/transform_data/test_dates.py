"""transform_data: dates. Now is Saturday 2025-10-18 10:30 UTC."""

from __future__ import annotations

import pytest


def change(run, value, way, **params):
    return run("transform_data", value, operations=[{"op": "date", "date": way, **params}]).result


@pytest.mark.parametrize(
    ("text", "params", "result"),
    [
        ("18/10/2025", {"language": "fr"}, "2025-10-18"),
        ("1/2/2025", {"language": "fr"}, "2025-02-01"),
        ("18/10/2025 09:30", {"language": "fr", "timezone": "Europe/Paris"}, "2025-10-18T09:30:00+02:00"),
        ("18 octobre 2025", {"language": "fr"}, "2025-10-18"),
        ("1 Août 2025", {"language": "fr"}, "2025-08-01"),
        ("3 févr. 2025", {"language": "fr", "format": "%d %b %Y"}, "2025-02-03"),
        ("18 October 2025", {}, "2025-10-18"),
        ("Oct 18, 2025", {}, "2025-10-18"),
        ("2025-10-18", {}, "2025-10-18"),
        ("2025-10-18T09:30:00Z", {"timezone": "Europe/Paris"}, "2025-10-18T11:30:00+02:00"),
        ("10/18/2025", {"format": "mm/dd/yyyy"}, "2025-10-18"),
        ("18.10.25", {"format": "dd.mm.yy"}, "2025-10-18"),
        ("18/10/2025 09h05", {"format": "jj/mm/aaaa HHhmm"}, "2025-10-18T09:05:00+00:00"),
        ("20251018T0930", {"format": "%Y%m%dT%H%M"}, "2025-10-18T09:30:00+00:00"),
        (1760783400, {"format": "unix"}, "2025-10-18T10:30:00+00:00"),
        ("29/02/2024", {"language": "fr"}, "2024-02-29"),
    ],
)
def test_parse(run, text, params, result) -> None:
    assert change(run, text, "parse", **params) == result


@pytest.mark.parametrize(
    ("value", "way", "params", "result"),
    [
        ("2025-10-18", "format", {}, "2025-10-18"),
        ("2025-10-18", "format", {"language": "fr"}, "18/10/2025"),
        ("2025-10-18T09:05:07Z", "format", {"format": "dd/mm/yyyy HH:mm:ss"}, "18/10/2025 09:05:07"),
        ("2025-10-18T23:30:00Z", "format", {"format": "dd/mm HH:mm", "timezone": "Europe/Paris"}, "19/10 01:30"),
        ("2025-10-18", "format", {"format": "%A %-d %B %Y", "language": "fr"}, "samedi 18 octobre 2025"),
        ("2025-10-18", "add", {"by": "+3 days"}, "2025-10-21"),
        ("2025-01-31", "add", {"by": "1 month"}, "2025-02-28"),
        ("2025-10-18", "add", {"by": "-2 weeks"}, "2025-10-04"),
        ("2025-10-25T12:00:00", "add", {"by": "+1 day", "timezone": "Europe/Paris"}, "2025-10-26T12:00:00+01:00"),
        ("2025-10-18T09:00:00Z", "add", {"by": "90 minutes"}, "2025-10-18T10:30:00+00:00"),
        ("2025-10-17", "add", {"by": "+1 business day"}, "2025-10-20"),
        ("2025-10-21", "difference", {"since": "2025-10-18"}, 3),
        ("2025-10-11", "difference", {"since": "2025-10-18", "unit": "weeks"}, -1),
        ("2025-10-18T12:00:00Z", "difference", {"unit": "hours"}, 1.5),
        ("2025-10-18T10:30:30Z", "difference", {"unit": "seconds", "since": "now"}, 30),
        ("2007-10-19", "difference", {"unit": "years"}, -17),
        ("2025-12-17", "difference", {"since": "2025-10-18", "unit": "months"}, 1),
        ("2025-10-27", "difference", {"since": "2025-10-26", "timezone": "Europe/Paris"}, 1),
        ("2025-10-27", "difference", {"since": "2025-10-26", "timezone": "Europe/Paris", "unit": "hours"}, 25),
        ("2024-02-10", "end", {}, "2024-02-29"),
        ("2025-12-31", "end", {}, "2025-12-31"),
        ("2025-10-18", "start", {}, "2025-10-01"),
        ("2025-10-18", "start", {"period": "week"}, "2025-10-13"),
        ("2025-10-18", "end", {"period": "week"}, "2025-10-19"),
        ("2025-11-18", "start", {"period": "quarter"}, "2025-10-01"),
        ("2025-11-18", "end", {"period": "quarter"}, "2025-12-31"),
        ("2025-11-18", "end", {"period": "year"}, "2025-12-31"),
        ("2025-10-18T22:30:00Z", "start", {"period": "day", "timezone": "Europe/Paris"}, "2025-10-19T00:00:00+02:00"),
        ("2025-10-18T09:00:00Z", "end", {"timezone": "Europe/Paris"}, "2025-10-31T23:59:59+01:00"),
        ("2025-10-18T09:00:00Z", "zone", {"timezone": "America/New_York"}, "2025-10-18T05:00:00-04:00"),
        ("2025-10-18 09:00", "zone", {"timezone": "Europe/Paris"}, "2025-10-18T09:00:00+02:00"),
    ],
)
def test_dates(run, value, way, params, result) -> None:
    assert change(run, value, way, **params) == result


def test_the_workflow_s_zone_is_the_usual_one(run) -> None:
    run.timezone = "Europe/Paris"
    assert change(run, "2025-10-18T09:00:00Z", "zone") == "2025-10-18T11:00:00+02:00"


def test_since_another_field_of_the_record(run) -> None:
    data = [{"from": "2025-10-01", "to": "2025-10-18"}, {"from": "2025-10-01"}]
    params = {"field": "to", "to": "days", "since": "{{ item.from }}"}
    assert change(run, data, "difference", **params) == [{**data[0], "days": 17}, data[1]]


@pytest.mark.parametrize(
    ("value", "params", "told"),
    [
        ("10/11/2025", {}, "may mean 2025-11-10 or 2025-10-11"),
        ("31/02/2025", {"language": "fr"}, "“31/02/2025” is not a date"),
        ("18-10-2025", {"format": "dd/mm/yyyy"}, "not a date in the format “dd/mm/yyyy”"),
        ("x", {"format": "%Y%Y"}, "names the same part twice"),
        ("x", {"format": "%!"}, "names no day or time"),
        ("x" * 10_000, {}, "not a date"),
        (True, {"date": "format"}, "“True” is not a date"),
        ("2025-10-18", {"date": "format", "format": "%Q"}, "%Q is not supported"),
        ("2025-10-18", {"date": "add"}, "needs by"),
        ("2025-10-18", {"date": "add", "by": "soon"}, "“soon” is not a date or a relative time"),
        ("9999-12-31", {"date": "add", "by": "+1 day"}, "outside the range of possible dates"),
        ("9999-12-31", {"date": "end"}, "out of range"),
        ("0001-01-01T00:00:00+14:00", {"date": "zone"}, "out of range"),
        ("2025-10-18", {"date": "zone"}, "without a time"),
        ("2025-10-18T00:00:00", {"date": "zone", "timezone": "Mars"}, "“Mars” is not a time zone"),
        ("2025-10-18", {"date": "difference", "since": "once"}, "“once” is not a date"),
        ("1e30", {"format": "unix"}, "out of range"),
    ],
)
def test_what_cannot_be_done_is_said(refused, value, params, told) -> None:
    error = refused("transform_data", value, operations=[{"op": "date", **params}])
    assert error.permanent
    assert told in error.message


@pytest.mark.parametrize("way", ["parse", "format"])
def test_a_format_is_short(refused, way) -> None:
    """French names of half a million months took 20 seconds."""
    operation = {"op": "date", "date": way, "format": "%B" * 300_000, "language": "fr"}
    assert "1 to 500 characters" in refused("transform_data", "2025-01-01", operations=[operation]).message
