"""Each step type of the CRM: it goes in through the API, a worker runs it, and the row is really there or really changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.crm import companies, contacts, deals, lists, tags, timeline
from flowapp.crm import tasks as todo
from flowapp.events import SYSTEM
from flowapp.extensions import db
from flowapp.models import Company, Contact, Deal, Event, Note, Notification, Task, User, utcnow
from flowapp.models.tenancy import tenant_session
from tests.api.conftest import Api
from tests.api.crm.people import Place
from tests.api.waiting import ended, started

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("worker")]


class World:
    """A contact of a company with a deal; `run` runs one step that is about the deal."""

    def __init__(self, api: Api, session: Session, place: Place) -> None:
        self.api, self.session, self.place = api, session, place
        self.company = companies.create(session, {"nom": "Acme"}, cause=SYSTEM)
        self.contact = contacts.create(
            session, {"email": "ann@b.example", "first_name": "Ann", "company": self.company.id}, cause=SYSTEM
        )
        self.deal = deals.create(
            session,
            {"title": "Engine", "montant": 5000, "contact": self.contact.id, "company": self.company.id},
            cause=SYSTEM,
        )
        session.commit()

    def run(self, action_type: str, about: tuple[str, str] | None = None, **params: Any) -> Any:
        kind, key = about or ("deal", self.deal.id)
        step = {"step_id": "it", "name": "The step", "action_type": action_type, "params": params}
        done = ended(self.api, started(self.api, step, trigger_entity_type=kind, trigger_entity_id=key))
        self.session.rollback()
        self.session.expire_all()
        return done

    def one(self, model: Any, **where: Any) -> Any:
        return self.session.scalars(select(model).filter_by(**where).order_by(model.id.desc())).first()


@pytest.fixture
def world(app: Any, api: Api, place: Place) -> Iterator[World]:
    with app.app_context(), tenant_session(db.engine, place.id) as session:
        yield World(api, session, place)


def test_create_task(world: World) -> None:
    done = world.run(
        "create_task",
        title="Follow up with {{deal_title}}",
        description="For {{ contact.name }} at {{ organisation.nom }}",
        due_date="+3 days",
        activity_type="call",
    )
    assert done["status"] == "completed", done["error_message"]
    task = world.one(Task)
    assert (task.title, task.description, task.type) == ("Follow up with Engine", "For Ann at Acme", "call")
    assert task.due_date == (utcnow() + timedelta(days=3)).date()
    assert (task.deal_id, task.contact_id, task.company_id) == (world.deal.id, world.contact.id, world.company.id)
    assert task.assignee_id == world.place.user_id  # nobody owns the deal: who made the workflow does it
    assert done["output_data"]["id"] == task.id


def test_the_timeline_names_the_workflow_and_the_step(world: World) -> None:
    execution = world.run("create_task", title="Call")
    newest = timeline.of(world.session, world.deal).rows[0]
    assert (newest["type"], newest["title"]) == ("task.created", "Call")
    assert newest["by"] == {
        "kind": "workflow", "name": "Waits", "user_id": None, "workflow_id": execution["workflow"],
        "execution_id": execution["id"], "step_id": "it", "step_name": "The step", "job_id": None,
    }  # fmt: skip


@pytest.mark.parametrize(("due", "days"), [("+1 week", {7}), ("+7 business days", {9, 11}), ("2030-05-01", None)])
def test_a_task_is_due_when_the_step_says(world: World, due: str, days: set[int] | None) -> None:
    world.run("create_task", title="Call", due_date=due)
    found = world.one(Task).due_date
    assert found.isoformat() == due if days is None else (found - utcnow().date()).days in days


def test_tasks_go_round(world: World) -> None:
    members = [f"{role}@{world.place.id}.example" for role in ("editor", "operator")]
    for _ in range(3):
        world.run("create_task", title="Call", assignee="round robin", members=members)
    people = [
        world.session.get_one(User, task.assignee_id).name for task in world.session.query(Task).order_by(Task.id)
    ]
    assert people == ["editor", "operator", "editor"]


def test_add_tag_and_remove_tag(world: World) -> None:
    first = world.run("add_tag", tags=["R&D", "r&d"])
    second = world.run("add_tag", tag="R&D", object="deal")
    assert (first["output_data"]["added"], tags.of(world.session, world.contact)) == (["R&D"], ["R&D"])
    assert (second["output_data"]["added"], tags.of(world.session, world.deal)) == (["R&D"], ["R&D"])
    assert world.run("add_tag", tags="R&D")["output_data"]["added"] == []
    assert world.run("remove_tag", tags="r&d")["output_data"]["removed"] == ["R&D"]
    assert tags.of(world.session, world.contact) == []


def test_update_contact(world: World) -> None:
    done = world.run("update_contact", data={"last_name": "Lee", "score": 7, "fields.plan": "gold"})
    assert done["output_data"]["changed"] is True
    assert (world.contact.last_name, world.contact.score, world.contact.fields) == ("Lee", 7, {"plan": "gold"})
    assert world.run("update_contact", data={"score": 7})["output_data"]["changed"] is False


def test_update_deal(world: World) -> None:
    done = world.run("update_deal", stage="SIGNÉ", montant="7500.50")
    assert (done["status"], world.deal.status, float(world.deal.value)) == ("completed", "won", 7500.5)


def test_update_deal_to_lost_needs_a_reason(world: World) -> None:
    done = world.run("update_deal", stage="PERDU")
    assert (done["status"], "why the deal is lost" in done["error_message"]) == ("failed", True)
    assert world.deal.status == "open"
    world.run("update_deal", stage="PERDU", lost_reason="Too dear")
    assert (world.deal.status, world.deal.lost_reason) == ("lost", "Too dear")


@pytest.mark.parametrize(
    ("noun", "field", "value"),
    [("deal", "description", "Updated"), ("organisation", "nom", "Acme SA"), ("contact", "first_name", "Anna")],
)
def test_update_field(world: World, noun: str, field: str, value: str) -> None:
    done = world.run("update_field", object=noun, field=field, value=value)
    assert done["status"] == "completed", done["error_message"]
    row = {"deal": world.deal, "organisation": world.company, "contact": world.contact}[noun]
    assert getattr(row, {"nom": "name"}.get(field, field)) == value


def test_a_field_that_is_not_there_is_named(world: World) -> None:
    done = world.run("update_field", object="deal", field="{{ 'descripton' }}", value="x")
    assert (done["status"], "description" in done["error_message"]) == ("failed", True)


def test_assign_user(world: World) -> None:
    world.run("assign_user", object="deal", user=f"editor@{world.place.id}.example")
    assert world.session.get_one(User, world.deal.owner_id).name == "editor"
    failed = world.run("assign_user", object="deal", user="{{ 'nobody@b.example' }}")
    assert (failed["status"], "nobody@b.example" in failed["error_message"]) == ("failed", True)


def test_create_contact_makes_or_changes(world: World) -> None:
    made = world.run("create_contact", email="Bob@B.example", first_name="Bob", company="acme", data={"score": 3})
    bob = world.one(Contact, email="bob@b.example")
    assert (made["output_data"]["created"], bob.company_id, bob.score) == (True, world.company.id, 3)
    blank = world.run("create_contact", email="bob@b.example", first_name="", last_name="Ray")
    assert (blank["output_data"]["created"], bob.first_name, bob.last_name) == (False, "Bob", "Ray")
    told = world.session.query(Event).filter_by(entity_type="contact")
    before = told.count()
    same = world.run("create_contact", email="bob@b.example", last_name="Ray")
    assert (same["output_data"]["changed"], told.count()) == (False, before)


def test_create_contact_finds_by_each_address(world: World) -> None:
    contacts.update(world.session, world.contact, {"other_emails": ["ann@work.example"]}, cause=SYSTEM)
    world.session.commit()
    done = world.run("create_contact", email="Ann@Work.example", last_name="Lee")["output_data"]
    assert (done["created"], world.contact.last_name, world.contact.email) == (False, "Lee", "ann@b.example")
    found = world.run("find_record", object="contact", match={"email": "ann@work.example"})["output_data"]
    assert found["record"]["id"] == world.contact.id


def test_create_company(world: World) -> None:
    world.run("create_company", nom="Other", data={"pipeline_stage": "proposition", "montant_potentiel": 60000})
    found = world.one(Company, name="Other")
    assert (found.pipeline_stage, found.montant_potentiel) == ("PROPOSITION", 60000)


def test_create_deal(world: World) -> None:
    world.run(
        "create_deal",
        about=("contact", world.contact.id),
        title="For {{contact.name}}",
        value=5000,
        stage="qualification",
    )
    made = world.one(Deal, title="For Ann")
    assert (made.value, made.stage.name, [one.id for one in made.contacts]) == (
        5000,
        "QUALIFICATION",
        [world.contact.id],
    )
    assert made.company_id == world.company.id


def test_create_activity(world: World) -> None:
    world.run("create_activity", activity_type="call", description="She asked for an offer")
    note = world.one(Note)
    assert (note.text, note.type, note.deal_id) == ("She asked for an offer", "call", world.deal.id)


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"where": {"email": "ANN@b.example"}}, "Ann"),
        ({"object": "company", "where": {"nom": "acme"}}, "Acme"),
        ({"object": "deal", "where": {"stage": "prospection", "montant": "5000"}}, None),
        ({"object": "deal", "where": {"company": "Acme", "status": "open"}}, None),
    ],
)
def test_find_record(world: World, params: dict[str, Any], name: str | None) -> None:
    found = world.run("find_record", **params)["output_data"]
    assert (found["found"], found["count"]) == (True, 1)
    assert found["record"].get("name") == name if name else found["record"]["title"] == "Engine"


def test_find_record_finds_nothing(world: World) -> None:
    found = world.run("find_record", where={"email": "nobody@b.example"})["output_data"]
    assert (found["found"], found["record"]) == (False, None)


def test_create_record(world: World) -> None:
    done = world.run("create_record", object="organisation", data={"name": "Third"})
    assert (done["status"], world.one(Company, name="Third") is not None) == ("completed", True)


def test_add_to_list_and_remove_from_list(world: World) -> None:
    news = lists.create(world.session, {"name": "News"})
    world.session.commit()
    assert world.run("add_to_list", list="news")["output_data"]["changed"] is True
    assert [one.name for one in lists.of(world.session, world.contact)] == ["News"]
    assert world.run("add_to_list", list=news.id)["output_data"]["changed"] is False
    assert world.run("remove_from_list", list="News")["output_data"]["changed"] is True
    assert world.run("add_to_list", list="{{ 'Nowhere' }}")["status"] == "failed"


@pytest.mark.parametrize(("to", "told"), [("owner", {"owner"}), (["managers"], {"owner", "admin"}), (None, {"owner"})])
def test_send_notification(world: World, to: Any, told: set[str]) -> None:
    params = {"to": to} if to else {}
    done = world.run("internal_notification", message="Engine: {{ deal.montant }}", type="WARNING", **params)
    assert done["status"] == "completed", done["error_message"]
    rows = world.session.query(Notification).all()
    assert {(world.session.get_one(User, row.user_id).name, row.body, row.level) for row in rows} == {
        (name, "Engine: 5000", "warning") for name in told
    }


def test_a_notification_by_e_mail(world: World, smtp: Any) -> None:
    address = f"editor@{world.place.id}.example"
    world.run("send_notification", to=[address], title="Look", message="Here", by_email=True)
    assert [mail.recipients for mail in smtp.wait_for()] == [[address]]


def test_change_score(world: World) -> None:
    assert world.run("change_score", points=10)["output_data"]["score"] == 10
    assert world.run("change_score", points=-3)["output_data"]["score"] == 7


def test_a_step_about_nothing_says_so(world: World) -> None:
    step = {"step_id": "it", "action_type": "add_tag", "params": {"tags": "x"}}
    done = ended(world.api, started(world.api, step))
    assert (done["status"], "not about a contact" in done["error_message"]) == ("failed", True)
    by_input = started(world.api, step, input_data={"contact_id": world.contact.id})
    assert ended(world.api, by_input)["status"] == "completed"


def test_a_simulation_changes_nothing_and_says_what_it_would(world: World) -> None:
    steps = [
        {"step_id": "tag", "action_type": "add_tag", "params": {"tags": "Hot"}},
        {"step_id": "task", "action_type": "create_task", "params": {"title": "Call {{ contact.name }}"}},
    ]
    workflow = world.api.post("/workflows/", {"name": "W", "steps": steps}, 201)
    report = world.api.post(f"/workflows/{workflow['id']}/simulate/", {"contact": "ann@b.example"})
    assert [call["operation"] for call in report["calls"]] == ["add_tags", "create"]
    assert report["calls"][1]["data"]["title"] == "Call Ann"
    assert (world.one(Task), tags.of(world.session, world.contact)) == (None, [])


@pytest.mark.parametrize("kind", ["deal", "company", "organisation", "task", "contact"])
def test_an_execution_is_about_a_record_by_its_number(world: World, kind: str) -> None:
    task = todo.create(world.session, {"title": "Call"}, cause=SYSTEM)
    world.session.commit()
    noun = "company" if kind == "organisation" else kind
    record = {"deal": world.deal, "company": world.company, "contact": world.contact, "task": task}[noun]
    number = task.id if noun == "task" else getattr(record, "number", None)
    body = {"name": "About", "steps": [{"step_id": "it", "action_type": "log", "params": {"message": "x"}}]}
    path = f"/workflows/{world.api.post('/workflows/', body, 201)['id']}/execute/"
    about = {"trigger_entity_type": kind, "trigger_entity_id": number, "async_execution": True}
    execution = world.api.get(f"/executions/{world.api.post(path, about, 202)['execution_id']}/")
    assert (execution["trigger_entity_type"], execution["trigger_entity_id"]) == (noun, record.id)
    unknown = world.api.post(path, {**about, "trigger_entity_id": 999}, 404)
    assert [one["path"] for one in unknown["errors"]] == ["trigger_entity_id"]
