from __future__ import annotations

import json

import pytest

from monitor.model.body_template import BodyTemplate, is_json, samples


def fault(text: str, *, is_json: bool = True) -> str:
    with pytest.raises(ValueError) as caught:
        BodyTemplate(text, is_json=is_json).check()
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "{}\n{% if %}",
            "line 2: Expected an expression, got 'end of statement block'",
        ),
        ("{{ status | shout }}", "line 1: No filter named 'shout'."),
        ("{\n{{ state | tojson }}}", "line 2: 'state' is undefined"),
        (
            '{"x": {{ alerts[0].summary | tojson }}}',
            "line 1: 'dict object' has no attribute 'summary'",
        ),
        (
            "{% for a in alerts %}\n{{ a.label.x }}{% endfor %}",
            "line 2: 'dict object' has no attribute 'label'",
        ),
        ("{{ 1 / 0 }}", "line 1: ZeroDivisionError"),
        ('{"x": {{ alerts[0].labels.items | tojson }}}', "line 1: TypeError"),
        (
            "{{ alerts.append(1) }}",
            "line 1: access to attribute 'append' of 'list' object is unsafe.",
        ),
        (
            "{{ ''.__class__.__mro__ }}",
            "line 1: access to attribute '__class__' of 'str' object is unsafe.",
        ),
        ("{% include 'x' %}", "line 1: TypeError"),
        ("{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}", "is nested too deep"),
        ("{% if 1 %}" * 150 + "{% endif %}" * 150, "is nested too deep"),
        ("{{ range(10000000) | list }}", "line 1: OverflowError"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, message: str) -> None:
    assert fault(text) == message


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"x": "{{ commonAnnotations.summary }}"}',
        '{"x": "{{ alerts[0].labels.any_label_at_all }}"}',
        '{"x": "{{ groupKey }}"}',
        '{"x": {{ status }}}',
        "[{% for a in alerts %}{{ a | tojson }},{% endfor %}]",
        "NaN",
    ],
)
def test_what_would_give_no_json_for_some_alert_is_found_at_load(text: str) -> None:
    message = fault(text)
    assert message.startswith("gives no JSON (")
    assert message.endswith(
        "); write every value as {{ value | tojson }}, without quotes"
    )
    if text:
        BodyTemplate(text, is_json=False)


def test_other_types_are_not_held_to_be_json() -> None:
    BodyTemplate("{{ commonAnnotations.summary }}", is_json=False).check()


def test_all_of_the_body_can_be_written_as_it_is() -> None:
    text = (
        '{"version": {{ version | tojson }}, "alerts": {{ alerts | tojson(indent=1) }},'
        ' "commonLabels": {{ commonLabels | tojson }}}'
    )
    template = BodyTemplate(text, is_json=True)
    template.check()
    body = samples()[0]
    filled = json.loads(template.render(body))
    assert filled == {
        name: body[name] for name in ("version", "alerts", "commonLabels")
    }


def test_a_label_that_an_alert_does_not_have_is_empty() -> None:
    text = '{"x": {{ alerts[0].labels.team | tojson }}, "y": {{ ("team" in alerts[0].labels) | tojson }}}'
    assert json.loads(BodyTemplate(text, is_json=True).render(samples()[0])) == {
        "x": "",
        "y": False,
    }


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/json", True),
        ("application/JSON; charset=utf-8", True),
        ("application/cloudevents+json", True),
        ("text/plain", False),
        ("application/x-www-form-urlencoded", False),
    ],
)
def test_types_that_are_json_are_known(content_type: str, expected: bool) -> None:
    assert is_json(content_type) is expected
