"""A page of a workflow or form by its number: /workflows/1 leads to the page with its id."""

from __future__ import annotations

from flask import Blueprint, Response

from flowapp import workflows
from flowapp.data import forms
from flowapp.extensions import db
from flowapp.security.roles import Role
from flowapp.web import access, go

bp = Blueprint("numbers", __name__)


@bp.get("/workflows/<int:number>")
@access(Role.VIEWER)
def workflow(number: int) -> Response:
    """The page of the workflow with that number."""
    return go("workflow.show", workflow_id=workflows.get(db.session(), str(number)).id)


@bp.get("/forms/<int:number>")
@access(Role.VIEWER)
def form(number: int) -> Response:
    """The page of the form with that number."""
    return go("forms.show", form_id=forms.get(db.session(), str(number)).id)
