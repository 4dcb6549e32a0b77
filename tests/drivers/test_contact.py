"""A contact, with time that arrives as numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drivers.wired import contact as mat
from drivers.wired.contact import MAT, Contact, Words
from gateway.events import Data, MatFault, MatFaulted, MatPressed, MatReleased

PRESSED, RELEASED = MatPressed(), MatReleased()
CUT = MatFaulted(fault=MatFault.CUT)


class Wall:
    """A contact and its clock: `at` runs the ticks that come due on the way."""

    def __init__(
        self, *, pressed: bool = False, loop_closed: bool = True, words: Words = MAT
    ) -> None:
        self.contact = Contact(words)
        self.now_s = 100.0
        self.told: list[tuple[float, Data]] = []
        self._keep(self.contact.start(100.0, on=pressed, loop_closed=loop_closed))

    def edge(self, at_s: float, pressed: bool) -> None:
        self.run(at_s)
        self._keep(self.contact.edge(self.now_s, on=pressed))

    def loop(self, at_s: float, closed: bool) -> None:
        self.run(at_s)
        self._keep(self.contact.loop(self.now_s, closed=closed))

    def run(self, to_s: float) -> None:
        to_s += 100.0
        while (due_s := self.contact.due) is not None and due_s <= to_s:
            self.now_s = max(self.now_s, due_s)
            self._keep(self.contact.tick(self.now_s))
        self.now_s = to_s

    def kinds(self) -> list[Data]:
        return [data for _, data in self.told]

    def _keep(self, told: list[Data]) -> None:
        self.told += [(round(self.now_s - 100.0, 4), data) for data in told]


def test_the_present_state_is_told_once() -> None:
    """At the start, and not again while nothing changes."""
    assert Wall(pressed=True).kinds() == [PRESSED]
    assert Wall(loop_closed=False).kinds() == [CUT]
    wall = Wall()
    wall.edge(1, False)
    wall.run(3600)
    assert wall.told == [(0, RELEASED)]


def test_a_press_counts_at_its_first_edge_and_bounces_fold() -> None:
    """Edges within some milliseconds are one press, told when the first of them came."""
    wall = Wall()
    for n in range(20):
        wall.edge(1 + n * 0.001, n % 2 == 0)
    wall.edge(1.02, True)
    wall.edge(5, False)
    wall.run(10)
    assert wall.told == [(0, RELEASED), (1, PRESSED), (5 + mat.SETTLE_S, RELEASED)]


def test_chatter_is_seen_pulse_by_pulse() -> None:
    """Pulses of one to two seconds, all night: each is told, and is no flapping."""
    wall = Wall()
    for n in range(300):
        wall.edge(10 + 2.5 * n, True)
        wall.edge(10 + 2.5 * n + 1 + n % 2, False)
    wall.run(2000)
    assert wall.kinds() == [RELEASED] + [PRESSED, RELEASED] * 300


def test_a_very_short_press_is_seen() -> None:
    """One millisecond of contact is told as a press and a release."""
    wall = Wall()
    wall.edge(1, True)
    wall.edge(1.001, False)
    wall.run(2)
    assert wall.kinds() == [RELEASED, PRESSED, RELEASED]


def test_flapping_is_one_fault_and_heals() -> None:
    """1 kHz for ten seconds is one fault; after two quiet seconds the state is told."""
    wall = Wall()
    for n in range(10_001):
        wall.edge(1 + n * 0.001, n % 2 == 0)
    wall.run(30)
    assert wall.kinds() == [
        RELEASED,
        PRESSED,
        MatFaulted(fault=MatFault.FLAPPING, count=mat.FLAP_EDGES),
        PRESSED,
    ]
    assert wall.told[-1][0] == 11 + mat.FLAP_QUIET_S
    wall.edge(31, False)
    wall.run(40)
    assert wall.kinds()[-1] == RELEASED


def test_slow_flapping_is_a_fault_too() -> None:
    """Ten clean presses a second are no person; three a second are."""
    for period_s, flaps in ((0.1, True), (1 / 3, False)):
        wall = Wall()
        for n in range(100):
            wall.edge(1 + n * period_s, True)
            wall.edge(1 + (n + 0.5) * period_s, False)
        wall.run(200)
        faults = [data for data in wall.kinds() if isinstance(data, MatFaulted)]
        assert bool(faults) is flaps
        assert wall.kinds()[-1] == RELEASED


def test_flapping_that_goes_on_is_told_each_minute() -> None:
    """With what was folded since; nothing else meanwhile."""
    wall = Wall()
    for n in range(130_000):
        wall.edge(1 + n * 0.001, n % 2 == 0)
    faults = [data for data in wall.kinds() if isinstance(data, MatFaulted)]
    assert len(faults) == 3
    assert faults[1].count + faults[2].count > 119_000
    assert len(wall.kinds()) == 5


def test_a_cut_cable_is_a_fault_and_no_empty_bed() -> None:
    """Cut while pressed: the contact falls with it, and no release is told."""
    wall = Wall(pressed=True)
    wall.edge(1, False)
    wall.loop(1.002, False)
    wall.run(3600)
    assert wall.told == [(0, PRESSED), (1.002 + mat.LOOP_SETTLE_S, CUT)]
    wall.loop(3601, True)
    wall.run(3700)
    assert wall.kinds() == [PRESSED, CUT, RELEASED]


def test_a_knock_on_the_plug_is_no_cut() -> None:
    """The loop opens for a moment: nothing is told, and readings go on."""
    wall = Wall(pressed=True)
    wall.loop(1, False)
    wall.loop(1.05, True)
    wall.run(2)
    assert wall.kinds() == [PRESSED]
    wall.edge(3, False)
    wall.run(4)
    assert wall.kinds() == [PRESSED, RELEASED]


def test_a_loose_plug_is_a_cut() -> None:
    """A loop that opens and closes without rest is told as cut, once, until it rests."""
    wall = Wall()
    for n in range(401):
        wall.loop(1 + n * 0.005, n % 2 == 1)
    wall.loop(4, True)
    wall.run(10)
    assert wall.kinds() == [RELEASED, CUT, RELEASED]


@given(st.lists(st.tuples(st.floats(0.0005, 3.0), st.sampled_from(["mat", "loop"])), max_size=200))
def test_in_the_end_the_truth_is_told(changes: list[tuple[float, str]]) -> None:
    """Whatever came before, some quiet seconds later the last word is the present state."""
    wall = Wall()
    at_s, levels = 0.0, {"mat": False, "loop": True}
    for pause_s, which in changes:
        at_s += pause_s
        levels[which] = not levels[which]
        (wall.edge if which == "mat" else wall.loop)(at_s, levels[which])
    wall.run(at_s + 60)
    last = wall.kinds()[-1]
    assert last == (CUT if not levels["loop"] else PRESSED if levels["mat"] else RELEASED)
    assert wall.contact.due is None
