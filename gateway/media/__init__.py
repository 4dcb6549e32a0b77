"""Sound and pictures between the home and who answers: calls because of an alarm, looks at night.

In the gateway
    sessions      what both have in common: one at a time, permit, record, the child, its end
    calls looks   lamp and tone, then the microphone; lamp and shutter, then the camera
    record        which permits are used up, and what was left without an end
    process       the child as its parent sees it: told, heard, and killed in time
    description   what one end says of itself (SDP): bounded, and only what is known goes through
In the child, a process for each
    child         its program: what the parent says, and its own end
    carried limit guarded   what it carries, when that ends, and what it may not leave behind
    talk sound    a call: microphone and speaker, a sound card or files
    sight eyes    a look: a way to the page first, then the camera
    peer video    WebRTC, for both; video
    sealing       pictures for the relay by the server, which cannot open them

An alarm centre calls by SIP instead, as its answer to an alarm asks:

    sip_ports     UDP, TCP and TLS for the centre, the loopback for the phone
    sip_front     what comes there: judged, refused, or passed on to one phone
    baresip       that phone: a process of its own for each call
    sip_call      who may call, record, light and tone, and every end

WebRTC (extra `voice`: aiortc, sounddevice) is imported in the child only: it costs some 70 MB,
blocks, and has queues without an end.  Three layers end what goes on: the track's own deadline, a
watchdog with a thread in the child, and the parent, which kills it.  A home without that extra has
no calls of the staff; its looks go by sealed pictures.

Not for: who is given a permit (the server), or how light, speaker, camera and shutter work
(drivers).
"""
