"""What page authors build with: icons that exist, pages the CSP lets live, macros that are documented and render."""

from __future__ import annotations

import ast
import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, render_template_string
from flask_babel import Babel
from flask_wtf import CSRFProtect
from jinja2 import Environment, StrictUndefined, nodes
from wtforms import (
    BooleanField,
    EmailField,
    Form,
    FormField,
    RadioField,
    SelectChoice,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired

ROOT = Path(__file__).parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
LISTED = set((ROOT / "static/src/icons.txt").read_text(encoding="utf-8").split())
# Where each macro takes the name of an icon.
ICON_ARGUMENT = {"icon": 0, "empty_state": 0, "button": 1, "menu": 1, "link_button": 2, "badge": 2}


def _constants(node: nodes.Node | None) -> Iterator[str]:
    """The strings an expression may yield, through `a if x else b`."""
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, nodes.CondExpr):
        yield from _constants(node.expr1)
        yield from _constants(node.expr2)


def _icons_of_template(source: str) -> Iterator[str]:
    tree = Environment(extensions=["jinja2.ext.i18n"]).parse(source)
    for call in tree.find_all(nodes.Call):
        name = call.node.attr if isinstance(call.node, nodes.Getattr) else getattr(call.node, "name", "")
        place = ICON_ARGUMENT.get(str(name))
        if place is not None and len(call.args) > place:
            yield from _constants(call.args[place])
        for keyword in call.kwargs:
            if keyword.key == "icon_name":
                yield from _constants(keyword.value)
    for pair in tree.find_all(nodes.Pair):
        if isinstance(pair.key, nodes.Const) and pair.key.value == "icon":
            yield from _constants(pair.value)


def _icons_of_module(source: str) -> Iterator[str]:
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call):
            continue
        values = [k.value for k in call.keywords if k.arg == "icon"]
        if getattr(call.func, "id", "") == "Nav" and len(call.args) > 2:
            values.append(call.args[2])
        yield from (v.value for v in values if isinstance(v, ast.Constant) and isinstance(v.value, str))


def test_every_icon_used_is_in_the_sprite() -> None:
    used: dict[str, str] = {}
    for path in TEMPLATES:
        used |= dict.fromkeys(_icons_of_template(path.read_text(encoding="utf-8")), path.name)
    for path in (ROOT / "flowapp").rglob("*.py"):
        used |= dict.fromkeys(_icons_of_module(path.read_text(encoding="utf-8")), path.name)
    assert "search" in used
    missing = {name: file for name, file in used.items() if name not in _sprite()}
    assert not missing, f"add these to static/src/icons.txt: {missing}"


def test_the_icon_finder_sees_each_way_of_naming_one() -> None:
    template = "{{ ui.icon('a') }}{{ button(_('x'), 'b' if y else 'c') }}{{ ui.confirm('x', icon_name='d') }}{{ f([{'icon': 'e'}]) }}"
    assert sorted(_icons_of_template(template)) == ["a", "b", "c", "d", "e"]
    assert sorted(_icons_of_module("action('x', icon='a')\nNav(1, N_('x'), 'b')")) == ["a", "b"]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: str(p.relative_to(ROOT / "templates")))
def test_templates_hold_nothing_the_csp_refuses(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    refused = {
        "inline style": r"<[^>]*\sstyle\s*=|<style",
        "inline handler": r"<[^>]*\s(?:hx-)?on[a-z:-]+\s*=\s*[\"']",
        "inline script": r"<script(?![^>]*\bsrc=)",
        "script address": r"javascript:|[\"']js:",
    }
    assert [name for name, pattern in refused.items() if re.search(pattern, source)] == []


def _manifest() -> dict[str, str]:
    path = ROOT / "static/dist/manifest.json"
    assert path.exists(), "the assets are not built: run `node static/build.mjs`"
    manifest: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return manifest


def _sprite() -> set[str]:
    text = (ROOT / "static/dist" / _manifest()["icons.svg"]).read_text(encoding="utf-8")
    return set(re.findall(r'<symbol id="([^"]+)"', text))


def test_the_build_is_whole_and_small() -> None:
    dist = ROOT / "static/dist"
    manifest = _manifest()
    assert {"app.css", "app.js", "theme.js", "icons.svg", "favicon.svg"} <= set(manifest)
    assert all((dist / name).is_file() for name in manifest.values())
    assert len(gzip.compress((dist / manifest["app.js"]).read_bytes())) <= 60 * 1024
    css = (dist / manifest["app.css"]).read_text(encoding="utf-8")
    assert re.findall(r"(?:url\(|@import\s)[\"']?https?:", css) == []


def test_the_sprite_has_the_listed_icons() -> None:
    assert _sprite() >= LISTED


def test_every_macro_is_documented() -> None:
    exported = re.findall(
        r"^{% set (\w+) =", (ROOT / "templates/components/ui.html").read_text(encoding="utf-8"), re.MULTILINE
    )
    guide = (ROOT / "docs/ui.md").read_text(encoding="utf-8")
    assert len(exported) > 30
    assert [name for name in exported if f"ui.{name}" not in guide] == []


class _Inner(Form):
    key = StringField("Key")


class _Sample(Form):
    name = StringField("Name", [InputRequired("Give it a name.")], description="Seen in lists.")
    mail = EmailField("Send to")
    table = SelectField("Table", choices=[SelectChoice("a", "contacts")])
    missed = RadioField("Missed firings", choices=[SelectChoice("skip", "Skip"), SelectChoice("once", "Once")])
    text = TextAreaField("Message")
    keep = BooleanField("Keep a copy")
    inner = FormField(_Inner, "First header")


@pytest.fixture
def render() -> Iterator[object]:
    app = Flask("gallery", template_folder=str(ROOT / "templates"))
    app.config["SECRET_KEY"] = "for this test"
    Babel(app)
    CSRFProtect(app)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.globals["asset"] = lambda name: f"/static/{name}"

    def run(source: str, **context: object) -> str:
        with app.test_request_context("/list?q=a%22b&status=active&cursor=9"):
            return render_template_string('{% import "components/ui.html" as ui %}' + source, **context)

    yield run


def test_a_field_ties_label_hint_and_error_together(render) -> None:  # type: ignore[no-untyped-def]
    form = _Sample()
    form.validate()
    html = render("{{ ui.field(form.name, picker=True) }}", form=form)
    assert 'for="name"' in html
    assert 'aria-describedby="name-hint name-error"' in html
    assert 'aria-invalid="true"' in html
    assert 'id="name-error"' in html
    assert "Give it a name." in html
    assert 'data-picker-for="name"' in html


def test_all_kinds_of_fields_have_a_name_for_everyone(render) -> None:  # type: ignore[no-untyped-def]
    html = render("{{ ui.fields(form, picker=True) }}", form=_Sample())
    for field in ("mail", "table", "text", "inner-key"):
        assert f'<label class="form-label" for="{field}">' in html
    assert "<legend" in html
    assert html.count('type="radio"') == 2
    assert 'data-picker-for="table"' not in html


def test_links_of_a_list_keep_the_other_choices(render) -> None:  # type: ignore[no-untyped-def]
    html = render("{{ ui.sort_th('name', 'Name') }}{{ ui.pagination('n&1', none, 3) }}{{ ui.filter_bar() }}")
    assert 'href="/list?q=a%22b&amp;status=active&amp;sort=name"' in html
    assert "cursor=n%261" in html
    assert 'value="a&#34;b"' in html


def test_what_people_typed_is_never_markup(render) -> None:  # type: ignore[no-untyped-def]
    evil = "<img src=x onerror=alert(1)>"
    run = {"id": 1, "name": evil, "status": "failed", "action_type": evil, "error": evil, "input": {evil: evil}}
    html = render(
        "{{ ui.step_run(run) }}{{ ui.log_line(line) }}{{ ui.value_list(groups) }}{{ ui.confirm(evil, '/x', evil, evil) }}{{ ui.kv([(evil, evil)]) }}",
        run=run, evil=evil, line={"level": "info", "message": evil}, groups=[{"label": evil, "items": [{"path": evil, "sample": evil}]}],
    )  # fmt: skip
    assert "<img" not in html
    assert "&lt;img" in html


def test_sparkline_scales_to_its_tallest_bar(render) -> None:  # type: ignore[no-untyped-def]
    html = render("{{ ui.sparkline([(3, 1), (0, 0), (8, 0)], height=21) }}")
    assert 'class="ok" x="12" y="1.0" width="4" height="20.0"' in html
    assert 'class="bad" x="0"' in html
    assert "11 succeeded, 1 failed" in html


def test_classes_of_templates_are_written_with_hyphens() -> None:
    """As the style sheets write them: a renamed word had left its rules behind."""
    written = {
        (path.name, name)
        for path in Path("templates").rglob("*.html")
        for names in re.findall(r'class="([^"]*)"', path.read_text(encoding="utf-8"))
        for name in re.sub(r"\{[{%].*?[%}]\}", " ", names).split()
        if "_" in name
    }
    assert not written
