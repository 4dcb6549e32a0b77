"""What drivers over Bluetooth share: the one scanner, connections that hold, BTHome.

    scanner              the one Bluetooth scanner that all drivers share
    listening            the scanner that a driver is handed, and waiting for one advertisement
    connection           connections and deadlines that hold, and Bluetooth errors made ours
    bthome_decode        BTHome's bytes, pure
    bthome_replay_guard  replays and repeats, pure
    bthome_events        from BTHome's readings to events, pure

Not for: door locks (`drivers.locks`).
"""
