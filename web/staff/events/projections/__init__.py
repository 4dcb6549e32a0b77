"""Folds over a home's events into the tables that pages read."""
