"""The page that the Pi itself serves: how the home is, and a self-test.

    port.py    the one seam to the gateway        words.py   its texts, Swedish first
    app.py     the Flask application               templates/ static/

It opens no door and shows no name.  Not for: staff's daily work (`web.staff`).
"""

from web.home.app import create_app

__all__ = ["create_app"]
