"""What drivers on pins share: from the edges of pins, or a mat's loads, to what is told.

    contact      a contact's debounce, supervision and flap detector, pure
    pin_contact  from the edges of pins to a contact
    mat_load     from a mat's loads to pressed or not: hysteresis, drift, faults; pure

Not for: which pins and which words; that is each driver's own.
"""
