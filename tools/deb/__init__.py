"""Debian packages: `make deb` (docs/install.md).

    targets    which package, for which Debian, Python and machine
    locked     what a package's lock means there, and its files, each with its hash
    tree       what the package puts where
    archive    the .deb: control, scripts, the same bytes from the same inputs
    scripts/   what dpkg runs on the machine
    __main__   builds them

Built from this checkout by Python's standard library, pip and dpkg-deb; nothing is run on another
machine's behalf, so that packages for the Pi are built anywhere.
"""
