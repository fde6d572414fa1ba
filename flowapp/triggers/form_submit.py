"""Someone sends a form. The answers are `input.form_data`, also reachable as `form_data`."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ConfigDict, Field

from flowapp.catalog import N_, Params, TriggerSpec, trigger, ui


class FormSubmitParams(Params):
    """Which form."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    form_id: str = Field(
        min_length=1,
        max_length=64,
        json_schema_extra=ui(N_("Form"), N_("Visitors submit it on its public page."), widget="form"),
    )


def matches(config: FormSubmitParams, event: Mapping[str, object]) -> bool:
    """Whether the submission (its `form_id` is the form's slug) is of this form."""
    return event.get("form_id") == config.form_id


trigger(
    TriggerSpec(
        type="form_submit",
        label=N_("Form submitted"),
        description=N_("A visitor submits one of your forms."),
        group=N_("People"),
        icon="forms",
        source="form",
        params=FormSubmitParams,
        sample={
            "form_id": "contact_form_1",
            "form_data": {"name": "Ada Lovelace", "email": "ada@example.com", "message": "Hello!"},
        },
        aliases=("form_submitted",),
        matches=matches,
        summary=lambda config: str(config.form_id),
    )
)
