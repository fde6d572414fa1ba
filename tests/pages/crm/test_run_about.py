"""A workflow is run by hand for a contact, company or deal: its steps know it, and what the run page fills in is of it."""

from __future__ import annotations

from sqlalchemy import select

from flowapp import workflows
from flowapp.crm import deals, tasks
from flowapp.models import Execution
from tests.pages.crm.conftest import Crm


def workflow(crm: Crm, message: str) -> str:
    """A published workflow about deals that logs the message."""
    steps = [{"step_id": "note", "name": "Note", "action_type": "log", "params": {"message": message}}]
    body = {"name": "Signed", "status": "active", "steps": steps, "triggers": [{"trigger_type": "deal_stage_changed"}]}
    with crm.session() as session:
        return workflows.create(session, body, actor_id=crm.user_id).id


def started(crm: Crm) -> list[Execution]:
    with crm.session() as session:
        return list(session.scalars(select(Execution).order_by(Execution.id)))


def test_a_run_is_about_the_deal_that_is_named(crm: Crm) -> None:
    crm.contact("zoe@example.com")
    deal = crm.deal("Engine", contacts=["zoe@example.com"])
    path = f"/workflows/{workflow(crm, 'Signed {{ deal.title }}')}/run"
    assert crm.ada.post(path).location == path, "It asks which deal."
    crm.ada.post(path, {"_input": "1", "noun": "deal", "record": "1"})
    (execution,) = started(crm)
    assert (execution.trigger_entity_type, execution.trigger_entity_id) == ("deal", deal)
    given = execution.input_data
    assert (given["deal_title"], given["deal"]["id"], given["contact_email"]) == ("Engine", deal, "zoe@example.com")
    assert given["company"] is None, "The deal has none."
    assert given["old_stage"] == "PROPOSITION"


def test_its_page_leads_to_what_it_is_about(crm: Crm) -> None:
    acme, deal = crm.company("Acme <1>"), crm.deal("Engine")
    path = f"/workflows/{workflow(crm, 'Signed {{ deal.title }}')}/run"
    for noun, record_id, name in (("company", acme, "Acme &lt;1&gt;"), ("deal", deal, "Engine")):
        page = crm.ada.get(crm.ada.post(path, {"_input": "1", "noun": noun, "record": record_id}).location).text
        where = "deals" if noun == "deal" else "companies"
        assert f'<a href="/{where}/{record_id}">{name}</a>' in page
    with crm.session() as session:
        deals.delete(session, deals.get(session, deal), cause=crm.cause)
    gone = crm.ada.get(f"/executions/{started(crm)[-1].id}").text
    assert (
        "It has since been deleted." in gone and deal not in gone.partition('id="about"')[2].partition("</section>")[0]
    )


def test_a_run_about_a_contact_takes_an_address(crm: Crm) -> None:
    contact = crm.contact("zoe@example.com")
    path = f"/workflows/{workflow(crm, 'Hello {{ contact.name }}')}/run"
    crm.ada.post(path, {"_input": "1", "noun": "contact", "record": "ZOE@example.com"})
    assert started(crm)[0].contact_id == contact


def test_what_is_not_there_is_said_at_its_field(crm: Crm) -> None:
    path = f"/workflows/{workflow(crm, 'Signed {{ deal.title }}')}/run"
    for noun, record, message in (
        ("deal", "", "There is no such deal."),
        ("deal", "7" * 300, "There is no such deal."),
        ("contact", "a\0@example.com", "There is no contact with the e-mail address"),
        ("ship", "1", "Choose one of"),
    ):
        page = crm.ada.post(path, {"_input": "1", "noun": noun, "record": record}, 422).text
        assert message in page and 'id="record-error"' in page
    assert not started(crm)


def test_without_one_it_runs_as_before(crm: Crm) -> None:
    crm.ada.post(f"/workflows/{workflow(crm, 'Hello')}/run")
    assert started(crm)[0].trigger_entity_id in (None, "")


def test_which_one_is_found_by_its_name(crm: Crm) -> None:
    crm.company("Zenith")
    engine, _other = crm.deal("Difference engine"), crm.deal("Analytical engine")
    path = f"/workflows/{workflow(crm, 'Signed {{ deal.title }}')}/run"
    page = crm.ada.post(path, {"_input": "1", "_refresh": "1", "noun": "deal"}, 200).text
    assert '<option value="1">Difference engine</option>' in page and "Zenith" not in page
    crm.ada.post(path, {"_input": "1", "noun": "deal", "record": "difference"})
    assert started(crm)[0].trigger_entity_id == engine
    page = crm.ada.post(path, {"_input": "1", "noun": "deal", "record": "engine"}, 422).text
    assert "Several are found: Analytical engine (2), Difference engine (1). Enter what stands in brackets." in page
    assert "There is no such deal." in crm.ada.post(path, {"_input": "1", "noun": "deal", "record": "nobody"}, 422).text
    assert len(started(crm)) == 1


def test_a_run_may_be_about_a_task(crm: Crm) -> None:
    with crm.session() as session:
        task = tasks.create(session, {"title": "Call Zoe"}, cause=crm.cause).id
    path = f"/workflows/{workflow(crm, 'Done {{ task.title }}')}/run"
    crm.ada.post(path, {"_input": "1", "noun": "task", "record": "zoe"})
    assert (started(crm)[0].trigger_entity_type, started(crm)[0].trigger_entity_id) == ("task", task)
