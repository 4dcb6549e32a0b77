"""When somebody left: by the times of the fixes, whatever came when."""

from __future__ import annotations

import csv
import gzip
import random
from datetime import UTC, datetime, timedelta

import pytest

from tests.drivers.vectors import DATA
from web.staff.places.fixes import Fix
from web.staff.places.geometry import Circle, Point, Polygon, moved
from web.staff.places.leaving import Ended, Outing, Span, Zone, credible, outings

HOME = Point(57.7, 11.97)
AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MIN = timedelta(minutes=1)
ZONE = Zone(Circle(HOME, 200), Span(AT - timedelta(days=1)))


def fix(minute: float, east_m: float, acc_m: float | None = 10, north_m: float = 0) -> Fix:
    """So far from home, so many minutes after `AT`."""
    return Fix(AT + minute * MIN, moved(HOME, east_m, north_m), acc_m)


def left(*fixes: Fix, zones: tuple[Zone, ...] = (ZONE,), away: tuple[Span, ...] = ()) -> list[str]:
    """Each outing as `5-17 back`, in minutes after `AT`."""

    def minute(at: datetime) -> str:
        return f"{(at - AT) / MIN:g}"

    return [
        f"{minute(one.left_at)}-{minute(one.until) if one.until else ''}"
        + (f" {one.ended}" if one.ended else "")
        for one in outings(fixes, zones, away)
    ]


def test_who_is_surely_outside_has_left() -> None:
    """One fix is enough whose whole circle lies outside; since its own time."""
    assert left(fix(0, 20), fix(5, 300)) == ["5-"]


def test_a_circle_across_the_edge_is_no_leaving_by_itself() -> None:
    """Nor are two; three that last are, since the first of them."""
    across = [fix(minute, 220, acc_m=40) for minute in (5, 6, 7)]
    assert left(fix(0, 20), *across[:2]) == []
    assert left(fix(0, 20), *across) == ["5-"]
    assert left(*[fix(5 + n / 60, 220, acc_m=40) for n in range(9)]) == []


def test_a_sure_fix_inside_between_them_begins_the_count_anew() -> None:
    """The receiver errs around the edge, and nobody is called."""
    track = [fix(n, 220 if n % 3 else 150, acc_m=40) for n in range(30)]
    assert left(*track) == []


def test_a_masts_fix_counts_only_where_all_of_it_is_outside() -> None:
    """The next one of the same mast errs with it."""
    assert left(*[fix(n, 900, acc_m=1500) for n in range(30)]) == []
    assert left(fix(0, 2500, acc_m=1500)) == ["0-"]


def test_a_fix_without_accuracy_is_taken_for_a_poor_one() -> None:
    """Within 50 m."""
    assert left(fix(0, 240, acc_m=None)) == []
    assert left(fix(0, 260, acc_m=None)) == ["0-"]


def test_back_inside_takes_more_than_one_fix() -> None:
    """A single one could be the receiver's error."""
    assert left(fix(0, 300), fix(5, 20), fix(10, 300)) == ["0-"]
    assert left(fix(0, 300), fix(5, 20), fix(10, 20)) == ["0-5 back"]
    assert left(fix(0, 300), fix(5, 20), fix(5.1, 20)) == ["0-"]


def test_out_again_is_another_outing() -> None:
    """Each with its times."""
    track = [fix(0, 300), fix(5, 20), fix(10, 20), fix(60, 300)]
    assert left(*track) == ["0-5 back", "60-"]


def test_what_cannot_have_been_travelled_is_set_aside() -> None:
    """20 km in a minute, and back: nobody left."""
    assert left(fix(0, 20), fix(1, 20_000), fix(2, 20)) == []


def test_a_jump_that_others_confirm_is_believed() -> None:
    """Two may be an error of a mast; three in a row that agree are a journey."""
    jumped = [fix(n, 40_000 + n * 10) for n in (1, 2, 3)]
    assert left(fix(0, 20), *jumped[:2]) == []
    assert left(fix(0, 20), *jumped) == ["1-"]


def test_a_false_first_fix_hides_nobody() -> None:
    """A receiver that begins with an old place far away: three later ones are believed."""
    track = [fix(0, 90_000), fix(1, 20), fix(2, 20), fix(3, 20), fix(4, 400)]
    assert left(*track) == ["0-1 back", "4-"]


def test_a_zone_is_judged_by_the_time_of_the_fix() -> None:
    """Drawn later, or taken away before: it says nothing of that fix."""
    late = Zone(ZONE.shape, Span(AT + 10 * MIN))
    gone = Zone(ZONE.shape, Span(AT - 60 * MIN, AT + 3 * MIN))
    assert left(fix(5, 300), zones=(late,)) == []
    assert left(fix(5, 300), zones=(gone,)) == []
    assert left(fix(15, 300), zones=(late,)) == ["15-"]


def test_a_zone_has_hours_of_the_homes_own_time() -> None:
    """13:00 in Stockholm at noon UTC; a night is over midnight."""
    day, night = ((13 * 60, 14 * 60), (22 * 60, 6 * 60))
    assert left(fix(5, 300), zones=(Zone(ZONE.shape, ZONE.drawn, day),)) == ["5-"]
    assert left(fix(5, 300), zones=(Zone(ZONE.shape, ZONE.drawn, night),)) == []
    assert left(fix(9 * 60 + 1, 300), zones=(Zone(ZONE.shape, ZONE.drawn, night),)) == ["541-"]
    hours = Zone(ZONE.shape, ZONE.drawn, day)
    assert left(fix(5, 300), fix(65, 300), zones=(hours,)) == ["5-65 unjudged"]


def test_inside_one_of_several_zones_is_inside() -> None:
    """Home, and the park; what lies between them is outside."""
    corners = tuple(moved(HOME, east, north) for east, north in
                    ((400, -50), (600, -50), (600, 50), (400, 50)))  # fmt: skip
    both = (ZONE, Zone(Polygon(corners), ZONE.drawn))
    assert left(fix(0, 20), fix(9, 500), zones=both) == []
    assert left(fix(0, 20), fix(9, 300), zones=both) == ["9-"]


def test_nobody_leaves_who_is_known_to_be_away() -> None:
    """An absence that was noted: nothing is judged until it ends."""
    away = (Span(AT + 2 * MIN, AT + 20 * MIN),)
    assert left(fix(0, 20), fix(5, 3000), away=away) == []
    assert left(fix(0, 20), fix(5, 3000), fix(25, 3000), away=away) == ["25-"]


@pytest.mark.parametrize("seed", range(20))
def test_the_order_of_arrival_makes_no_difference(seed: int) -> None:
    """Late, repeated and unordered: the same outings as in order."""
    chance = random.Random(seed)
    track = [
        fix(
            n, 150 + 120 * chance.random() + (400 if 30 < n < 60 else 0), chance.choice((5, 20, 80))
        )
        for n in range(90)
    ]
    arrived = [*track, *chance.sample(track, 30)]
    chance.shuffle(arrived)
    in_order = left(*track)
    assert in_order
    assert left(*arrived) == in_order


def test_going_on_from_what_was_judged_is_the_same_as_from_the_beginning() -> None:
    """Fixes before the window may be gone: it is told whether somebody was out then."""
    track = [fix(0, 20), fix(5, 400), fix(10, 400), fix(20, 20), fix(25, 20)]
    whole = outings(track, [ZONE])
    rest = outings(track[2:], [ZONE], out_since=whole[0].left_at)
    assert rest == whole == [Outing(AT + 5 * MIN, AT + 20 * MIN, Ended.BACK)]


# --- a real track -----------------------------------------------------------------------------


def real_track() -> list[Fix]:
    """A train ride of 52 minutes by a phone's receiver, as it was written."""
    path = DATA / "gps_posmo" / "positions.csv.gz"
    if not path.is_file():
        pytest.skip("the recorded track in ../shared/data is not here")
    with gzip.open(path, "rt") as file:
        return [
            Fix(
                datetime.fromisoformat(row["timestamp_unspecified_zone"]).replace(tzinfo=UTC),
                Point(float(row["latitude"]), float(row["longitude"])),
                float(row["accuracy_m"]) or None,
            )
            for row in csv.DictReader(file)
        ]


def test_a_real_ride_is_one_leaving_however_it_arrives() -> None:
    """With its jumps of 11,000 km/h and its times out of order: left once, never back; the same
    backwards, shuffled, and with a third of it twice."""
    track = real_track()
    start = min(track, key=lambda one: one.at)
    zone = Zone(Circle(start.point, 1000), Span(start.at - timedelta(days=1)))
    found = outings(track, [zone])
    assert [one.until for one in found] == [None]
    chance = random.Random(1)
    for _ in range(3):
        arrived = [*track, *chance.sample(track, 400)]
        chance.shuffle(arrived)
        assert outings(arrived, [zone]) == found
    assert outings(track[::-1], [zone]) == found


def test_the_real_rides_jumps_are_set_aside() -> None:
    """Nothing that is believed was faster than a train."""
    track = sorted(real_track(), key=lambda one: one.at)
    kept = list(credible(track))
    assert 0.5 < len(kept) / len(track) < 1


def test_all_along_a_real_ride_nobody_leaves_a_zone_that_holds_it() -> None:
    """A zone around the whole of it: no jump makes a false leaving."""
    track = real_track()
    middle = track[len(track) // 2].point
    zone = Zone(Circle(middle, 50_000), Span(track[0].at - timedelta(days=1)))
    assert outings(track, [zone]) == []
