"""`make image`: a card for a home, with the gateway's package in it (docs/image.md).

    files/     files that make of Debian what a home needs, each with its reason, as they lie there
    card/      the card's own program: takes server and code from the boot partition, once
    recipe     what else makes it: packages, partitions, what is kept and what is memory
    layout     the card's partitions, byte by byte
    firmware   what a Pi's firmware reads on the boot partition
    pins       the pins' library, which Debian has not
    __main__   makes the file systems, and the card of them
    proof      `make image-proof`: the card starts in QEMU, and is what docs/image.md says
    machine    one such start; looks.sh is what is looked at there
    pi         the same in QEMU's Raspberry Pi 3, by the card's own boot partition
    server     the staff server that the card's home goes to
    shell      runs one command

The root is read-only; what a home writes lies on a partition of its own.  Nobody has an account or
a password, there is no SSH, and nothing listens but the home's own page.
"""
