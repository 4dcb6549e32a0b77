"""SCAIP over SIP: how Tryggve tells an alarm centre of an alarm, and learns that it was received.

Used by the home (its second path) and by the staff server (a channel).  Three things are needed:

    here = Here(domain="larm.kommun.example", host="0.0.0.0", port=5060)
    sender = ScaipSender(here)                    # asyncio; `ScaipThread` is the same for threads
    await sender.start()
    sent = await sender.send(
        alarm_message(ref, cid, "pendant", room="bathroom"), [Centre("sip:larm@centre.example")]
    )
    if sent.received: ...                         # the centre's own word; `sent.answer.voice` …

    message      what is said: `<mrq>` and `<mrs>`, read with its dialects and written
    codes        the codes, with what they mean
    alarm_codes  which codes an alarm of ours has
    sip          SIP read within bounds, and written (on the library sipmessage)
    digest       the password, without sending it
    streams      SIP over TCP and TLS: one connection
    here         who we are, and where we listen
    replies      what comes in, answered once
    agent        the user agent: requests with their repeats
    sender       to a centre and to the next one, until one has received it
    blocking     the same for a program with threads

Not for: who is told, or when (a ladder); the call that an answer asks for (voice).  The standard
(SS 91100) was not read; what is known of it stands in docs/scaip.md.
"""
