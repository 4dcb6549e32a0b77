"""Who is reached about an alarm, by what, and when: the ladders, and the outbox that climbs them.

    steps        what a ladder is: its steps, and which alarm it is for
    built_in     ladders for an organisation that has set none
    choosing     which ladder an alarm climbs
    definitions  making and changing ladders
    rotas        who is on call
    foresight    who would be reached, and when nobody would be
    receivers    who a step means now, and where they are reached
    held         an alarm that somebody has: when they are asked, when they have it no longer
    climbing     one look at the ladders that are due: steps taken, messages put into the outbox
    outbox       messages taken to be sent, under a lease
    noting       what came of them: events, the next address, the next step
    senders      the threads that send, a bounded number for each channel
    dispatcher   the thread that does all of it, over and over
    answers      a receiver's answer by a channel, and the button on a notification
    provider_routes  where channels' providers and those buttons speak to the server
    progress     how far an alarm has come, for its page

State is in the database alone (`web.staff.storage.ladder_tables`).  A step is taken in one
transaction, so that two workers never take one twice; a message is sent outside of any, at least
once, always with the same id.  Not for: channels (`web.staff.channels`), or what an acknowledgement
does (`web.staff.care.actions`).
"""
