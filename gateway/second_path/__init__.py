"""The way past the server, and the test of the whole way (docs/alarms.md).

    receivers_file   whom to tell, kept across restarts and pruning: the numbers at mode 0600
    path_state       what the events say of it: open alarms, who was told, who answered
    senders          text messages over the modem, and an alarm centre over SIP
    teller           tells receivers of an alarm that the server has not got
    chain_test       the daily test alarm, and how the modem is

Not for: whom the server tells (its ladders), or the modem itself (`drivers.modem`).
"""
