"""What an organization may allow for itself, and what its guard then lets through."""

from __future__ import annotations

import ipaddress

import pytest

from flowapp.errors import EgressError
from flowapp.security.addresses import Guard
from flowapp.security.allow_list import is_openable, read_entry


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("10.0.0.5", "10.0.0.5"),
        ("10.0.0.5/24", "10.0.0.0/24"),
        (" 192.168.1.7/32 ", "192.168.1.7"),
        ("100.64.0.0/10", "100.64.0.0/10"),
        ("fd12:3456::/48", "fd12:3456::/48"),
        ("[fd12::1]", "fd12::1"),
        ("Db.Internal.", "db.internal"),
        ("my_db-1", "my_db-1"),
        ("xn--grn-hoa.example", "xn--grn-hoa.example"),
    ],
)
def test_entries_are_kept_in_one_form(text: str, kept: str) -> None:
    assert read_entry(text) == kept


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0.0.0.0/0", "private range"),
        ("::/0", "private range"),
        ("10.0.0.0/7", "private range"),
        ("8.8.8.8", "private range"),
        ("127.0.0.1", "private range"),
        ("::1", "private range"),
        ("169.254.169.254", "private range"),
        ("168.63.129.16", "private range"),
        ("::ffff:10.0.0.1", "private range"),
        ("fe80::1", "private range"),
        ("100.100.100.200", "metadata"),
        ("fd00:ec2::254", "metadata"),
        ("fd00:ec2::/64", "metadata"),
        ("localhost", "This machine"),
        ("LOCALHOST.", "This machine"),
        ("", "not a host"),
        ("http://db.internal/", "not a host"),
        ("db.internal:5432", "not a host"),
        ("*.internal", "not a host"),
        ("10.0.0.300", "not a host"),
        ("a b", "not a host"),
        ("0x7f.1", "not a host"),
        ("2130706433", "not a host"),
        ("a" * 300, "not a host"),
    ],
)
def test_what_cannot_be_allowed(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_entry(text)


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "169.254.170.2", "fd00:ec2::254", "fd20:ce::254", "fd00:42::42", "168.63.129.16", "100.100.100.200",
     "192.0.0.192", "127.0.0.1", "::1", "0.0.0.0", "::", "fe80::1", "::ffff:10.0.0.1", "224.0.0.1"],
)  # fmt: skip
def test_metadata_and_this_machine_are_never_an_organization_s_to_open(address: str) -> None:
    assert not is_openable(ipaddress.ip_address(address))
    guard = Guard(own=["inner.example", "100.64.0.0/10", "fc00::/7"], resolve=lambda _host, _port: [address])
    for host in ("inner.example", "other.example"):
        with pytest.raises(EgressError, match="is not public"):
            guard.addresses(host, 80)
    installation = Guard(["inner.example"], own=[], resolve=lambda _host, _port: [address])
    assert installation.addresses("inner.example", 80) == [address]


def test_a_name_opens_private_addresses_only() -> None:
    found = ["169.254.169.254", "10.0.0.7", "127.0.0.1", "8.8.8.8"]
    guard = Guard(own=["Db.Internal"], resolve=lambda _host, _port: found)
    assert guard.addresses("db.internal.", 5432) == ["10.0.0.7", "8.8.8.8"]
    assert guard.addresses("other.internal", 5432) == ["8.8.8.8"]


def test_a_refusal_says_where_it_can_be_allowed() -> None:
    def guard(address: str) -> Guard:
        return Guard(settable=True, resolve=lambda _host, _port: [address])

    with pytest.raises(EgressError, match="under Settings, Outgoing connections"):
        guard("10.0.0.7").addresses("db.internal", 5432)
    with pytest.raises(EgressError, match="FLOWAPP_EGRESS_ALLOW"):
        guard("127.0.0.1").addresses("db.internal", 5432)
