"""Where a column of a file can go: the fields of contacts, companies and deals that a file fills, and by which words
people call them, in English and French."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from flowapp.catalog import N_
from flowapp.crm import fields

OWN = "fields."  # before the key of a custom field
LISTED = ("tags", "lists", "contacts", "other_emails")  # several values in one cell


@dataclass(frozen=True, slots=True)
class Target:
    """A field that a column fills. `label` is a msgid, unless the field is `own` (an admin defined it).

    `key`: whether a row's record may be recognized by it. `type` is that of a custom field.
    """

    name: str
    label: str
    words: tuple[str, ...] = ()
    key: bool = False
    own: bool = False
    type: str = ""


def _to(name: str, label: str, words: str = "", *, key: bool = False) -> Target:
    return Target(name, label, tuple(filter(None, words.split("|"))), key)


_NUMBER = _to("number", N_("Record number"), "number|numero|n|no|nr|contact number|deal number", key=True)
_OWNER = _to(
    "owner_id", N_("Owner"), "owner|owner email|proprietaire|responsable|commercial|account manager|assigned to"
)
_COMPANY = _to(
    "company_id", N_("Company"), "company|company name|societe|entreprise|organisation|organization|nom de l entreprise"
)
_TAGS = _to("tags", N_("Tags"), "tag|etiquettes|etiquette|labels|mots cles")
_CURRENCY = _to("currency", N_("Currency"), "devise|monnaie")
FIXED: Mapping[str, Sequence[Target]] = {
    "contact": (
        _to("email", N_("E-mail"), "email|mail|email address|adresse email|adresse e mail|courriel|adresse mail", key=True),
        _to("first_name", N_("First name"), "firstname|prenom|given name|forename"),
        _to("last_name", N_("Last name"), "lastname|nom|nom de famille|surname|family name"),
        _to("name", N_("Full name"), "name|full name|nom complet|nom et prenom|contact|contact name"),
        _to("other_emails", N_("Other e-mails"), "other emails|autres e mails|email 2|e mail 2|second email|autre email"),
        _to("phone", N_("Phone"), "phone number|telephone|tel|mobile|portable|numero de telephone|cell"),
        _COMPANY,
        _OWNER,
        _to("language", N_("Language"), "langue|lang"),
        _to("timezone", N_("Time zone"), "timezone|fuseau horaire"),
        _to("score", N_("Score")),
        _to("consent", N_("Consent"), "consentement|opt in|optin"),
        _TAGS,
        _to("lists", N_("Lists"), "list|listes|liste"),
        _NUMBER,
    ),
    "company": (
        _to("name", N_("Name"), "nom|company|company name|societe|entreprise|raison sociale|organisation|organization", key=True),
        _to("domain", N_("Domain"), "domaine|website|site web|site|site internet|url|web", key=True),
        _to("pipeline_stage", N_("Stage"), "pipeline stage|etape|phase"),
        _to("montant_potentiel", N_("Potential value"), "montant potentiel|valeur potentielle|potentiel|montant|value"),
        _CURRENCY,
        _OWNER,
        _TAGS,
        _NUMBER,
    ),
    "deal": (
        _to("title", N_("Title"), "titre|name|nom|deal|affaire|opportunite|deal name", key=True),
        _to("value", N_("Value"), "montant|valeur|amount|prix|price"),
        _CURRENCY,
        _to("pipeline", N_("Pipeline")),
        _to("stage", N_("Stage"), "etape|phase|deal stage"),
        _to("lost_reason", N_("Reason for the loss"), "lost reason|raison de la perte|motif de perte"),
        _to("expected_close", N_("Expected close"), "close date|expected close date|date de cloture|cloture prevue|echeance"),
        _COMPANY,
        _to("contacts", N_("Contacts"), "contact|contact email|email|e mail"),
        _OWNER,
        _to("description", N_("Description"), "notes|commentaire"),
        _TAGS,
        _NUMBER,
    ),
}  # fmt: skip
DEFAULT_KEYS: Mapping[str, Sequence[str]] = {
    "contact": ("email", "number"), "company": ("number", "domain", "name"), "deal": ("number", "title"),
}  # fmt: skip


def of(session: Session, noun: str) -> Sequence[Target]:
    """All that a file can fill: the custom fields come last."""
    own = [
        Target(f"{OWN}{one.key}", one.label, key=one.unique, own=True, type=one.type) for one in fields.of(session, noun)
    ]  # fmt: skip
    return [*FIXED[noun], *own]
