"""Debian packages: `make deb` (docs/install.md).

    targets    which package, for which Debian, Python and machine
    locked     what a package's lock means there, and its files, each with its hash
    tree       what the package puts where
    papers     what it says of itself: changes, copyright, manual
    archive    the .deb, and the release in it alone: the same bytes from the same inputs
    scripts/   what dpkg runs on the machine, what is called by hand, and what switches releases
    __main__   builds them
    proof      `make deb-proof`: a package's life in a clean Debian (`life`)
    scene      `make deb-scene`: a server and a home of their packages alone, in Debians that are
               booted (`booted`, `unit`): an administrator's browser, a vendor's releases

Built from this checkout by Python's standard library, pip and dpkg-deb; nothing is run on another
machine's behalf, so that packages for the Pi are built anywhere.
"""
