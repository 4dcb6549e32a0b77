"""Sound between the home and who answers an alarm; made so that a look can come beside it.

    description   what one end says of itself (SDP): bounded, and only what is known goes through
    sound         microphone and speaker for the child process: a sound card, or files
    child         the process of one call: WebRTC, sound, and its own end
    process       that process as its parent sees it: told, heard, and killed in time
    calls         one call at a time: permit, record, light and tone, then the child

An alarm centre calls by SIP instead, as its answer to an alarm asks:

    sip_ports     UDP, TCP and TLS for the centre, the loopback for the phone
    sip_front     what comes there: judged, refused, or passed on to one phone
    baresip       that phone: a process of its own for each call
    sip_call      who may call, record, light and tone, and every end

A call is a process of its own, and its libraries (extra `voice`: aiortc, sounddevice) are imported
there only: they cost some 70 MB, block, and have queues without an end.  Three layers end it: the
track's own deadline, a watchdog in the child, and the parent, which kills it.

Not for: who is given a permit (the server), or how a light and a speaker work (drivers).
"""
