"""`python -m gateway.cli`: the command line where nothing is installed."""

from __future__ import annotations

from gateway.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
