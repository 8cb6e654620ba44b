"""A client that checks every answer against the contract."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator
from tornado.httpclient import HTTPClientError

from jupyter_async_exec.api.contract import contract
from jupyter_async_exec.defaults import STORE_FILE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


#: For one request; tornado would give up after 20 s.
ANSWER_LIMIT_S = 120.0


class Answer:
    """What the server answered."""

    def __init__(self, response: Any) -> None:
        self.code: int = response.code
        self.headers = response.headers
        self.body: bytes = response.body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Calls the server; fails a test whose answer the contract does not allow."""

    def __init__(self, fetch: Callable[..., Awaitable[Any]]) -> None:
        self._fetch = fetch

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        query = options.pop("query", {})
        data = options.pop("data", None)
        if data is None and (body is not None or method in {"POST", "PATCH", "PUT"}):
            data = json.dumps({} if body is None else body)
        # On a machine with much else to do an answer takes its time.
        options.setdefault("request_timeout", ANSWER_LIMIT_S)
        try:
            response = await self._fetch(
                "async-exec",
                *path.strip("/").split("/"),
                method=method,
                body=data,
                params=query,
                **options,
            )
        except HTTPClientError as error:
            response = error.response
        answer = Answer(response)
        check(method, path, answer)
        return answer

    async def get(self, path: str, **query: Any) -> Answer:
        return await self.call("GET", path, query=query)

    async def post(self, path: str, body: Any = None, **options: Any) -> Answer:
        return await self.call("POST", path, body, **options)

    async def until(
        self, number: int, wanted: Callable[[dict[str, Any]], bool], *, limit_s: float = 120.0
    ) -> dict[str, Any]:
        """Ask for an execution again until it is as `wanted`."""
        async with asyncio.timeout(limit_s):
            while True:
                execution: dict[str, Any] = (await self.get(f"executions/{number}")).json
                if wanted(execution):
                    return execution
                await asyncio.sleep(0.05)

    async def finished(self, number: int) -> dict[str, Any]:
        final = {"succeeded", "failed", "cancelled"}
        return await self.until(number, lambda execution: execution["status"] in final)


def check(method: str, path: str, answer: Answer) -> None:
    """Assert that `openapi.yaml` allows this answer to this call."""
    template = template_of(path)
    if template is None:
        return
    operation = contract()["paths"][template].get(method.lower())
    if operation is None:
        assert answer.code == 405, f"{method} {path} answered {answer.code}"
        return
    responses = operation["responses"]
    assert str(answer.code) in responses, f"{method} {path} answered {answer.code}: {answer.body!r}"
    response = responses[str(answer.code)]
    if "$ref" in response:
        response = contract()["components"]["responses"][response["$ref"].rpartition("/")[2]]
    content = response.get("content", {})
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    if not content or "*/*" in content:
        return
    assert kind in content, f"{method} {path} answered {kind}"
    if kind == "application/json":
        schema = {**content[kind]["schema"], "components": contract()["components"]}
        Draft202012Validator(schema).validate(answer.json)


def template_of(path: str) -> str | None:
    """Return the address of the contract that `path` is one of."""
    for template in contract()["paths"]:
        pattern = re.sub(r"\\{(path|name)\\}", ".+", re.escape(template))
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", pattern)
        if re.fullmatch(pattern, "/" + path.strip("/")):
            return str(template)
    return None


@pytest.fixture
def data_dir(data_dir: Path, empty_store_file: Path) -> Path:
    """The folder for executions, with an empty store in it."""
    data_dir.mkdir(mode=0o700)
    shutil.copy(empty_store_file, data_dir / STORE_FILE)
    return data_dir


@pytest.fixture
def client(jp_fetch: Any) -> Client:
    return Client(jp_fetch)
