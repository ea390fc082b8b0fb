"""Targets: status, path and forecast against figures worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from citytwin.engine import track
from citytwin.engine.twin import Twin
from citytwin.kernel.plan import Binding, Place, Plan, Progress, Target
from citytwin.kernel.store import Change
from citytwin.kernel.title import Title

MEAN = Binding("tank.level_month", "t1")


def target(comparator: str, value: float | None, deadline: date | None, **more: Any) -> Target:
    return Target(
        "x",
        Title("目标", "Target"),
        "numeric",
        comparator,
        Place("一", 0, 1),
        value,
        deadline=deadline,
        measured_by=MEAN,
        **more,
    )  # type: ignore[arg-type]


@pytest.fixture
def stand(make_twin: Callable[..., Twin]) -> Callable[..., Progress]:
    """`stand(target, {"2022-01": 1.0, …}, as_of)`: progress given monthly figures."""

    def make(t: Target, figures: dict[str, float], as_of: date, issued: date | None = None) -> Progress:
        twin = make_twin((Plan("p", Title("规划", "Plan"), (), 1, issued=issued, targets=(t,)),))
        twin.store.commit(Change("DELETE FROM indicator_row"))
        table = pa.table(
            {
                "period": pa.array([datetime(int(m[:4]), int(m[5:]), 1) for m in figures], pa.timestamp("us")),
                "value": pa.array(list(figures.values()), pa.float64()),
            }
        )
        twin.store.commit(
            Change(
                "INSERT INTO indicator_row SELECT 'tank.level_month', 't1', timezone('Asia/Shanghai', period), value, 'v', now() FROM figures",
                tables={"figures": table},
            )
        )
        (found,) = track.progress(twin, as_of)
        return found

    return make


MONTHS = [f"2022-{m:02}" for m in range(1, 13)]


@pytest.mark.parametrize(
    ("comparator", "value", "figures", "as_of", "status"),
    [
        (">=", 10, {"2022-11": 9.0, "2022-12": 10.0}, date(2023, 6, 1), "met"),
        (">=", 10, {"2022-11": 9.0, "2022-12": 9.9}, date(2023, 6, 1), "missed"),
        (
            ">=",
            10,
            {"2022-11": 9.0, "2022-12": 9.9, "2023-01": 12.0},
            date(2023, 6, 1),
            "missed",
        ),  # too late does not count
        (">", 10, {"2022-12": 10.0}, date(2023, 6, 1), "missed"),
        ("<=", 10, {"2022-12": 10.0}, date(2023, 6, 1), "met"),
        ("<", 10, {"2022-12": 10.0}, date(2023, 6, 1), "missed"),
        ("=", 10, {"2022-12": 11.0}, date(2023, 6, 1), "missed"),  # this indicator is better lower: a ceiling
        ("approx", 10, {"2022-12": 10.4}, date(2023, 6, 1), "met"),
        ("approx", 10, {"2022-12": 10.6}, date(2023, 6, 1), "missed"),
        (">=", 10, {"2022-05": 10.0}, date(2022, 6, 15), "met"),  # attained before the deadline
        (">=", 10, {"2023-02": 10.0}, date(2023, 6, 1), "met"),  # measured only after it
        (
            ">=",
            12,
            {m: float(i) for i, m in enumerate(MONTHS[:6], 1)},
            date(2022, 7, 1),
            "on_track",
        ),  # one a month: 12 in December
        (">=", 13, {m: float(i) for i, m in enumerate(MONTHS[:6], 1)}, date(2022, 7, 1), "at_risk"),
        ("<=", 12.5, {m: float(i) for i, m in enumerate(MONTHS[:6], 1)}, date(2022, 7, 1), "on_track"),
        (
            "<=",
            11,
            {m: float(i) for i, m in enumerate(MONTHS[:6], 1)},
            date(2022, 7, 1),
            "at_risk",
        ),  # below now, above then
    ],
)
def test_status_against_hand_judgement(
    stand: Callable[..., Progress], comparator: str, value: float, figures: dict[str, float], as_of: date, status: str
) -> None:
    assert stand(target(comparator, value, date(2022, 12, 31)), figures, as_of).status == status


def test_a_reduction_counts_from_the_baseline_year(stand: Callable[..., Progress]) -> None:
    t = target("reduce_by", 10, date(2023, 12, 31), unit="%", baseline=2020)
    found = stand(t, {"2020-12": 50.0, "2023-12": 45.0}, date(2024, 2, 1))
    assert (found.baseline, found.goal, found.status, found.unit) == (50.0, 45.0, "met", "m")
    assert stand(t, {"2020-12": 50.0, "2023-12": 45.1}, date(2024, 2, 1)).status == "missed"


def test_percentage_points_are_added_not_multiplied(stand: Callable[..., Progress]) -> None:
    t = target("increase_by", 2, date(2022, 12, 31), unit="pp", baseline=2020)
    assert stand(t, {"2020-12": 80.0, "2022-12": 82.0}, date(2023, 1, 5)).goal == 82.0


def test_a_baseline_year_without_figures_is_said(stand: Callable[..., Progress]) -> None:
    found = stand(
        target("reduce_by", 10, date(2023, 12, 31), unit="%", baseline=2020), {"2023-12": 45.0}, date(2024, 2, 1)
    )
    assert found.status == "not_measured"
    assert found.reason is not None
    assert "2020" in found.reason.en


def test_figures_are_shown_in_the_targets_unit(stand: Callable[..., Progress]) -> None:
    found = stand(target("<=", 120, date(2022, 12, 31), unit="cm"), {"2022-12": 1.0}, date(2023, 1, 5))
    assert (found.value, found.goal, found.unit, found.status) == (100.0, 120.0, "cm", "met")


def test_the_path_runs_straight_from_baseline_to_deadline(stand: Callable[..., Progress]) -> None:
    t = target(">=", 20, date(2022, 12, 31), baseline=2020, baseline_value=0.0)
    found = stand(t, {"2021-06": 3.0, "2021-12": 5.0}, date(2021, 12, 31))  # half way in time
    assert found.expected == pytest.approx(10.0)


def test_forecast_against_a_line_worked_out_by_hand(stand: Callable[..., Progress]) -> None:
    found = stand(
        target(">=", 13, date(2022, 12, 31)), {m: float(i) for i, m in enumerate(MONTHS[:6], 1)}, date(2022, 7, 1)
    )
    # month ends 31, 59, 90, 120, 151, 181 days into the year against 1..6: ordinary least squares at day 365
    days, values = [31, 59, 90, 120, 151, 181], [1, 2, 3, 4, 5, 6]
    mean = sum(days) / 6
    slope = sum((d - mean) * (v - 3.5) for d, v in zip(days, values, strict=True)) / sum((d - mean) ** 2 for d in days)
    assert found.forecast == pytest.approx(3.5 + slope * (365 - mean), rel=1e-6)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.forecast < found.high  # type: ignore[operator]
    assert found.probability == pytest.approx(0.0, abs=1e-3)


def test_what_was_not_known_then_does_not_count(stand: Callable[..., Progress]) -> None:
    figures = {"2022-03": 5.0, "2022-06": 12.0}
    t = target(">=", 10, date(2022, 12, 31))
    assert stand(t, figures, date(2022, 5, 1)).value == 5.0
    assert stand(t, figures, date(2022, 7, 1)).value == 12.0


def test_a_target_without_deadline_has_no_path(stand: Callable[..., Progress]) -> None:
    found = stand(target("<=", 40, None), {"2022-03": 50.0}, date(2022, 5, 1))
    assert (found.status, found.expected, found.forecast) == ("at_risk", None, None)


def test_tracking_twice_leaves_one_row_a_day(make_twin: Callable[..., Twin]) -> None:
    twin = make_twin((Plan("p", Title("规划", "Plan"), (), 1, targets=(target(">=", 1, date(2022, 12, 31)),)),))
    for _ in range(2):
        track.track(twin, datetime(2022, 5, 1, tzinfo=UTC))
    track.track(twin, datetime(2022, 5, 1, tzinfo=UTC) + timedelta(days=1))
    assert (
        twin.store.fetch("SELECT target, status FROM target_progress ORDER BY as_of").to_pylist()
        == [{"target": "p.x", "status": "not_measured"}] * 2
    )


def test_a_figure_stands_at_the_end_of_its_period(make_twin: Callable[..., Twin]) -> None:
    t = target(">=", 10, date(2022, 12, 31))
    twin = make_twin((Plan("p", Title("规划", "Plan"), (), 1, targets=(t,)),))
    figures = pa.table({"period": pa.array([datetime(2022, 3, 1)], pa.timestamp("us")), "value": [5.0]})
    twin.store.commit(
        Change(
            "INSERT INTO indicator_row SELECT 'tank.level_month', 't1', timezone('Asia/Shanghai', period), value, 'v', now() FROM figures",
            tables={"figures": figures},
        )
    )
    found = track.trajectory(twin, "p.x", date(2022, 8, 1))
    assert found.time == [datetime(2022, 3, 31, 15, 59, 59, tzinfo=UTC)]
    assert found.path[-1] == (datetime(2022, 12, 31, 15, 59, 59, tzinfo=UTC), 10.0)
