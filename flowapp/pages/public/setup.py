"""The first visit: while nobody has an account, every page leads here."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, Response, current_app, request
from flask.blueprints import BlueprintSetupState
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import BooleanField, EmailField, PasswordField, SelectField, StringField, URLField
from wtforms.fields.choices import SelectChoice

from flowapp.accounts import members
from flowapp.catalog.times import timezones
from flowapp.errors import ConflictError, ForbiddenError, InvalidError
from flowapp.extensions import csrf, db
from flowapp.models import Organization, User
from flowapp.security.passwords import MIN_LENGTH
from flowapp.template_library import demo
from flowapp.template_library.demo_year import seeding
from flowapp.texts import say
from flowapp.web import sessions
from flowapp.web.access import public
from flowapp.web.hosts import is_known_host
from flowapp.web.locale import select_locale
from flowapp.web.notation import locale_choices, offered_locale
from flowapp.web.problems import wants_json
from flowapp.web.render import go, page, to_url
from flowapp.web.texts import translated

bp = Blueprint("setup", __name__)


class SetupForm(FlaskForm):  # type: ignore[misc]
    name = StringField(_l("Your name"), render_kw={"autocomplete": "name", "autofocus": True, "required": True})
    email = EmailField(_l("E-mail"), render_kw={"autocomplete": "username", "required": True})
    password = PasswordField(
        _l("Password"),
        description=_l("At least %(length)s characters.", length=MIN_LENGTH),
        render_kw={"autocomplete": "new-password", "required": True},
    )
    organization = StringField(
        _l("Organization"),
        description=_l("Your company, club or team. Optional."),
        render_kw={"autocomplete": "organization"},
    )
    address = URLField(
        _l("Address of this Flowapp"),
        description=_l("Links in e-mails lead here. You can change this later."),
        render_kw={"autocomplete": "off"},
    )
    timezone = SelectField(_l("Time zone"), default="UTC", validate_choice=False)
    locale = SelectField(
        _l("Numbers and dates"),
        description=_l("How people here write them. You can change this later."),
        validate_choice=False,
    )
    demo = BooleanField(_l("Add an example workflow with its form and data table"), default=True)
    records = BooleanField(
        _l("Add a year of example records"),
        description=_l("2,000 contacts, 300 companies and 400 deals with their history, made up, in your language."),
    )

    def __init__(self) -> None:
        super().__init__(address=_here(), locale="" if request.method == "POST" else offered_locale())
        self.locale.choices = [SelectChoice("", _("Not chosen")), *locale_choices()]
        self.timezone.choices = [SelectChoice(zone, zone) for zone in timezones()]
        if current_app.extensions["settings"].base_url:
            del self.address  # FLOWAPP_BASE_URL says it

    def wanted_address(self) -> str:
        """What to keep as the address."""
        return (self.address.data or _here()) if self.address else ""


def _here() -> str:
    """The address of this request, under a name that was looked at."""
    return request.host_url.rstrip("/")


def _refuse_foreign_names() -> None:
    if not is_known_host():
        raise ForbiddenError(
            say(
                "Flowapp has to be set up on its own machine, at http://127.0.0.1:%(port)s. To set it up "
                "under another name, set FLOWAPP_BASE_URL to its address (or FLOWAPP_ALLOWED_HOSTS to the "
                "name) and restart it.",
                port=current_app.extensions["settings"].port,
            )
        )


def _furnish(form: SetupForm, language: str, session: Session, organization: Organization, owner: User) -> None:
    demo.furnish(session, organization, owner, language=language, example=bool(form.demo.data))
    if form.records.data:
        seeding.begin(session, language=language, actor_id=owner.id)


def _is_set_up() -> bool:
    """Asked before each request: once somebody has an account, the answer is kept and costs nothing."""
    known: dict[str, bool] = current_app.extensions.setdefault("flowapp.set_up", {})
    if not known.get("done"):
        known["done"] = members.ensure_admin(db.engine, current_app.extensions["settings"], demo.furnish)
    return known["done"]


def _lead_here() -> Response | None:
    endpoint = request.endpoint or ""
    if wants_json() or endpoint.startswith(("setup.", "preferences.")) or endpoint.endswith("static"):
        return None
    return None if _is_set_up() else go("setup.show")


@bp.record
def _first_of_all(state: BlueprintSetupState) -> None:
    # Before the guard, which would send a visitor to the sign-in page of a place where nobody can sign in.
    state.app.before_request_funcs.setdefault(None, []).insert(0, _lead_here)


@bp.get("/setup")
@public("There is nobody yet who could sign in.")
def show() -> Response:
    """The form of the first visit."""
    _refuse_foreign_names()
    if _is_set_up():
        return go("login.show")
    return page("public/setup/show.html", form=SetupForm())


@bp.post("/setup")
@public("There is nobody yet who could sign in.")
def create() -> Response:
    """Makes the first owner and signs them in. The second of two visitors is sent to sign in."""
    _refuse_foreign_names()
    csrf.protect()
    if _is_set_up():
        raise ConflictError(say("This Flowapp already has an owner. Sign in instead."))
    form = SetupForm()
    form.validate()
    try:
        user = members.set_up(
            db.engine,
            name=form.name.data or "",
            email=form.email.data or "",
            password=form.password.data or "",
            organization=form.organization.data or _("My organization"),
            timezone=form.timezone.data or "UTC",
            locale=form.locale.data or "",
            furnish=partial(_furnish, form, select_locale()),
            ip=request.remote_addr or "",
            signs_in=True,
            address=form.wanted_address(),
        )
    except InvalidError as error:
        for problem in error.problems:
            form[problem.path].errors = [translated(problem.message)]
        return page("public/setup/show.html", form=form, status=422)
    sessions.begin(user)
    return to_url("/")
