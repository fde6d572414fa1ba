"""The expression language: types, messages, budgets, hostile input."""

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowapp.engine.language.compiler import MAX_NODES, MAX_SOURCE
from flowapp.engine.language.expression import MISSING, check, compile_value, has_expression, references, render
from flowapp.engine.language.filters import ALIASES, FILTERS
from flowapp.engine.language.scope import Scope
from flowapp.engine.language.values import MAX_TEXT
from flowapp.errors import ExpressionError, MissingFieldError

INPUT = {
    "email": "ann@example.com",
    "name": None,
    "amount": 1234.5,
    "qty": "3",
    "ok": True,
    "no": False,
    "tags": ["vip", "new"],
    "rows": [{"n": "b", "v": 2}, {"n": "a", "v": 10}, {"n": "c", "v": None}],
    "prénom": "Zoë",
    "first name": "Ann",
    "obj": {"x": {"y": [1, {"z": 5}]}},
    "__class__": "data",
    "injection": "{{ input.email }}",
    "float": 3.0,
}
SCOPE = Scope(
    input=INPUT,
    variables={"limit": 10},
    steps={"save": {"result": {"id": 7, "rows": [1]}, "status": "completed", "error": None}},
    now="2025-10-18T10:30:00+00:00",
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ input.amount }}", 1234.5),
        ("{{input.tags}}", ["vip", "new"]),
        ("{{ input.obj.x.y[1].z }}", 5),
        ("{{ input.obj.x.y.1.z }}", 5),
        ("{{ input['first name'] }}", "Ann"),
        ("{{ input.prénom }}", "Zoë"),
        ("{{ input.tags[-1] }}", "new"),
        ("{{ input.tags[input.obj.x.y[0]] }}", "new"),
        ("{{ input.name }}", None),
        ("{{ null }}", None),
        ("{{ input.ok }}", True),
        ("{{ steps.save.id }} ", "7 "),
        ("{{ steps.save.id }}", 7),
        ("{{ steps.save.result.id }}", 7),
        ("{{ steps.save.status }}", "completed"),
        ("{{ {'a': {'b': [1, 'x}}']}} }}", {"a": {"b": [1, "x}}"]}}),
        ("{{ (1, 2) }}", [1, 2]),
        ("{{ -1 }}", -1),
        ("{{-1}}", -1),
        ("{{ 2 * (3 + 4) }}", 14),
        ("{{ input.qty * 2 }}", 6),
        ("{{ input.qty + 1 }}", 4),
        ("{{ 7 // 2 }}", 3),
        ("{{ 7 % 4 }}", 3),
        ("{{ 2 ** 10 }}", 1024),
        ("{{ 'a' + 'b' }}", "ab"),
        ("{{ 'a' ~ 1 ~ none ~ true }}", "a1true"),
        ("{{ [1] + [2] }}", [1, 2]),
        ("{{ 1 < 2 < 3 }}", True),
        ("{{ 1 < 2 > 5 }}", False),
        ("{{ 'vip' in input.tags }}", True),
        ("{{ 'x' not in input.tags }}", True),
        ("{{ input.qty == 3 }}", True),
        ("{{ '007' == '7' }}", False),
        ("{{ true == 1 }}", True),
        ("{{ 'yes' if input.ok else 'no' }}", "yes"),
        ("{{ 'yes' if input.no }}", None),
        ("{{ input.name or 'friend' }}", "friend"),
        ("{{ not input.ok and input.nothing }}", False),
        ("{{ input.emial is defined }}", False),
        ("{{ input.email is defined }}", True),
        ("{{ input.x.y.z is not defined }}", True),
        ("{{ input.name is none }}", True),
        ("{{ 4 is even and 3 is odd and 9 is divisibleby 3 }}", True),
        ("{{ input.tags[0:1] }}", ["vip"]),
        ("{{ input.email[:3] }}", "ann"),
        ("{{ '\\d' }}", "\\d"),
        ("{{ 'l1\\nl2' }}", "l1\nl2"),
    ],
)
def test_one_expression_alone_keeps_its_type(text, value):
    found = render(text, SCOPE)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a {{ input.name }} b", "a  b"),
        ("{{ input.ok }}/{{ input.no }}", "true/false"),
        ("x{{ input.tags }}", 'x["vip", "new"]'),
        ("é {{ {'k': 'é'} }}", 'é {"k": "é"}'),
        ("{{ 0.1 + 0.2 }} €", "0.3 €"),
        ("{{ input.float }}!", "3!"),
        ("{{ 1e-7 }}!", "0.0000001!"),
        ("{{ 10 / 4 }} {{ 10 / 5 }}", "2.5 2"),
        ("{% if x %} {# {{ input.qty }} #} }}", "{% if x %} {# 3 #} }}"),
        ("{{ '{{' }} x", "{{ x"),
        ("line\r\n{{ input.qty }}\r\n", "line\r\n3\r\n"),
        ("{{ input.injection }}!", "{{ input.email }}!"),
    ],
)
def test_inside_text_it_becomes_text(text, value):
    assert render(text, SCOPE) == value


def test_output_is_never_evaluated_again():
    assert render({"a": "{{ input.injection }}"}, SCOPE) == {"a": "{{ input.email }}"}


def test_decimals_are_exact_and_plain():
    scope = {"price": Decimal("19.90"), "big": Decimal("1E+3")}
    assert render("{{ price * 3 }}", scope) == Decimal("59.70")
    assert render("{{ price + 0.1 }}", scope) == Decimal("20.00")
    assert render("{{ price }} {{ big }} {{ [price] }}", scope) == "19.90 1000 [19.9]"


def test_containers_are_rendered_and_constants_passed_on():
    value = {"a": ["{{ input.qty }}", 1, None], "{{ key }}": {"same": [1]}}
    found = render(value, SCOPE)
    assert found == {"a": ["3", 1, None], "{{ key }}": {"same": [1]}}
    assert found["{{ key }}"] is value["{{ key }}"]
    plain = {"x": [1, "y"]}
    assert render(plain, SCOPE) is plain


@pytest.mark.parametrize(
    ("text", "message", "suggestion"),
    [
        ("{{ input.emial }}", "input.emial does not exist. Did you mean input.email?", "input.email"),
        ("a {{ input.Email }}", "input.Email does not exist. Did you mean input.email?", "input.email"),
        ("{{ emial }}", "emial does not exist. Did you mean email?", "email"),
        ("{{ steps.sav.id }}", "steps.sav does not exist. Did you mean steps.save?", "steps.save"),
        ("{{ steps.save.row }}", "steps.save.row does not exist. Did you mean steps.save.rows?", "steps.save.rows"),
        ("{{ input.firstname }}", "input.firstname does not exist. Did you mean input['first name']?", None),
        ("{{ input.tags[9] }}", "input.tags[9] does not exist: input.tags has 2 entries, counted from 0.", None),
        ("{{ input.rows.n }}", "input.rows.n does not exist: input.rows is a list.", None),
        ("{{ input.name.x }}", "input.name.x does not exist: input.name is empty", None),
        ("{{ input.obj.q }}", "input.obj.q does not exist. Available: x.", None),
        ("{{ ''.__class__ }}", "__class__ does not exist", None),
        ("{{ input.email.__class__.__mro__ }}", "input.email.__class__ does not exist", None),
    ],
)
def test_a_missing_field_names_itself_and_the_nearest(text, message, suggestion):
    with pytest.raises(MissingFieldError) as caught:
        render(text, SCOPE)
    assert message in caught.value.message
    assert suggestion is None or caught.value.suggestion == suggestion


def test_python_attributes_are_unreachable_but_data_of_that_name_is_data():
    assert render("{{ input.__class__ }}", SCOPE) == "data"
    for text in ("{{ input.items }}", "{{ input.tags.append }}", "{{ steps.__init__ }}", "{{ input['keys'] }}"):
        with pytest.raises(MissingFieldError):
            render(text, SCOPE)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ input.x.y | default('z') }}", "z"),
        ("{{ input.name | default('z') }}", "z"),
        ("{{ '' | default('z') }}", ""),
        ("{{ '' | default('z', true) }}", "z"),
        ("{{ input.no | default('z') }}", False),
        ("{{ input.email | default(input.nothing) }}", "ann@example.com"),
        ("{{ (input.nothing | upper) | d('z') }}", "z"),
    ],
)
def test_default_catches_what_is_missing_or_null(text, value):
    assert render(text, SCOPE) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ input.x }}", MISSING),
        ("{{ input.x + 1 }}", MISSING),
        ("a{{ input.x }}b", "ab"),
        ("{{ input.x == none }}", True),
        ("{{ input.x != 1 }}", True),
        ("{{ input.tags > 1 }}", False),
        ("{{ not input.x }}", True),
        ("{{ input.x and true }}", False),
        ("{{ input.x or 5 }}", 5),
        ("{{ 1 if input.x else 2 }}", 2),
        ("{{ input.x is empty }}", True),
    ],
)
def test_lenient_evaluation_lets_missing_fields_pass(text, value):
    found = compile_value(text).evaluate(SCOPE, lenient=True)
    assert found is value if value in (MISSING, True, False) else found == value
    assert compile_value([text]).evaluate(SCOPE, lenient=True) == [None if value is MISSING else value]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ ' a '|trim|upper }}", "A"),
        ('{{ "l\'été à jean-luc"|title }}', "L'été À Jean-Luc"),
        ("{{ 'ABC'|capitalize }}", "Abc"),
        ("{{ 'aXa'|replace('a', 'bb') }}", "bbXbb"),
        ("{{ input.tags|length }}{{ input.name|count }}", "20"),
        ("{{ input.tags|first ~ input.tags|last }}", "vipnew"),
        ("{{ []|first }}", None),
        ("{{ input.rows|map('n')|join('-') }}", "b-a-c"),
        ("{{ 'a,b'|split(',') }}", ["a", "b"]),
        ("{{ 2.5|round }}", 3),
        ("{{ 2.675|round(2) }}", 2.68),
        ("{{ 1234|round(-2) }}", 1200),
        ("{{ '12.7'|int }}", 12),
        ("{{ 'x'|int(0) }}", 0),
        ("{{ '1.5'|float }}", 1.5),
        ("{{ 5|string }}", "5"),
        ("{{ (-5)|abs }}", 5),
        ("{{ [3, 1, 2]|min }}{{ [3, 1, 2]|max }}", "13"),
        ("{{ input.rows|sum('v') }}", 12),
        ("{{ [0.1, 0.2, 0.3]|sum }}", 0.6),
        ("{{ input.rows|sort('v', reverse=true)|map('n') }}", ["a", "b", "c"]),
        ("{{ (input.rows|max('v')).n }}", "a"),
        ("{{ ['10', 9]|sort }}", [9, "10"]),
        ("{{ [1, 1, '1']|unique }}", [1, "1"]),
        ("{{ 'abc'|reverse }}", "cba"),
        ("{{ input.tags|tojson }}", '["vip", "new"]'),
        ("{{ '{\"a\": [1]}'|fromjson }}", {"a": [1]}),
        ("{{ '2025-03-07T08:05:00Z'|date('%d/%m/%Y %H:%M', 'Europe/Paris') }}", "07/03/2025 09:05"),
        ("{{ '2025-03-07'|date('%A %-d %B', locale='fr') }}", "vendredi 7 mars"),
        ("{{ '2025-01-31'|plus('1 month') }}", "2025-02-28"),
        ("{{ '2025-10-17'|plus('1 business day') }}", "2025-10-20"),
        ("{{ now|plus('-2 hours') }}", "2025-10-18T08:30:00+00:00"),
        ("{{ 'abcdef'|truncate(4) }}", "abc…"),
        ("{{ 'a b&é'|urlencode }}", "a%20b%26%C3%A9"),
        ("{{ {'q': 'a b'}|urlencode }}", "q=a+b"),
        ("{{ 'Été à Paris !'|slug }}", "ete-a-paris"),
        ("{{ input.amount|number(2) }}", "1,234.50"),
        ("{{ input.amount|number(2, 'fr') }}", "1\u202f234,50"),
        ("{{ {'a': 1}|keys }}", ["a"]),
        ("{{ {'a': 1}|values }}", [1]),
        ("{{ {'a': 1}|items }}", [{"key": "a", "value": 1}]),
        ("{{ input|get('nope', 4) }}", 4),
        ("{{ input.tags|get(1) }}", "new"),
        ("{{ input.tags|contains('vip') }}", True),
    ],
)
def test_filters(text, value):
    assert render(text, SCOPE) == value


def test_every_filter_is_written_as_it_says():
    for name, entry in FILTERS.items():
        for usage in (entry.usage, entry.usage_of("it's"), *([entry.plain_usage] if "list" in entry.suits else [])):
            compile_value(f"{{{{ x | {usage} }}}}")
            assert usage.startswith(name)


@pytest.mark.parametrize("name", FILTERS)
def test_the_example_of_a_filter_gives_what_it_says(name):
    example = FILTERS[name].example
    assert example.usage.startswith(name)
    found = render(example.expression, {})
    assert (found, type(found)) == (example.result, type(example.result))
    assert render("{{ v | " + example.usage + " }}", {"v": example.value}) == example.result


def test_a_filter_for_the_entries_of_a_list_names_a_field_only_where_they_have_some():
    assert (FILTERS["sum"].plain_usage, FILTERS["sum"].usage_of("net price")) == ("sum", "sum('net price')")
    assert (FILTERS["join"].plain_usage, FILTERS["join"].usage_of("a")) == ("join(', ')", "join(', ', 'a')")
    assert FILTERS["split"].plain_usage == FILTERS["split"].usage_of("a") == "split(',')"
    assert set(ALIASES.values()) <= set(FILTERS)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("{{ input.email.upper() }}", "Functions cannot be called"),
        ("{{ range(10) }}", "Functions cannot be called"),
        ("{{ a b }}", "“b” is not expected"),
        ("{{ 1, 2 }}", "not expected"),
        ("{{ }}", "is empty"),
        ("{{ a", "is not closed"),
        ("{{ 'a }}", "the quote ' is not closed"),
        ("{{ a|uper }}", "Did you mean upper?"),
        ("{{ a|replace('x') }}", "replace('a', 'b')"),
        ("{{ a|upper(nope=1) }}", "upper"),
        ("{{ a is callable }}", "is not supported"),
        ("{{ a|join(*b) }}", "not supported"),
        ("{{ a[1:2:3] }}", "start and an end"),
        ("{{ a[1.5] }}", "a name or a whole number"),
        ("{{ 1" + "0" * 5000 + " }}", "cannot be read"),
        ("{{ 1e999 }}", "not a finite number"),
        ("{{ '\\ud800' }}", "surrogate"),
        ("{{ '\\x4' }}", "cannot be read"),
        ("{{ " + "(" * 3000 + ")" * 3000 + " }}", "cannot be read"),
        ("{{ " + "not " * 2400 + "a }}", "nested"),
        ("{{ " + "[" * 100 + "]" * 100 + " }}", "nested"),
        ("{{ a" + ".b" * 100 + " }}", "nested"),
        ("{{ a" + "|upper" * 100 + " }}", "nested"),
        ("{{ [" + "1," * (MAX_NODES + 1) + "] }}", "too long"),
        ("{{ '" + "x" * MAX_SOURCE + "' }}", "too long"),
    ],
)
def test_what_does_not_parse_is_said_at_the_field(text, part):
    problems = check({"a": [{"b": text}]}, "params")
    assert [problem.path for problem in problems] == ["params.a.0.b"]
    assert part in problems[0].message
    with pytest.raises(ExpressionError):
        compile_value(text)


@pytest.mark.parametrize(
    "text",
    [
        "{{ 1 / 0 }}",
        "{{ 1 % 0 }}",
        "{{ 1 + 'x' }}",
        "{{ 'ab' * 3 }}",
        "{{ 1 < 'x' }}",
        "{{ none < 1 }}",
        "{{ 9 ** 99 ** 9 }}",
        "{{ 10 ** 101 }}",
        "{{ (9 ** 80) * (9 ** 80) }}",
        "{{ (-8) ** 0.5 }}",
        "{{ 0 ** -1 }}",
        "{{ 1 in 5 }}",
        "{{ input.tags|upper|fromjson|sum }}",
        "{{ 'x'|int }}",
        "{{ 'x'|replace('', 'y') }}",
        "{{ 'x'|split('') }}",
        "{{ 'NaN'|fromjson }}",
        "{{ '[1'|fromjson }}",
        "{{ 'x'|date }}",
        "{{ '2025-01-01'|date('%Q') }}",
        f"{{{{ '2025-01-01'|date('{'%B' * 251}', locale='fr') }}}}",
        "{{ '2025-01-01'|plus('soon') }}",
        "{{ '2025-01-01'|date('%Y', 'Mars/Base') }}",
        "{{ [1, 'x']|sort }}",
        "{{ 1|number(99) }}",
        "{{ 5|keys }}",
        "{{ input.qty[:] ~ 5[:1] }}",
    ],
)
def test_what_cannot_be_computed_is_an_expression_error(text):
    with pytest.raises(ExpressionError) as caught:
        render(text, SCOPE)
    assert caught.value.message.startswith("{{ ")


@pytest.mark.parametrize(
    "text",
    [
        "{{ big ~ big ~ big ~ big ~ big }}",
        "{{ big|replace('x', big) }}",
        "{{ [big, big, big]|join(big) }}",
        "{{ [" + "big," * 30 + "] }}",
        "{{ [big, big, big, big, big]|tojson }}",
        "{{ big" + "|upper|lower" * 12 + " }}",
        "{{ big|split('x')|join|split|join|split('x') }}" * 9,
        "{{ big }}" * 6,
        "{{ {'a': [big, big], 'b': [big, big, [big, big]]}|string }}",
    ],
)
def test_small_expressions_cannot_make_huge_values(text):
    scope = {"big": "x" * (MAX_TEXT // 4)}
    with pytest.raises(ExpressionError, match=r"too (large|much)"):
        render(text, scope)


def test_many_references_to_one_large_object_are_bounded():
    large = {"rows": list(range(200_000))}
    assert render({"a": "{{ x }}"}, {"x": large})["a"] is large
    with pytest.raises(ExpressionError, match=r"too (large|much)"):
        render(["{{ x }}"] * 200, {"x": large})


def test_a_megabyte_of_text_and_deep_values():
    text = "y" * 2**20
    assert render(text, SCOPE) is text
    assert render("{{ input.qty }}" + "y" * 500_000, SCOPE) == "3" + "y" * 500_000
    deep: object = "{{ input.qty }}"
    for _ in range(5000):
        deep = [deep]
    for act in (compile_value, lambda v: render(v, SCOPE), references, has_expression):
        with pytest.raises(ExpressionError, match="deep"):
            act(deep)
    assert "deep" in check(deep, "p")[0].message
    data: object = 1
    for _ in range(500):
        data = [data]
    with pytest.raises(ExpressionError, match="deep"):
        render("{{ x|tojson }}", {"x": data})


def test_the_expressions_of_one_text_are_counted():
    with pytest.raises(ExpressionError, match="too many expressions"):
        render("{{ 1 }}" * 2001, SCOPE)


def test_references_are_listed_once_in_order():
    value = {
        "a": "{{ steps.save.id }} {{ input.x[0].y|default(variables.z) }}",
        "b": ["{{ steps.save.id }}", "{{ 'in' if contact.email in steps[input.k].list }}", 5],
    }
    assert references(value) == [
        ("steps", "save", "id"),
        ("variables", "z"),
        ("input", "x", "0", "y"),
        ("contact", "email"),
        ("steps",),
        ("input", "k"),
    ]
    assert references("plain") == []


def test_has_expression():
    assert has_expression({"a": [{"b": "x {{ y }}"}]})
    assert not has_expression({"{{ a }}": ["x", 1, None]})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
TOKENS = st.sampled_from(
    [*"abc.|[](){}+-*/%~,:=<>'\"\\ 0129", "**", "//", "==", " in ", " not ", " is ", " if ", " else ", " and ", " or ",
     "none", "true", "defined", "{{", "}}", "'x'", "é", "\ud800", "\x00", *FILTERS]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=40) | st.lists(TOKENS, max_size=14).map("".join), JSON, st.booleans())
def test_nothing_but_an_expression_error_comes_out(source, data, lenient):
    try:
        compile_value(f"{{{{ {source} }}}}").evaluate(Scope(input=data), lenient=lenient)
    except ExpressionError as error:
        assert error.message


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(FILTERS)), JSON, st.lists(JSON, max_size=3))
def test_every_filter_takes_anything_or_says_why_not(name, value, args):
    scope = {"v": value, **{f"p{at}": arg for at, arg in enumerate(args)}}
    try:
        found = render(f"{{{{ v|{name}({', '.join(f'p{at}' for at in range(len(args)))}) }}}}", scope)
    except ExpressionError as error:
        assert error.message
    else:
        json.dumps(found)


@settings(max_examples=200)
@given(JSON)
def test_values_without_expressions_and_paths_come_back_as_they_are(value):
    assert render("{{ input.v }}", Scope(input={"v": value})) == value
    if not has_expression(value):
        assert render(value, Scope()) == value


def test_dates_are_sorted_as_moments():
    scope = {"input": {"days": ["2026-03-31T10:00:00+02:00", "2026-03-31T09:00:00Z", "2026-03-31"]}}
    assert render("{{ input.days|sort|first }}", scope) == "2026-03-31"
    assert render("{{ input.days|max }}", scope) == "2026-03-31T09:00:00Z"


def test_a_missing_field_is_an_error():
    for text in ("{{ input.gone }}", "a {{ input.gone }}", "{{ input.gone + 1 }}", "{{ input.gone == 1 }}"):
        with pytest.raises(MissingFieldError):
            render(text, {"input": {"a": 1}})
