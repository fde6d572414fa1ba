"""Pipelines and their stages. Where there is none yet, the first who asks gets the default one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flowapp.crm import reading
from flowapp.data.names import find, suggestion
from flowapp.errors import ConflictError, InvalidError, NotFoundError, Problem, UnknownReferenceError
from flowapp.models import DEAL_STATUSES, Deal, Pipeline, Stage, by_reference, iso
from flowapp.texts import say
from flowapp.values.text import folded, without_accents
from flowapp.workflows.projects import free, slugify

FIRST = "deals"  # the slug of the pipeline that every organization begins with
# name, kind, probability: as the first pipeline has them
FIRST_STAGES = (
    ("PROSPECTION", "open", 10),
    ("QUALIFICATION", "open", 30),
    ("PROPOSITION", "open", 60),
    ("SIGNÉ", "won", 100),
    ("PERDU", "lost", 0),
)
MAX_STAGES = 50


def every(session: Session) -> Sequence[Pipeline]:
    """All of the organization, in their order; there is at least one."""
    rows = session.scalars(select(Pipeline).order_by(Pipeline.position, Pipeline.id)).all()
    return rows or [_first(session)]


def default(session: Session) -> Pipeline:
    """The one that deals go into where nothing else is said."""
    rows = every(session)
    return next((row for row in rows if row.is_default), rows[0])


def get(session: Session, reference: str) -> Pipeline:
    """The pipeline with that id, number, slug or name, in any case. NotFoundError where there is none."""
    pipeline = by_reference(session, Pipeline, reference) or find(every(session), reference)
    if pipeline is None:
        raise NotFoundError(say("There is no such pipeline."))
    return pipeline


def find_stage(stages: Sequence[Stage], reference: str) -> Stage | None:
    """The one with that id, slug or name, in any case, with or without accents."""
    plain = {without_accents(folded(stage.name)): stage for stage in reversed(stages)}
    return find(stages, reference) or plain.get(without_accents(folded(reference.strip())))


def stage_of(session: Session, value: object, path: str, *, pipeline: Pipeline | None = None) -> Stage:
    """The stage that a value names: of `pipeline`, else of the default one, else of any. InvalidError at `path`."""
    reference = reading.plain_text(value, path).strip()
    looked_at = [pipeline] if pipeline else sorted(every(session), key=lambda one: not one.is_default)
    for one in looked_at:
        if (stage := find_stage(one.stages, reference)) is not None:
            return stage
    known = [stage.name for one in looked_at for stage in one.stages]
    unknown = say("There is no stage “%(name)s”.", name=reference[:100])
    raise UnknownReferenceError.at(path, unknown + suggestion(reference, known))


def read_stage_name(session: Session, value: object, path: str) -> str:
    """The name of the stage that a value names, as it is written there; empty for nothing."""
    return stage_of(session, value, path).name if reading.plain_text(value, path).strip() else ""


def create(session: Session, data: Mapping[str, object]) -> Pipeline:
    """A new pipeline; `data` has name and stages, [{"name", "kind", "probability"}]; without stages it gets the usual ones."""
    values = reading.read(session, {"name": "", **data}, _READERS)
    rows = every(session)
    slug = free(slugify(str(values["name"]), 64, "pipeline"), [row.slug for row in rows], 64)
    pipeline = Pipeline(**{"position": len(rows), **values, "slug": slug})
    session.add(pipeline)
    usual = [{"name": name, "kind": kind, "probability": odds} for name, kind, odds in FIRST_STAGES]
    _set_stages(session, pipeline, data.get("stages") or usual)
    _written(session, pipeline)
    return pipeline


def change(session: Session, pipeline: Pipeline, data: Mapping[str, object]) -> Pipeline:
    """Changes what `data` names. `stages` is the whole list in its order; one with an id is changed, one left out is deleted.

    ConflictError where a stage that is left out has deals.
    """
    for name, value in reading.read(session, data, _READERS).items():
        setattr(pipeline, name, value)
    if "stages" in data:
        _set_stages(session, pipeline, data["stages"])
    _written(session, pipeline)
    return pipeline


def remove(session: Session, pipeline: Pipeline) -> None:
    """Deletes a pipeline without deals. ConflictError for one with deals, and for the default one."""
    if pipeline.is_default:
        raise ConflictError(say("This is the default pipeline: make another one the default first."))
    if session.scalar(select(Deal.id).where(Deal.pipeline_id == pipeline.id).limit(1)):
        raise ConflictError(say("This pipeline has deals, perhaps in the trash: move them to another pipeline first."))
    session.delete(pipeline)
    session.flush()


def pipeline_json(pipeline: Pipeline) -> dict[str, object]:
    """The pipeline with its stages, as answers print it."""
    names = ("id", "number", "name", "slug", "position", "is_default")
    return {
        **{name: getattr(pipeline, name) for name in names},
        "stages": [stage_json(stage) for stage in pipeline.stages],
        "created_at": iso(pipeline.created_at),
        "updated_at": iso(pipeline.updated_at),
    }


def stage_json(stage: Stage) -> dict[str, object]:
    """A stage, as answers print it."""
    return {name: getattr(stage, name) for name in ("id", "name", "slug", "kind", "probability", "position")}


def _first(session: Session) -> Pipeline:
    """The pipeline that an organization begins with; who comes at the same moment gets the same one."""
    stages = [
        Stage(name=name, slug=slugify(name, 64, "stage"), kind=kind, probability=odds, position=at)
        for at, (name, kind, odds) in enumerate(FIRST_STAGES)
    ]
    pipeline = Pipeline(name=str(say("Deals")), slug=FIRST, is_default=True, stages=stages)
    try:
        with session.begin_nested():
            session.add(pipeline)
            session.flush()
    except IntegrityError:
        return session.scalars(select(Pipeline).where(Pipeline.slug == FIRST)).one()
    return pipeline


def _set_stages(session: Session, pipeline: Pipeline, given: object) -> None:
    if not isinstance(given, list) or not 0 < len(given) <= MAX_STAGES:
        raise InvalidError.at("stages", say("Give a pipeline between 1 and %(max)s stages.", max=MAX_STAGES))
    known = {stage.id: stage for stage in pipeline.stages}
    kept: list[Stage] = []
    for at, one in enumerate(given):
        stage = _read_stage(session, one, f"stages.{at}", known)
        stage.position = at
        stage.slug = free(stage.slug or slugify(stage.name, 64, "stage"), [other.slug for other in kept], 64)
        kept.append(stage)
    _refuse_losses(session, [stage for stage in pipeline.stages if stage not in kept])
    pipeline.stages = kept


def _read_stage(session: Session, given: object, path: str, known: Mapping[str, Stage]) -> Stage:
    if not isinstance(given, dict):
        raise InvalidError.at(path, say("Give a stage as an object with a name."))
    stage = known.get(str(given.get("id") or ""))
    if stage is None:
        stage = Stage(name="", slug="", kind="open", probability=0)
        given = {"name": "", **given}
    try:
        values = reading.read(session, given, _STAGE_READERS)
    except InvalidError as error:
        raise InvalidError([Problem(f"{path}.{p.path}", p.message, code=p.code) for p in error.problems]) from None
    if stage.id and values.get("kind", stage.kind) != stage.kind and _has_deals(session, stage):
        raise InvalidError.at(f"{path}.kind", say("This stage has deals: move them first."), "fixed")
    for name, value in values.items():
        setattr(stage, name, value)
    return stage


def _refuse_losses(session: Session, gone: Sequence[Stage]) -> None:
    for stage in gone:
        if _has_deals(session, stage):
            raise ConflictError(
                say("The stage “%(name)s” has deals, perhaps in the trash: move them first.", name=stage.name)
            )


def _has_deals(session: Session, stage: Stage) -> bool:
    return session.scalar(select(Deal.id).where(Deal.stage_id == stage.id).limit(1)) is not None


def _written(session: Session, pipeline: Pipeline) -> None:
    session.flush()
    if pipeline.is_default:
        session.execute(update(Pipeline).where(Pipeline.id != pipeline.id).values(is_default=False))
    elif not session.scalar(select(Pipeline.id).where(Pipeline.is_default.is_(True)).limit(1)):
        pipeline.is_default = True
        session.flush()


def _odds(session: Session, value: object, path: str) -> int:
    number = reading.whole(session, value, path)
    if not 0 <= number <= 100:
        raise InvalidError.at(path, say("Enter a percentage from 0 to 100."))
    return number


_READERS: Mapping[str, reading.Reader] = {
    "name": reading.text_of(100, required=True),
    "position": reading.whole,
    "is_default": lambda session, value, path: bool(reading.column("boolean")(session, value, path)),
}
_STAGE_READERS: Mapping[str, reading.Reader] = {
    "name": reading.text_of(100, required=True),
    "kind": reading.choice_of(DEAL_STATUSES),
    "probability": _odds,
}
