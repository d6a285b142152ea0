"""Addresses under /_stand/ by which other processes (benchmarks, the control page) move the clock and order faults."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import flask

from devportal.world import World


def make_blueprint(world: World, reset: Callable[[], None]) -> flask.Blueprint:
    """POST clock {"advance": seconds}, POST faults {arguments of Faults.order; "portal" is a member_id}, POST reset, GET log."""
    blueprint = flask.Blueprint("stand", __name__, url_prefix="/_stand")

    @blueprint.post("/clock")
    def clock() -> dict[str, float]:
        world.clock.advance(float(_sent()["advance"]))
        return {"now": world.clock.now()}

    @blueprint.post("/faults")
    def faults() -> dict[str, bool]:
        world.faults.order(**_sent())
        return {"ordered": True}

    @blueprint.post("/reset")
    def start_over() -> dict[str, bool]:
        reset()
        return {"reset": True}

    @blueprint.get("/log")
    def log() -> list[dict[str, Any]]:
        return [asdict(entry) for entry in world.log.entries]

    @blueprint.errorhandler(KeyError)
    @blueprint.errorhandler(TypeError)
    @blueprint.errorhandler(ValueError)
    def refuse(error: Exception) -> tuple[dict[str, str], int]:
        return {"error": f"This is no such order: {error}"}, 400

    return blueprint


def _sent() -> dict[str, Any]:
    sent = flask.request.get_json()
    if not isinstance(sent, dict):
        raise TypeError("send a JSON object")
    return sent
