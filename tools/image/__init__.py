"""`make image`: a card for a home, with the gateway's package in it (docs/hardware.md).

    recipe     which packages, and the files that make of Debian what a home needs
    __main__   makes the root's and the state's file systems, and the card of both
    proof      `make image-proof`: the card boots in QEMU, and is what it should be

The root is read-only; what a home writes lies on a partition of its own.  Nobody has an account or
a password, and nothing listens but the home's own page.
"""
