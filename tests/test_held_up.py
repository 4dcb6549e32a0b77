"""What holds threads up (`tests/held_up.py`) finds what it is for."""

from __future__ import annotations

import threading

from tests.held_up import TOLD, by_chance, held_up

WAIT_S = 60.0


def test_who_waits_for_one_thing_and_reads_another_does_so_too_early() -> None:
    """The thread is held up between the two for as long as the test likes."""
    gate = threading.Lock()
    done, said, at_work = threading.Event(), list[str](), set[int]()

    def pause() -> None:
        if threading.get_ident() in at_work:
            with gate:
                pass

    def works() -> None:
        at_work.add(threading.get_ident())
        done.set()
        said.append("it")

    with gate, held_up(pause):
        thread = threading.Thread(target=works)
        thread.start()
        assert done.wait(WAIT_S)
        seen = list(said)
    thread.join(WAIT_S)
    assert (seen, said) == ([], ["it"])


def test_nothing_is_held_up_afterwards() -> None:
    """What it changes is as it was."""
    before = [getattr(owner, name) for owner, name in TOLD]
    with held_up(by_chance(1)):
        assert all(
            getattr(owner, name) is not was for (owner, name), was in zip(TOLD, before, strict=True)
        )
    assert [getattr(owner, name) for owner, name in TOLD] == before
