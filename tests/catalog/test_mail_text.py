from __future__ import annotations

import pytest

from flowapp.catalog.mail_text import AddressError, Mailbox, read_mailboxes
from tests.corpus import entries


@pytest.mark.parametrize("row", entries("mail_addresses"), ids=lambda row: row["written"][:30])
def test_what_people_write_is_read_or_refused(row) -> None:
    if "read" in row:
        found = read_mailboxes(row["written"])
        assert [list(mailbox) for mailbox in found] == row["read"]
        assert [box for one in found for box in read_mailboxes(str(one))] == found
    else:
        with pytest.raises(AddressError, match=r"is not an e-mail address|must be on a single line"):
            read_mailboxes(row["written"])


@pytest.mark.parametrize("name", ["x, y", 'a"b', "a\\", "<ann@example.com>", "a (b)", "a;b", "  ", "Ж"])
def test_a_mailbox_is_read_as_it_is_written(name) -> None:
    assert read_mailboxes(str(Mailbox(name, "a@example.com"))) == [Mailbox(name.strip(), "a@example.com")]


@pytest.mark.parametrize("address", ["a" * 250 + "@example.com", "a@" + "b" * 250 + ".example", "@example.com", "a@"])
def test_addresses_that_no_server_takes(address) -> None:
    with pytest.raises(AddressError, match="is not an e-mail address"):
        read_mailboxes(address)
