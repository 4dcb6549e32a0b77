"""The simulator: a thousand real homes and the staff who look at them, against the real server.

`make load ARGS="--homes 1000"` (`tests/load/__main__.py`).  A home here is the product's own link
(`gateway.link`: three lanes, their pauses, what they obey) over a log in memory; what is cheap is
only the sender beneath, so that one process can be a thousand homes beside the server they load.

    wire       a lane's requests, written straight onto a socket, and noted
    ledger     what was asked, how long it took, what came of it
    life       what homes write: sealed events of a day, by a seed
    home       a home: its log, its link, its door
    screens    what a screen of somebody signed in hears, fetches and does
    staffroom  the screens of a scene, as a process beside the homes
    town       the server: its database, its accounts, a thousand enrolled homes; as a process
    proof      after a scene: whether the server has each home's log, whole and once

Not for: judging what the figures should be (`tests/bench/storm.py`), or rules, sensors and radios.
"""
