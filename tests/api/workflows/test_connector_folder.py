"""One folder is a whole connector: its form, its docs, the API and its actions follow from the manifest alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import flowapp.connectors
from flowapp.catalog import ACTIONS, CONNECTORS, load
from flowapp.connectors.runner import MANIFESTS
from flowapp.texts import Text, localized
from scripts import make_docs
from tests.api.conftest import Api
from tests.api.workflows.test_stored_defaults import connect
from tests.pages.workflows.test_steps import Site
from tests.support.servers.sink import Answer, Sink

MANIFEST = """
type: notary
label: Notary
description: {en: Keeps notes., fr: Conserve des notes.}
icon: note
category: productivity
providers: [scribe]
base_url: "{address}"
config:
  - {name: address, label: {en: Address, fr: Adresse}, required: true}
credentials:
  - {name: api_key, label: {en: API key, fr: Clé de l API}, required: true}
auth: {kind: header, name: X-Key, value: "{api_key}"}
test:
  call: {method: GET, path: /me}
  message: {en: "Connected as {name}.", fr: "Connecté en tant que {name}."}
default_action: add_note
actions:
  - name: add_note
    label: {en: Add a note, fr: Ajouter une note au carnet}
    description: {en: Adds a note to a notebook., fr: Ajoute une note à un carnet.}
    effect: once
    synonyms: write memo écrire
    fields:
      - {name: notebook, label: {en: Notebook, fr: Carnet}, required: true}
      - {name: text, label: {en: Text, fr: Texte}, kind: long, required: true}
    call: {path: "/notebooks/{notebook}/notes"}
    result:
      - {name: note_id, from: id, label: {en: Id of the note, fr: Identifiant de la note}, sample: n_1}
"""


@pytest.fixture
def _notary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    load()
    (tmp_path / "notary").mkdir()
    (tmp_path / "notary" / "connector.yaml").write_text(MANIFEST, encoding="utf-8")
    monkeypatch.setattr(flowapp.connectors, "__path__", [*flowapp.connectors.__path__, str(tmp_path)])
    load("flowapp.connectors")
    yield
    del CONNECTORS["notary"], MANIFESTS["notary"]
    for name in [name for name in ACTIONS if name.startswith("notary_")]:
        del ACTIONS[name]
    for module in [name for name in sys.modules if name.startswith("flowapp.connectors.notary")]:
        del sys.modules[module]


@pytest.mark.usefixtures("_notary", "worker")
def test_a_folder_is_a_whole_connector(app: Any, api: Api, sink: Sink) -> None:
    with app.app_context():
        connect(api, {"address": sink.url("/v1")}, "notary", api_key="k3y-of-the-notary")
    step = {
        "id": "s",
        "action": "notary_add_note",
        "params": {"integration": "notary", "notebook": "a/b", "text": "Hi"},
    }
    sink.default = Answer(200, b'{"id": "n_7"}')
    made = api.post("/workflows/", {"name": "W", "trigger": {"type": "manual"}, "steps": [step]}, 201)
    done = api.post(f"/workflows/{made['id']}/execute/", {"async_execution": False})
    assert done["status"] == "completed", done
    [sent] = sink.requests
    assert (sent.method, sent.path, sent.json) == ("POST", "/v1/notebooks/a%2Fb/notes", {"text": "Hi"})
    assert sent.headers["X-Key"] == "k3y-of-the-notary"
    names = {one["type"] for one in api.get("/catalog/")["actions"] if one["group"] == "Notary"}
    assert names == {"notary_add_note", "notary_custom_call"}


@pytest.mark.usefixtures("_notary")
def test_its_forms_and_its_page_of_the_docs(app: Any) -> None:
    site = Site(app)
    assert "Add a note" in site.get("/new-step?q=memo")
    form = site.get("/new-step/notary_add_note")
    assert "Notebook" in form
    assert "Connection" in form
    page = make_docs.connector_pages()["docs/connectors/notary.md"]
    assert "### `notary_add_note` · Add a note" in page
    assert "| `note_id` | Id of the note |" in page
    assert "`notary`, `scribe`" in page


@pytest.mark.usefixtures("_notary")
def test_its_french_is_the_manifests(app: Any) -> None:
    assert localized(Text("Add a note"), "fr") == "Ajouter une note au carnet", "in mails and logs"
    assert "Ajouter une note au carnet" in Site(app).get("/new-step?q=memo", headers={"Accept-Language": "fr"})
