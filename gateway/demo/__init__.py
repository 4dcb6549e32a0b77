"""`tryggve demo`: both programs as they are, with virtual homes around one of them.

    resident   how somebody sleeps, gets up and falls, by a seed
    home       the gateway with virtual pins, radio and lock, in a process of its own
    scene      tells the virtual camera where the resident is
    pace       lets time run fast, and at a person's pace while a person is needed
    phones     *Provtelefon*: what the staff's phones show, and their provider of text messages
    town       its homes, its accounts, and the plan of a caregiver's rounds
    home_process  the virtual home as a process, with its orders and answers
    stage      folder, enrolment; starts and stops the programs
    alarm_centre  receives SCAIP, and misbehaves on command
    staffclient  a member of the staff without a browser, for the smoke test
    smoke      one scripted night and morning, judged
    cli        `tryggve demo`

Not for: a home.  Nothing here is imported by the gateway.
"""
