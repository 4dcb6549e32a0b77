"""Signed updates with a way back (docs/updates.md).

    slots      which unpacked release runs; the way back (also a program of its own, of the package)
    target     what a release is called, and which one fits this machine
    trust      The Update Framework: what was signed by whom, expired, rolled back, altered
    papers     what comes with a release for people: its bill of materials, advisories
    archive    a release's archive, written and unpacked within bounds
    install    root's half: takes a release in, by what is signed and nothing else
    exchange   what the gateway and root's half leave each other on the disk
    fetch      over the home's own link, piece by piece
    quiet      whether somebody needs the home right now
    keeper     the gateway's half: what the server wants, when, and what came of it
    system     the operating system's own security updates, as they are

Not for: which home takes what when (`web.staff.releases`).
"""
