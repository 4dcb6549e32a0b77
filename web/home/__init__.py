"""The page that the Pi itself serves: how the home is, a self-test, and the door's codes.

    port.py     the one seam to the gateway       guard.py     what every request must be
    app.py      the Flask application             sessions.py  who may see the home
    entry.py    the way in: a code, or a PIN      words.py     its texts (alarm_texts.py)
    door.py     the door: a code, or a proof      templates/   static/

It opens a door only for a one-time code, shows the home, and takes an alarm back, only for who has
shown a code or the resident's PIN, and names nobody.  Nothing is imported here: the gateway knows
the port from its start, and Flask only once it serves.  Not for: staff's daily work (`web.staff`).
"""
