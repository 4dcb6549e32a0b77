"""Who may open, judged without a server: grants that it signed, and one-time codes.  Pure."""
