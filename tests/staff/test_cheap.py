"""What the tests share between applications is what each would have made by itself."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, render_template
from jinja2 import DictLoader
from werkzeug.routing import Map, Rule

from tests.staff import cheap

RULES = (
    ("/nu", "now", None),
    ("/hem/<home>/las", "lock", None),
    ("/hem/<home>/", "home", None),
    ("/bild/<int:number>.<kind>", "picture", None),
    ("/bild/", "picture", {"number": 1, "kind": "png"}),
    ("/static/<path:filename>", "static", None),
    ("//dubbel//<uuid:which>", "twice", None),
)


def made(endpoint: str = "{}") -> Map:
    """A map of these rules, whose endpoints are named so."""
    return Map(
        [Rule(rule, endpoint=endpoint.format(name), defaults=more) for rule, name, more in RULES]
    )


def answers(rules: Map, endpoint: str = "{}") -> list[Any]:
    """What is matched, and what addresses are built."""
    bound = rules.bind("prov.example")
    paths = ("/nu", "/hem/h1/las", "/bild/7.png", "/static/a/b.css")
    built = (
        ("now", {"q": "x"}),
        ("lock", {"home": "h 1", "more": 2}),
        ("picture", {"number": 1, "kind": "png"}),
        ("picture", {"number": 2, "kind": "jpg"}),
        ("static", {"filename": "a/b"}),
    )
    return [
        *(bound.match(path) for path in paths),
        *(bound.build(endpoint.format(name), values) for name, values in built),
        *(sorted(rule.arguments) for rule in rules.iter_rules()),
    ]


@pytest.mark.parametrize("endpoint", ["{}", "other.{}"])
def test_a_rule_that_was_compiled_before_is_the_same(endpoint: str) -> None:
    """It matches and builds as its own would; nothing of the first application's is in another."""
    alone = answers(made(endpoint), endpoint)
    with cheap.compiled():
        first, second = made(), made(endpoint)
        assert answers(second, endpoint) == alone
        assert answers(first) == answers(made())
    one, other = (next(rules.iter_rules()) for rules in (first, second))
    assert one is not other
    assert one._parts is other._parts, "compiled once"
    assert answers(made(endpoint), endpoint) == alone, "afterwards as before"


def test_a_template_that_was_compiled_before_is_not_compiled_again() -> None:
    """Nor for another application; each has its own functions in it all the same."""
    with cheap.compiled():
        caches = []
        for answer in ("one", "two"):
            app = Flask("web.staff")
            app.jinja_env.globals["answer"] = answer
            app.jinja_env.loader = DictLoader({"page": "<p>{{ answer }}</p>"})
            with app.app_context():
                assert render_template("page") == f"<p>{answer}</p>"
            caches.append(app.jinja_env.bytecode_cache)
        assert caches[0] is caches[1] is not None
