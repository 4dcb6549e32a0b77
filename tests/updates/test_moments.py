"""The power goes in each phase of an update, however long that lasts, and never at one moment."""

from __future__ import annotations

from random import Random

import pytest

from tests.updates.moments import PHASES, Lengths, Moments

LASTS_S = dict(zip(PHASES, (1.0, 0.2, 1.2, 3.0, 0.05, 1.0, 3.5, 0.2), strict=True))


def phase_at(begins: str, wait_s: float, slower: float) -> str:
    """Which phase is on so long after this one began, where each lasts so many times as long."""
    for phase in PHASES[PHASES.index(begins) :]:
        wait_s -= LASTS_S[phase] * slower
        if wait_s < 0:
            return phase
    return PHASES[-1]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("slower", [0.4, 1.0, 3.0])
def test_each_phase_is_hit(seed: int, slower: float) -> None:
    """Also where the phases last less, or more, than was measured."""
    moments, lengths, chance = Moments(50, seed), Lengths(LASTS_S), Random(seed)
    hits: list[str] = []
    while (aim := moments.next()) is not None:
        begins = aim.phase or chance.choice(PHASES)
        hit = phase_at(begins, lengths.wait_s(aim), slower)
        moments.cut(aim, hit)
        lengths.cut(aim, hit)
        hits.append(hit)
    assert len(hits) == 50
    assert {phase for phase in PHASES if hits.count(phase) >= 4} == set(PHASES)


def test_the_moments_are_the_seeds_and_differ() -> None:
    """The same seed aims at the same; within a phase no two moments are one."""

    def all_of(seed: int) -> list[tuple[str, float]]:
        moments, given = Moments(50, seed), []
        while (aim := moments.next()) is not None:
            moments.cut(aim, aim.phase)
            given.append((aim.phase, aim.part))
        return given

    assert all_of(11) == all_of(11) != all_of(12)
    assert len({part for _, part in all_of(11)}) == 50
    assert "" in {phase for phase, _ in all_of(11)}  # some come whenever


def test_an_aim_that_was_never_reached_is_somebody_elses() -> None:
    """The number of cuts stays, and so does what each phase needs."""
    moments = Moments(len(PHASES), 1, each=1)
    lost = moments.next()
    assert lost is not None
    moments.give_back(lost)
    phases = []
    while (aim := moments.next()) is not None:
        moments.cut(aim, aim.phase)
        phases.append(aim.phase)
    assert sorted(phases) == sorted(PHASES)
