"""The home's half of Tryggve.  This page is its map, from the ground up (docs/architecture.md).

What everything stands on
    errors         every error of the project, in one tree
    events         every kind of event: what it means, and what it does not
    envelope       who wrote an event, its number, when, why; and the chain that seals it
    commands       what a rule may ask the home to do
    ports          the seams to the hardware: what a driver is
    wire           what the home and the server say to each other
    clock          where time comes from

Pure: no I/O, no clock, no asyncio, no random
    rules          what events mean; one file a rule
    access         grants: who may turn which lock, when, and why
    codes          one-time codes for the door, when the internet is down
    schedule       the night plan as dated UTC slots

The engine and the log
    turn           from inputs to numbered events: ticks, sealing, decisions fed back
    engine         inbox → number → rules → one transaction → act
    eventlog       one SQLite file, one writer thread, durable before acknowledged
    logfile        the log's file from the reading side: opening, checking, walking the chain
    logkeeper      finds the home's log, or begins a new one when it cannot be used
    view           the home as it is now, folded from its events
    _deviceview    one device as it is now
    ledger         who came in or looked, for the resident to read

Time and doors
    bell           rings the night plan
    clockwatch     is the clock right, and did it jump?
    doors          an order to turn a lock, from its grant to the bolt's own word
    doorcode       a code typed at the door: judged here, few tries, then an order like any other
    _rights        what the home knows of grants and codes, folded from its events
    serverkeys     the server's keys that this home trusts, and how a new one comes to be

The link to the staff server
    uplink         three lanes, each with a kept connection of its own
    _lane          what the lanes have in common: a thread that loops over turns
    _lane_up       every event, in order, in batches
    _lane_urgent   alarms and other urgent events, before everything that waits
    _lane_stream   what the server decided, and orders to turn a lock
    _linkstate     what the lanes share, and how the link is told to be
    link           HTTPS: signed requests, one kind of answer
    sse            server-sent events: bytes in, whole messages out
    backoff        growing pauses, so that homes do not come back in step
    enroll         a one-time code makes this gateway a home's own

The home put together
    config         one TOML file for a home
    _configerrors  what is wrong with it, in one sentence
    secrets        systemd credentials first, then files that only the owner can read
    identity       which boot this is, how the last run ended, what the home consists of
    supervisor     keeps the drivers running, each for itself
    homepage       what the page that the Pi serves is told
    notify         tells systemd how the program is
    app            the composition root

Around it
    cli            the command line
    docs           the generated pages of docs/
    demo           a virtual home with a virtual resident
    recording      recorded homes, read into events
    replay         a recorded home through the live sequencer and rules
    score          how well the rules do on recorded homes
    _score_falls   falls put into recorded nights
    _score_svg     a night as a picture
    _version       the version that is installed

Hardware is in `drivers`, the pages that the Pi serves in `web.home`, the staff server in
`web.staff`.  Imports go one way only; tests/test_imports.py holds it.
"""
