"""What is wrong with a manifest is told with its file and line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flowapp.catalog.manifests import ManifestError, read
from flowapp.texts import localized, say

GOOD = """\
type: acme
label: Acme
description: Keeps notes.
icon: note
category: other
base_url: https://api.acme.example
credentials:
  - {name: key, label: Key}
auth: {kind: bearer, token: "{key}"}
test: {call: {method: GET, path: /me}}
default_action: add
actions:
  - name: add
    label: Add
    description: Adds a note.
    effect: once
    fields:
      - {name: text, label: Text}
    call: {path: "/notes"}
    result: [{name: id, label: Id, sample: 1}]
triggers:
  - name: new_note
    label: New note
    description: A note was added.
    fields:
      - {name: shelf, label: Shelf}
    poll: {call: {method: GET, path: "/shelves/{shelf}"}, items: notes}
    result: [{name: note, label: Note, sample: {}}]
"""


def test_a_good_one(tmp_path: Path) -> None:
    path = tmp_path / "connector.yaml"
    path.write_text(GOOD, encoding="utf-8")
    assert read(path).actions[0].fields[0].label == "Text"


@pytest.mark.parametrize(
    ("pattern", "sound"),
    [
        ("", False),
        (", pattern_help: Letters, pattern: '^[a-z]'", False),
        (", pattern_help: Letters, pattern: '^[a-z.]+$'", True),
        (", pattern_help: Letters, pattern: '^[a-z]+[^/]*$'", False),
    ],
)
def test_a_part_of_the_host_is_bounded(tmp_path: Path, pattern: str, sound: bool) -> None:
    """A shop called “evil.example/” would get the secret."""
    text = re.sub("base_url: .*", 'base_url: "https://{shop}.example.com"', GOOD)
    text = text.replace("credentials:", f"config: [{{name: shop, label: Shop{pattern}}}]\ncredentials:", 1)
    path = tmp_path / "connector.yaml"
    path.write_text(text, encoding="utf-8")
    if sound:
        assert read(path).config[0].pattern
        return
    with pytest.raises(ManifestError, match=r"config\.0: it is a part of the host"):
        read(path)


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("icon: note", "icon: [", 6, "expected"),
        ("icon: note", "ikon: note", 4, "ikon: Extra inputs"),
        ("label: Key}", "label: Key, show_if: {text: [a]}}", 8, "credentials.0.show_if: there is no field “text”"),
        ("label: Key}", "label: Key, pattern: '^a'}", 8, "credentials.0: say in pattern_help what the pattern wants"),
        ("label: Key}", "label: Key, minimum: 1}", 8, "only a field of kind integer has minimum and maximum"),
        ("base_url:", "needs_one_of: [kee]\nbase_url:", 6, "needs_one_of: there is no field “kee”"),
        ("category: other", "category: fun", 5, "category: Input should be 'communication'"),
        ("label: Text}", "label: Text, kind: texts}", 18, "actions.0.fields.0.kind: Input should be 'text'"),
        ("label: Text}", "label: {en: Text}}", 18, "write a text, or {en: …, fr: …}"),
        ("name: text,", "name: key,", 18, "“key” has another meaning"),
        ("name: text,", "name: limit,", 18, "“limit” has another meaning"),
        ("label: Text}", "label: Text, kind: choice}", 18, "choices and kind choice belong together"),
        ('path: "/notes"', 'path: "/notes/{note}"', 19, "there is no field “note”"),
        ('path: "/notes"', 'method: GET, path: "/notes", content: {a: 1}', 19, "there is content, but no body"),
        ('path: "/notes"', 'url: "{text}"', 19, "only config and credentials"),
        ('token: "{key}"', 'token: "{kee}"', 9, "there is no field “kee”"),
        ("kind: bearer,", "kind: basic,", 9, "basic needs user and password"),
        ("default_action: add", "default_action: ad", 11, "there is no action “ad”"),
        ("sample: 1}", "sample: 1}, {name: id, label: Id}", 20, "“id” is there twice"),
        ("    effect: once\n", "", 13, "actions.0.effect: Field required"),
        ("name: shelf,", "name: interval,", 26, "“interval” has another meaning"),
        ('"/shelves/{shelf}"', '"/shelves/{shelve}"', 27, "triggers.0.poll.call: there is no field “shelve”"),
        ("items: notes}", "function: a.b}", 27, "say either call or function"),
        ("items: notes}", "items: notes, more: further}", 27, "more needs a cursor"),
        (
            "items: notes}",
            "items: notes, cursor: {next: last}}",
            27,
            "triggers.0.poll.cursor.parameter: Field required",
        ),
        ("[{name: note, label: Note, sample: {}}]", "[]", 28, "at least 1 item"),
        ("name: new_note", "name: New", 22, "triggers.0.name: String should match"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, old: str, new: str, line: int, told: str) -> None:
    path = tmp_path / "connector.yaml"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(ManifestError) as caught:
        read(path)
    lines = caught.value.message.splitlines()
    assert any(told in one and one.startswith(f"{path}:{line}: ") for one in lines), lines


def test_spaces_of_french_break_no_line(tmp_path: Path) -> None:
    path = tmp_path / "connector.yaml"
    french = 'label: {en: "“Text” of the note: which?", fr: "« Texte » de la note : lequel ?"}'
    path.write_text(GOOD.replace("label: Text}", f"{french}}}"), encoding="utf-8")
    label = read(path).actions[0].fields[0].label
    assert localized(say(label), "fr") == "«~Texte~» de la note~: lequel~?".replace("~", "\N{NO-BREAK SPACE}")
