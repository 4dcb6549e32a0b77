"""What door locks share, and how each make speaks.

    radio_lock   the driver that every make's driver is: one operation at a time, waking, deadlines
    operation    one operation of a lock, from the command to what became of it
    watch        what a lock's `run` has told, and what it asks next, no I/O
    config       what every make's configuration has
    credentials  what pairing gave, kept as one secret

What is one make's own begins with its name; only that make's driver and virtual twin know it:

    <make>_protocol  frames, states and errors, pure
    <make>_client    one session with a lock, and what its advertisements say
    <make>_cloud     what only the vendor gives out

Another make is its protocol here, its driver (`drivers/lock_<make>.py`) and its virtual twin
(`drivers/virtual/lock_<make>.py`): docs/drivers.md.  Not for: who may turn a lock.
"""
