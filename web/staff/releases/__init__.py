"""Which home runs which release: one decision, taken ring by ring, and stopped by itself.

    plans    an administrator's decision: start, stop, go on, call off; who is in which ring
    rounds   tells homes, some at a time; goes to the next ring, or stops where too many fail

Not for: the releases themselves (`web.staff.homelink.mirror`), or whether one is genuine (each home
sees to that).
"""
