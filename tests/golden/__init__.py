"""Golden logs: what each version wrote, of every kind, and what it made of it.

`<version>/` holds a log as it was sealed (`log.jsonl`), the state that this version folded from it
in a home (`home.json`) and at the server (`server.json`), and what its kinds were (`model.json`).
Every later version folds the log to the same state (`tests/test_golden.py`); where it is meant to
differ, `REASONS.toml` says why.  Each part here runs with the code of any release, so it stands
on nothing but the kinds themselves and the folds.

Not for: a home that lives (the recordings), or two programs that talk (`tests/e2e`).
"""
