"""Speaking with a home because of an alarm there.

    calls    who may, the signed permit, what goes to the home and what has come of it
    relays   what opens the relay (TURN) for one call or look
    media_sessions   what a call and a look have in common

Not for: pages, or what a home says about a call (`web.staff.homelink.call_signals`).
"""
