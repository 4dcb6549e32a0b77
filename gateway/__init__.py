"""The home's half of Tryggve.  This page is its map, from the ground up (docs/architecture.md).

What everything stands on
    errors       every error of the project, in one tree
    origin       the names of a home's logs, and which of two events is the newer
    events       every kind of event: what it means, and what it does not
    envelope_fields  what stands around an event's data, also as another version wrote it
    envelope     who wrote an event, its number, when, why; and the chain that seals it
    commands     what a rule may ask the home to do
    ports        the seams to the hardware: what a driver is
    wire_fields  fields of which another version may say more
    wire         what the home and the server say to each other
    clock        where time comes from
    version      the version that is installed

Pure: no I/O, no clock, no asyncio, no random
    access       who may open: grants that the server signed, and one-time codes
    schedule     the night plan as dated UTC slots
    night_plan   a night plan that was set at the server, and its slots
    rules        what events mean; one file a rule
    installs     a home's first hour: what a thing may be, the trial that events tick, its words

The runtime, each room standing on those before it
    scaip        to an alarm centre over SIP, and its word that it was received; the server's too
    config       one TOML file for a home, what the server put in place of some, and its secrets
    engine       inbox → number → rules → one transaction → act; and the log, durable before told
    state        the home as it is now, folded from its events; who came in, for the resident
    doors        an order to turn a lock, or a code typed at the door, to the bolt's own word
    link         the staff server: enrolment, its keys, three lanes of one kept connection each,
                 and the line before its door
    services     what runs beside the engine: the night plan, the clock, the drivers, lights, the
                 server's new keys, pruning, what the resident hears of an alarm, a broker in
                 the home, systemd
    media        sound to who answers an alarm, pictures to who looks: a child process for each
    second_path  whom the home tells by itself when the server has not got an alarm; the test alarm
    updates      signed releases with a way back: taken in beside what runs, tried, held or returned

Around it
    replay       recorded homes through the live rules, and how well those did
    app          the composition root, and what the page that the Pi serves is told
    docs         the generated pages of docs/
    demo         a virtual home with a virtual resident
    cli          the command line

Hardware is in `drivers`, the pages that the Pi serves in `web.home`, the staff server in
`web.staff`.  Imports go one way only; tests/test_imports.py holds it.
"""
