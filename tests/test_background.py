"""What is done beside the loop: one after the other, whatever becomes of each."""

from __future__ import annotations

import threading

from gateway.services.key_offers import in_a_thread


def test_work_that_breaks_does_not_keep_the_next_from_being_done() -> None:
    """The server's next key, the next list of receivers: kept all the same."""
    background, done = in_a_thread("test"), threading.Event()

    def breaks() -> None:
        raise ValueError("half a key")

    background(breaks)
    background(done.set)
    assert done.wait(60)
