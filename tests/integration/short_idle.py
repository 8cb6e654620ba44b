"""A server extension for tests: the server looks many times a second whether it is idle.

A real one does so once a minute; this one begins when it is first asked for something.
Each look it survives is noted in the file that ``SURVIVED_LOOKS`` names, with the
seconds since anybody last asked.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tornado.ioloop import PeriodicCallback

from jupyter_async_exec import activity

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

LOOK_INTERVAL_MS = 100


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: ServerApp) -> None:
    activity.LOOK_INTERVAL_S = 0.1
    survived = Path(os.environ["SURVIVED_LOOKS"])

    def look() -> None:
        asked_at = server.web_app.settings.get("api_last_activity")
        if asked_at is None:
            return
        server.shutdown_no_activity()
        with survived.open("a") as notes:
            notes.write(f"{(datetime.now(UTC) - asked_at).total_seconds()}\n")

    PeriodicCallback(look, LOOK_INTERVAL_MS).start()
