"""What cameras share: what is made of a picture in the home, before anybody sees it.

    outline    a picture as outlines: posture, no face, whatever the camera sees
    heat       the counts of a thermal or depth sensor as colours
    jpeg       a drawn picture as a JPEG, without a library
    bedroom    the drawing of the virtual camera (bedroom.svg; tests/drivers/draw_bedroom.py)
    shutter    what stands before a camera while nobody looks
    watch      the gateway's half of a camera: is it there, and its shutter
    newest     a camera's own thread, and its newest picture
    by_av      a camera or a file through PyAV

All but `shutter` and `watch` runs in the process of a look.  Not for: who may look, or the way of a
picture (`gateway.media`).
"""
