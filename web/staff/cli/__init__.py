"""`tryggve staff …`: the server's command line."""
