"""The addresses of everything about visits, tags, absence and the access log.

Not for: the pages themselves.
"""

from __future__ import annotations

from flask import Blueprint

from web.staff.pages import absence, access_log, tags, visit, visits


def add_routes(blueprint: Blueprint) -> None:
    """Add them to the pages."""
    add = blueprint.add_url_rule
    add("/besok", "visits", visits.visits)
    add("/besok/ett", "visits_one", visit.one)
    add("/besok/ratta", "visits_correct", visit.correct, methods=["POST"])
    add("/besok/godkann", "visits_approve", visit.approve, methods=["POST"])
    add("/besok/las", "visits_lock", visit.lock, methods=["POST"])
    add("/besok/fil", "visits_file", visit.export)
    add("/pass/<home>/avbojt", "visit_decline", visit.decline, methods=["POST"])
    add("/franvaro", "visits_away", absence.absences)
    add("/franvaro", "visits_away_add", absence.add, methods=["POST"])
    add("/franvaro/slut", "visits_away_end", absence.end, methods=["POST"])
    add("/t/<tag>", "tag", tags.tag)
    add("/t/<tag>", "tag_stamp", tags.stamp, methods=["POST"])
    add("/atkomst", "access", access_log.log)
    add("/atkomst/fil", "access_file", access_log.log_file)
    add("/atkomst/stickprov", "access_sample", access_log.sample)
    add("/atkomst/stickprov", "access_check", access_log.check, methods=["POST"])
