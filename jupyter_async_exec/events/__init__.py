"""Small facts about executions on the server's event bus; alone in knowing jupyter_events."""

from jupyter_async_exec.events.publisher import SCHEMA_ID, Publisher

__all__ = ["SCHEMA_ID", "Publisher"]
