"""What door locks share, and how each make speaks.

    radio_lock  what every make shares: one operation at a time, waking, deadlines
    operation   one operation of a lock, from the command to what became of it
    config      what every make's configuration has
    credentials what pairing gave, kept as one secret
    watch       what a lock's `run` has told, and what it asks next, no I/O

    nuki_protocol    Nuki's frames, boxes, states and errors, pure
    nuki_client      one Bluetooth session with a Nuki lock, and pairing
    yale_client      one session with a Yale lock, over yalexs-ble
    danalock_client  one session with a Danalock, and its advertisements, over pydanalock-ble
    danalock_cloud   a Danalock's login token, over pydanalock-cloud

Not for: the drivers themselves (`drivers/lock_<make>.py`), or who may turn a lock.
"""
