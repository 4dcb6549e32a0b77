"""Looking into a home by its camera: who may, on what ground, and what comes of it.

    grounds    who may look, what for, by which camera
    sessions   the signed permit, what goes to the home, one look at a time, its end

The picture goes between home and page; where they find no way, sealed past us
(`web.staff.realtime.pictures`).  Not for: pages, answers to a check (`web.staff.care`), or what a
home says about a look (`web.staff.homelink.look_signals`).
"""
