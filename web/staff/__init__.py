"""The staff server.  This page is its map, from the ground up (docs/architecture.md).

Each room imports only those above it; tests/test_imports.py holds it.

    storage      the database: tables, migrations, events in rows
    realtime     who is told at once: screens, homes that listen, other workers
    core         what every part is given: configuration, secrets, rights, limits, language, and
                 who is let in when
    texts        what everything is called on the screen
    events       the server's own events, and the tables that are folded from all events
    care         what care staff do: answer a check, take an alarm, arrive and leave
    visits       the plan, what was done, corrections, files for other programs
    homelink     the link's server side: enrolment, what homes send, what they are told
    signin       passwords, passkeys, second factors, single sign-on, sessions
    doors        turning a lock: on what ground, one turn for one wish, taking it back
    talk         speaking with a home because of an alarm: permits, signals, relays
    checks       night checks: a home's plan, which minute it rings at, who has a check, its visit
    looks        looking into a home by its camera: grounds, permits, one at a time
    configs      what a home consists of, edited here: devices, rules' settings
    people       organisations, homes, accounts, teams and areas
    installs     a home's first hour: the trial that its own events tick, and its protocol
    foresight    a rule's other settings over a home's last weeks
    places       where residents are: positions in, zones, outings, who may look
    channels     ways to tell somebody who has no page open: one file a channel
    ladders      who is reached about an alarm, by what, and when: the outbox and its dispatcher
    relatives    who was invited with the resident's consent, what they see and are told
    audit        the access log: who read, opened, came in or looked
    pages        what staff look at: one file a page
    runtime      the application put together, its watch, its health
    cli          `tryggve staff …`

Beside them: `templates`, `static` and `translations` (docs of their own).
"""
