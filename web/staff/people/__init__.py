"""Organisations, homes, accounts, teams and areas: made, changed, ended."""
