"""What the list of each noun shows where nobody has chosen otherwise, and where it stands: each declares it once, here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flowapp.catalog import N_


@dataclass(frozen=True, slots=True)
class Listing:
    """`main` is the column that leads to a record's page, `columns` are the others that a list begins with. `layouts` are
    its end points. `begins` is what an address asks for that names neither that nor a view. The texts are msgids."""

    main: str
    columns: Sequence[str]
    layouts: Mapping[str, str]
    subtitle: str
    icon: str
    empty: str  # what is said while there are none, and what `then` can be done
    then: str
    begins: Mapping[str, str] = field(default_factory=dict)
    every: str = N_("All")  # the tab of no view
    owner: str = N_("Owner")
    finds_duplicates: bool = False
    is_imported: bool = True


LISTINGS: Mapping[str, Listing] = {
    "contact": Listing(
        "name",
        ("email", "phone", "company.name", "owner_id", "tags", "score", "last_activity_at"),
        {"list": "contacts.index"},
        N_("The people you deal with."),
        "users",
        N_("No contacts yet"),
        N_("Add the people you deal with. Forms and workflows can add them too."),
        finds_duplicates=True,
    ),
    "company": Listing(
        "name",
        ("domain", "pipeline_stage", "montant_potentiel", "owner_id", "tags", "last_activity_at"),
        {"list": "companies.index"},
        N_("The companies that your contacts and deals belong to."),
        "building",
        N_("No companies yet"),
        N_("Add a company, then its contacts and deals."),
        finds_duplicates=True,
    ),
    "deal": Listing(
        "title",
        ("stage", "value", "company.name", "owner_id", "tags", "expected_close", "stage_entered_at"),
        {"list": "deals.list", "board": "deals.index"},
        "",
        "cash",
        N_("No deals yet"),
        N_("A deal is something you are about to sell. Drag it from stage to stage; workflows can act on each move."),
    ),
    "task": Listing(
        "title",
        ("due_date", "priority", "assignee_id", "deal_id", "contact_id", "company_id"),
        {"list": "tasks.index"},
        N_("What is to be done, by you and your team. Workflows add tasks here too."),
        "checklist",
        N_("Nothing to do"),
        N_("Add a task, or let a workflow add them when something happens."),
        begins={"owner": "me", "due": "open", "sort": "due_date"},
        every=N_("Tasks"),
        owner=N_("Assignee"),
        is_imported=False,
    ),
}
