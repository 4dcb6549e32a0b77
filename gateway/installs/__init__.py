"""A home's first hour, as both pages know it: what a thing may be, the trial that events tick, and
the words.

Pure.  Not for: hearing, or who may (`gateway.app`, `web.staff.installs`).
"""
