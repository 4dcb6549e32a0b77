"""Releases of the gateway, signed offline by two people: `python -m tools.release`.

    keys       whoever signs: a key of one's own, and what others know of it
    artefact   what `make deb` built, looked at before it is put on a list
    listed     the list of releases, in a folder that is carried from one person to the other
    files      a file is written whole or not at all

docs/updates.md has the commands in their order.  Not for: what a home makes of it
(`gateway.updates.trust`), or the server's copy of it (`web.staff.homelink.mirror`).
"""
