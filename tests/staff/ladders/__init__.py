"""Ladders, the outbox and its dispatcher."""
