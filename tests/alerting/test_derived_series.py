"""How series of inputs are put together: by pictures, and against a table that is joined in another way."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.alerting.derived_series import derived_success, series_of
from monitor.alerting.query_view import QueryStatus, QueryView
from monitor.config.queries.arithmetic import read_expression
from monitor.model.derivations import Derivation, DerivedInput, SeriesAggregate
from monitor.model.lower_bounds import LowerBound
from monitor.model.results import Sample, Success
from monitor.model.settings import Job, labels_of
from tests.support.harness import TARGET, a_query

USED = DerivedInput("used", "used", "main", "q")
LIMIT = DerivedInput("limit", "limits", "main", "q")
Row = tuple[dict[str, str], float]


def derivation(
    text: str = "used / limit",
    inputs: tuple[DerivedInput, ...] = (USED, LIMIT),
    labels: tuple[str, ...] = ("plan",),
    aggregate: SeriesAggregate = "sum",
) -> Derivation:
    return Derivation(read_expression(text), text, inputs, labels, aggregate)


def a_success(**metrics: list[Row]) -> Success:
    """Make a result with these samples by metric."""
    samples = [
        Sample(metric, labels_of(labels), value)
        for metric, rows in metrics.items()
        for labels, value in rows
    ]
    return Success(tuple(samples), len(samples))


def derived(given: Derivation, success: Success) -> Success:
    """Derive a value from one result that has all inputs."""
    view = QueryView(
        Job(TARGET, a_query("q")),
        status=QueryStatus.OK,
        outcome=success,
        samples=success.samples,
    )
    series = {one.name: series_of(one, view, given) for one in given.inputs}
    return derived_success("share", given, series)


def values(success: Success) -> dict[str, float]:
    return {dict(one.labels).get("plan", ""): one.value for one in success.samples}


def test_series_with_equal_labels_belong_together() -> None:
    success = a_success(
        used=[({"plan": "pro"}, 3), ({"plan": "free"}, 1)],
        limits=[({"plan": "free"}, 4), ({"plan": "pro"}, 6)],
    )
    assert values(derived(derivation(), success)) == {"pro": 0.5, "free": 0.25}


def test_a_series_without_partner_has_no_value_and_its_alert_resolves() -> None:
    success = a_success(
        used=[({"plan": "pro"}, 3), ({"plan": "free"}, 1)],
        limits=[({"plan": "pro"}, 6)],
    )
    found = derived(derivation(), success)
    assert (values(found), found.silent) == ({"pro": 0.5}, ())


def test_what_stands_for_a_series_that_is_not_there() -> None:
    inputs = (USED, replace(LIMIT, absent=2.0))
    success = a_success(
        used=[({"plan": "pro"}, 3)], limits=[({"plan": "pro"}, 6), ({"plan": "x"}, 1)]
    )
    given = derivation("used - limit", inputs)
    assert values(derived(given, success)) == {"pro": -3.0}
    without = a_success(used=[({"plan": "pro"}, 3)], limits=[])
    assert values(derived(given, without)) == {"pro": 1.0}


def test_without_labels_there_is_one_value_also_where_no_input_has_a_series() -> None:
    given = derivation("used", (replace(USED, absent=0.0),), labels=())
    assert values(derived(given, a_success())) == {"": 0.0}
    assert values(derived(derivation("used", (USED,), labels=()), a_success())) == {}


@pytest.mark.parametrize(
    ("aggregate", "value"), [("sum", 6.0), ("avg", 2.0), ("min", 1.0), ("max", 3.0)]
)
def test_series_that_differ_in_other_labels_are_one(
    aggregate: SeriesAggregate, value: float
) -> None:
    rows: list[Row] = [({"plan": "pro", "host": f"h{n}"}, n) for n in (1, 2, 3)]
    given = derivation("used", (USED,), aggregate=aggregate)
    assert values(derived(given, a_success(used=rows))) == {"pro": value}
    rows.append(({"plan": "pro", "host": "h4"}, math.nan))
    found = values(derived(given, a_success(used=rows)))
    assert math.isnan(found["pro"])


def test_an_input_is_the_series_that_where_selects() -> None:
    low = replace(USED, where=(("state", "low"),))
    rows: list[Row] = [
        ({"plan": "pro", "state": s}, n) for s, n in (("low", 1), ("ok", 3))
    ]
    given = derivation("low / used", (replace(low, name="low"), USED))
    assert values(derived(given, a_success(used=rows))) == {"pro": 0.25}


def test_what_is_divided_by_zero_is_not_over() -> None:
    success = a_success(
        used=[({"plan": "pro"}, 3), ({"plan": "free"}, 1)],
        limits=[({"plan": "pro"}, 0), ({"plan": "free"}, 2)],
    )
    found = derived(derivation(), success)
    assert values(found) == {"free": 0.5}
    assert found.silent == (labels_of({"plan": "pro"}),)


def test_of_what_an_item_failed_nobody_can_tell() -> None:
    rows: list[Row] = [
        ({"plan": "pro", "shop": "eu"}, 3),
        ({"plan": "free", "shop": "eu"}, 1),
    ]
    success = replace(a_success(used=rows), silent=(labels_of({"shop": "us"}),))
    by_shop = derivation("used", (USED,), labels=("plan", "shop"))
    assert len(derived(by_shop, success).samples) == 2
    assert derived(by_shop, success).silent == (labels_of({"shop": "us"}),)
    # Of a sum over all shops one is missing.
    found = derived(derivation("used", (USED,)), success)
    assert (found.samples, found.silent) == ((), ((),))
    of_eu = replace(USED, where=labels_of({"shop": "eu"}))
    assert len(derived(derivation("used", (of_eu,)), success).samples) == 2


def test_what_was_counted_in_part_has_no_value() -> None:
    success = a_success(used=[({"plan": "pro"}, 3), ({"plan": "free"}, 1)])
    bound = LowerBound("used", labels_of({"plan": "pro"}))
    found = derived(
        derivation("used", (USED,)), replace(success, lower_bounds=(bound,))
    )
    assert values(found) == {"free": 1.0}
    at_least = replace(success.samples[1], at_least=True)
    partly = replace(success, samples=(success.samples[0], at_least))
    found = derived(derivation("used", (USED,)), partly)
    assert (values(found), found.silent) == (
        {"pro": 3.0},
        (labels_of({"plan": "free"}),),
    )


def test_texts_can_name_the_values_of_the_inputs() -> None:
    success = a_success(used=[({"plan": "pro"}, 3)], limits=[({"plan": "pro"}, 1500)])
    (sample,) = derived(derivation(), success).samples
    assert dict(sample.details) == {"used": "3", "limit": "1500"}


_plans, _hosts = ("a", "b", "c"), ("x", "y")
_rows = st.dictionaries(
    st.tuples(st.sampled_from(_plans), st.sampled_from(_hosts)), st.integers(0, 3)
)


@given(first=_rows, second=_rows, absent=st.none() | st.just(5.0))
def test_it_is_the_join_of_two_sums(
    first: dict[tuple[str, str], int],
    second: dict[tuple[str, str], int],
    absent: float | None,
) -> None:
    inputs = (USED, replace(LIMIT, absent=absent))
    success = a_success(
        used=[({"plan": plan, "host": host}, n) for (plan, host), n in first.items()],
        limits=[
            ({"plan": plan, "host": host}, n) for (plan, host), n in second.items()
        ],
    )
    wanted, undefined = {}, set()
    for plan in _plans:
        used = [first[key] for key in itertools.product([plan], _hosts) if key in first]
        limit = [
            second[key] for key in itertools.product([plan], _hosts) if key in second
        ]
        below = float(sum(limit)) if limit else absent
        if not used or below is None:
            continue
        if below:
            wanted[plan] = sum(used) / below
        else:
            undefined.add(plan)
    found = derived(derivation(inputs=inputs), success)
    assert values(found) == wanted
    assert {dict(labels)["plan"] for labels in found.silent} == undefined
