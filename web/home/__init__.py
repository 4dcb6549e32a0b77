"""The page that the Pi itself serves: how the home is, and a self-test.

    port.py    the one seam to the gateway        words.py   its texts, Swedish first
    app.py     the Flask application               templates/ static/

It opens no door and shows no name.  Nothing is imported here: the gateway knows the port from its
start, and Flask only once it serves.  Not for: staff's daily work (`web.staff`).
"""
