"""The Pi's modem: text messages when the network, or the server, is gone.

    modem_manager        ModemManager over D-Bus: send, delivery reports, what comes in, how it is

It is no device of a home's configuration, for nothing in the home is measured by it.  Not for: who
is told, and when (`gateway.second_path`).
"""
