"""`/api/v1/openapi.json`: the description (OpenAPI 3.1) of the link and of the
plan, generated from their models.

Not for: the staff's pages, which are no API.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from flask import Blueprint, Response, jsonify
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gateway.wire import (
    LOOK_HEADER,
    PICTURE_HEADER,
    PICTURE_MAX_BYTES,
    PROTOCOLS,
    CallOrder,
    CallSignal,
    EnrollAnswer,
    EnrollRequest,
    EventBatch,
    GapProblem,
    Have,
    HeardSignal,
    LookOrder,
    LookSignal,
    Noted,
    PictureTaken,
    Problem,
    TurnOrder,
    protocols_text,
)
from web.staff.visits import plan_api

blueprint = Blueprint("openapi", __name__)

MODELS: tuple[type[BaseModel], ...] = (
    CallOrder,
    CallSignal,
    LookOrder,
    HeardSignal,
    LookSignal,
    PictureTaken,
    EnrollAnswer,
    EnrollRequest,
    EventBatch,
    GapProblem,
    Have,
    Noted,
    Problem,
    TurnOrder,
    *plan_api.MODELS,
)
VERSION = "1"


@blueprint.get("/api/v1/openapi.json")
def openapi() -> Response:
    """The description."""
    return jsonify(describe())


Json = dict[str, Any]
"""A JSON object."""


def _json(model: type[BaseModel], text: str) -> Json:
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _body(model: type[BaseModel]) -> Json:
    content = _json(model, "")["content"]
    return {"required": True, "content": content}


_PROBLEMS: dict[str, Json] = {
    "400": _json(Problem, "The request cannot be read."),
    "401": _json(Problem, "Not signed by an enrolled gateway; `now_s` tells the server's time."),
    "403": _json(Problem, "An event of another home."),
    "413": _json(Problem, "Too big."),
    "415": _json(Problem, "Packed with something else than gzip."),
    "426": _json(Problem, "Home and server have no protocol of the link in common."),
}


_BYTES: Json = {"application/octet-stream": {"schema": {"type": "string"}}}


def _in_path(name: str, schema: Json) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _plan() -> Json:
    text = {"schema": {"type": "string"}}
    content = _body(plan_api.PlanRequest)["content"] | {"text/csv": text, "text/calendar": text}
    answers = {
        "source": "In a CSV or iCalendar file's place of `source`.",
        "home": "The home of events in an iCalendar file that name none.",
    }
    return {
        "post": {
            "operationId": "plan",
            "summary": "Visits that are planned; all of them are kept, or none.",
            "security": [{"planToken": []}],
            "parameters": [
                {"name": name, "in": "query", "description": text, "schema": {"type": "string"}}
                for name, text in answers.items()
            ],
            "requestBody": {"required": True, "content": content},
            "responses": {
                "200": _json(plan_api.PlanAnswer, "Kept."),
                "400": _PROBLEMS["400"],
                "401": _json(Problem, "The token is wrong, void or too old."),
                "413": _PROBLEMS["413"],
                "415": _json(Problem, "Neither JSON, CSV nor iCalendar."),
                "422": _json(plan_api.PlanProblem, "Refused, with a sentence for each bad line."),
                "429": _json(Problem, "Too many tries."),
            },
        }
    }


@cache
def describe() -> Json:
    """The OpenAPI document as a JSON object."""
    _, schemas = models_json_schema(
        [(model, "validation") for model in MODELS],
        ref_template="#/components/schemas/{model}",
    )
    token: list[dict[str, list[str]]] = [{"gatewayToken": []}]
    up = {"security": token, "requestBody": _body(EventBatch)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tryggve: the link between a home and the staff server, and the plan",
            "version": VERSION,
            "x-link-protocols": protocols_text(PROTOCOLS),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {
            "/api/v1/home/enroll": {
                "post": {
                    "operationId": "enroll",
                    "summary": "A new gateway becomes a home's own, by a one-time code.",
                    "security": [],
                    "requestBody": _body(EnrollRequest),
                    "responses": {
                        "200": _json(EnrollAnswer, "Enrolled."),
                        "400": _PROBLEMS["400"],
                        "403": _json(Problem, "The code is wrong, used or too old."),
                        "413": _PROBLEMS["413"],
                        "415": _PROBLEMS["415"],
                        "426": _PROBLEMS["426"],
                        "429": _json(Problem, "Too many tries."),
                    },
                }
            },
            "/api/v1/home/events": {
                "post": {
                    "operationId": "events",
                    "summary": "A batch of events in order; may be packed with gzip.",
                    **up,
                    "responses": {
                        "200": _json(Have, "Committed."),
                        "409": _json(GapProblem, "A gap, or a broken chain."),
                        **_PROBLEMS,
                    },
                }
            },
            "/api/v1/home/urgent": {
                "post": {
                    "operationId": "urgent",
                    "summary": "Urgent events, ahead of older ones; may be packed with gzip.",
                    **up,
                    "responses": {"200": _json(Have, "Committed."), **_PROBLEMS},
                }
            },
            "/api/v1/home/call": {
                "post": {
                    "operationId": "call",
                    "summary": "What a home says about a call with it, at once.",
                    "security": token,
                    "requestBody": _body(CallSignal),
                    "responses": {
                        "200": _json(Noted, "Kept for the page."),
                        "404": _json(Problem, "This home has no such call."),
                        **_PROBLEMS,
                    },
                }
            },
            "/api/v1/home/look": {
                "post": {
                    "operationId": "look",
                    "summary": "What a home says about a look into it, at once.",
                    "security": token,
                    "requestBody": _body(LookSignal),
                    "responses": {
                        "200": _json(Noted, "Kept for the page."),
                        "404": _json(Problem, "This home has no such look."),
                        **_PROBLEMS,
                    },
                }
            },
            "/api/v1/home/heard": {
                "post": {
                    "operationId": "heard",
                    "summary": "What a home that is being installed hears, while somebody looks.",
                    "security": token,
                    "requestBody": _body(HeardSignal),
                    "responses": {
                        "200": _json(Noted, "Shown on the page."),
                        "404": _json(Problem, "Nobody listens to this home any more."),
                        **_PROBLEMS,
                    },
                }
            },
            "/api/v1/home/picture": {
                "post": {
                    "operationId": "picture",
                    "summary": "A sealed picture of a look, which only its page can open.",
                    "security": token,
                    "parameters": [
                        {"name": name, "in": "header", "required": True, "schema": {"type": kind}}
                        for name, kind in ((LOOK_HEADER, "string"), (PICTURE_HEADER, "integer"))
                    ],
                    "requestBody": {
                        "required": True,
                        "content": {
                            "application/octet-stream": {
                                "schema": {"type": "string", "maxLength": PICTURE_MAX_BYTES}
                            }
                        },
                    },
                    "responses": {
                        "200": _json(PictureTaken, "Held for the page."),
                        "404": _json(Problem, "This home has no such look."),
                        **_PROBLEMS,
                    },
                }
            },
            "/api/v1/home/update-{what}/{name}": {
                "get": {
                    "operationId": "update",
                    "summary": "A part of a release: its signed lists (metadata) or its files.",
                    "security": token,
                    "parameters": [
                        _in_path("what", {"type": "string", "enum": ["metadata", "targets"]}),
                        _in_path("name", {"type": "string"}),
                        {
                            "name": "Range",
                            "in": "header",
                            "required": False,
                            "schema": {"type": "string", "pattern": "^bytes=[0-9]+-[0-9]*$"},
                        },
                    ],
                    "responses": {
                        "200": {"description": "A signed list.", "content": _BYTES},
                        "206": {"description": "A part of a file.", "content": _BYTES},
                        "404": _json(Problem, "The server has no such part of a release."),
                        "503": _json(Problem, "Many homes take a release at once."),
                        **_PROBLEMS,
                    },
                }
            },
            "/api/v1/home/stream": {
                "get": {
                    "operationId": "stream",
                    "summary": "What the server decided, and orders for now.",
                    "security": token,
                    "parameters": [
                        {
                            "name": "Last-Event-ID",
                            "in": "header",
                            "required": False,
                            "schema": {"type": "integer", "minimum": 0},
                        }
                    ],
                    "responses": {
                        "200": {
                            "description": "Server-sent events until the connection ends.",
                            "content": {
                                "text/event-stream": {
                                    "schema": {"type": "string"},
                                    "x-event-data": {
                                        "turn": {"$ref": "#/components/schemas/TurnOrder"},
                                        "call": {"$ref": "#/components/schemas/CallOrder"},
                                        "look": {"$ref": "#/components/schemas/LookOrder"},
                                    },
                                }
                            },
                        },
                        "400": _PROBLEMS["400"],
                        "401": _PROBLEMS["401"],
                        "409": _json(GapProblem, "The home knows more than the server."),
                        "426": _PROBLEMS["426"],
                    },
                }
            },
            "/api/v1/plan": _plan(),
        },
        "components": {
            "schemas": schemas.get("$defs", {}),
            "securitySchemes": {
                "gatewayToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT (EdDSA)"},
                "planToken": {"type": "http", "scheme": "bearer"},
            },
        },
    }
