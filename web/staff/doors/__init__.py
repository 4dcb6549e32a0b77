"""Turning a lock from the server: on what ground, one turn for one wish, and taking it back."""
