"""A make of lock that does not exist, as a package of its own would bring it: three files.

    protocol  what its frames and advertisements say, and one session with it
    driver    its options, and how the shared driver uses it
    twin      the other side: the lock itself, on the virtual radio

The contract of the locks runs over it as over every other make.  Not for: a home.
"""
