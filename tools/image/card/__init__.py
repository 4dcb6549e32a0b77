"""The card's own program: takes what a person wrote on the boot partition, once, and makes of it a
home (docs/image.md).

    given      what `tryggve.txt`, or a QR code, says: forgiving where it can be, else one sentence
    box        what is there and what is done to it: partition, Wi-Fi, the home's file, enrolment
    taking     which of that is done when, until the home runs
    page       what a person sees meanwhile, on the Pi's own page
    qr         a code held to the camera
    __main__   all of it, as root, at each start

Runs by Debian's Python, with nothing but its standard library (`qr` alone by the gateway's), from a
copy that `make image` lays in the root.  Each step can be cut by a power cut and is done again.
Not for: what a home is once it runs (`gateway`), or the image itself (`tools.image`).
"""
