"""Handlers for what an execution left: notebook, log, artifacts, receipt."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_async_exec.api import wire
from jupyter_async_exec.api.base import AsyncExecHandler
from jupyter_async_exec.api.html import render_html
from jupyter_async_exec.service import notebook_name

NOTEBOOK_TYPE = "application/json"
HTML_TYPE = "text/html; charset=UTF-8"


class NotebookHandler(AsyncExecHandler):
    """``executions/{id}/notebook``."""

    @web.authenticated
    @authorized
    async def get(self, ref: str) -> None:
        """Return the executed notebook or its source, as JSON or as sandboxed HTML."""
        query = self.read_query("/executions/{id}/notebook")
        is_html = query["format"] == "html"
        name = notebook_name(await self.service.get(ref), suffix=".html" if is_html else ".ipynb")
        file_name = name if query["download"] else None
        if is_html:
            page = await render_html(await self.service.notebook(ref, version=query["version"]))
            self.describe_bytes(HTML_TYPE, file_name=file_name)
            self.set_header("Content-Length", str(len(page)))
            await self.write_large(page)
            await web.RequestHandler.finish(self)
            return
        notebook = await self.service.open_notebook(ref, version=query["version"])
        self.set_header("Content-Length", str(notebook.size_bytes))
        await self.write_pieces(notebook.pieces, NOTEBOOK_TYPE, file_name=file_name)


class LogHandler(AsyncExecHandler):
    """``executions/{id}/log``."""

    @web.authenticated
    @authorized
    async def get(self, ref: str) -> None:
        """Return a piece of what it printed."""
        query = self.read_query("/executions/{id}/log")
        piece = await self.service.log(ref, offset=query["offset"], limit_bytes=query["limit"])
        await self.write_large_json(lambda: wire.log_to_json(piece))


class ArtifactsHandler(AsyncExecHandler):
    """``executions/{id}/artifacts``."""

    @web.authenticated
    @authorized
    async def get(self, ref: str) -> None:
        """List what it produced."""
        artifacts = await self.service.artifacts(ref)
        # There may be thousands.
        await self.write_large_json(
            lambda: {"artifacts": [wire.artifact_to_json(each) for each in artifacts]}
        )


class ArtifactHandler(AsyncExecHandler):
    """``executions/{id}/artifacts/{name}``."""

    @web.authenticated
    @authorized
    async def get(self, ref: str, name: str) -> None:
        """Return the bytes of one, shown only if its kind is harmless."""
        query = self.read_query("/executions/{id}/artifacts/{name}")
        artifact = await self.service.artifact(ref, name)
        is_shown = artifact.media_type in wire.PREVIEWABLE_TYPES and not query["download"]
        file_name = None if is_shown else artifact.name.rpartition("/")[2]
        self.set_header("Content-Length", str(artifact.size_bytes))
        pieces = self.service.pieces(artifact)
        await self.write_pieces(pieces, artifact.media_type, file_name=file_name)


class ReceiptHandler(AsyncExecHandler):
    """``executions/{id}/receipt``."""

    @web.authenticated
    @authorized
    async def get(self, ref: str) -> None:
        """Return everything that made it."""
        execution, receipt = await self.service.receipt(ref)
        document = await self.to_json(execution)
        await self.write_large_json(lambda: wire.receipt_to_json(receipt, document))
