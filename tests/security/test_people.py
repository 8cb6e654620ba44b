"""Executions belong to people: every address of a real server, tried by somebody else."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_server.auth import Authorizer, IdentityProvider, User

from jupyter_async_exec.defaults import default_owner
from jupyter_async_exec.store import ExecutionStore
from jupyter_async_exec.testing.factories import make_submission, make_sweep
from tests.api.conftest import Client
from tests.api.test_server import CALLS
from tests.conftest import make_notebook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.postgres import Cluster

PERSON = "X-Person"
#: About an execution or a sweep; of the rest there is none of others.
ABOUT_ONE = [(verb, path) for verb, path in CALLS if "/1" in path]
READING = {"GET", "HEAD"}


#: Bodies that the contract allows, by what follows the number.
BODIES: dict[str, dict[str, Any]] = {
    "executions": {"title": "mine now"},
    "sweeps": {"deleted": False},
    "sweeps/add": {"values": {"x": [1]}},
}


def body_of(method: str, path: str) -> dict[str, Any] | None:
    if method in {*READING, "DELETE"}:
        return None
    return BODIES.get(path.replace("/1", "").replace("/2", ""), {})


class ByName(IdentityProvider):
    """Believes what a request says of itself."""

    def get_user(self, handler: Any) -> User:
        handler._token_authenticated = True
        return User(username=handler.request.headers.get(PERSON, "nobody"))


class ForAlice(Authorizer):
    """Everybody may do everything, and only Carol may see what the team does."""

    def is_authorized(self, handler: Any, user: User, action: str, resource: str) -> bool:
        return resource != "async_exec_team" or user.username == "carol"


@pytest.fixture
def jp_server_config(jp_server_config: dict[str, Any]) -> dict[str, Any]:
    jp_server_config["ServerApp"]["identity_provider_class"] = ByName
    jp_server_config["ServerApp"]["authorizer_class"] = ForAlice
    return jp_server_config


@pytest.fixture
def with_reading(jp_server_config: dict[str, Any]) -> None:
    jp_server_config["AsyncExecApp"] = {"team": "read"}


@pytest.fixture
def store_url(data_dir: Path) -> str:
    return f"sqlite:///{data_dir / 'store.sqlite'}"


@pytest.fixture
def kept(data_dir: Path, store_url: str) -> None:
    """#1 and a sweep, #2, of Alice, and #3 of nobody; all are over."""
    data_dir.mkdir(parents=True)
    with closing(ExecutionStore(store_url)) as store:
        store.accept(make_submission(submitted_by="alice", tags=("mine",)))
        sweep = make_sweep(submitted_by="alice")
        store.sweeps.accept(sweep, [make_submission(sweep_id=sweep.id, submitted_by="alice")])
        store.accept(make_submission(submitted_by=""))
        for number in (1, 2, 3):
            store.request_cancel(number)


@pytest.fixture
def person(kept: None, jp_fetch: Any) -> Callable[[str], Client]:
    def as_(name: str) -> Client:
        async def fetch(*parts: str, **options: Any) -> Any:
            return await jp_fetch(*parts, headers={PERSON: name}, **options)

        return Client(fetch)

    return as_


async def test_nobody_else_knows_of_an_execution_by_whatever_address(
    person: Callable[[str], Client],
) -> None:
    alice, bob = person("alice"), person("bob")
    before = (await alice.get("executions/1")).body

    for method, path in ABOUT_ONE:
        body = body_of(method, path)
        for theirs, absent in (("/1", "/77"), ("/2", "/78")):
            there = await bob.call(method, path.replace("/1", theirs), body)
            missing = await bob.call(method, path.replace("/1", absent), body)

            assert there.code in {403, 404}, (method, path)
            assert there.code == missing.code, (method, path)
            is_same = there.body.decode() == missing.body.decode().replace(absent[1:], theirs[1:])
            assert is_same, (method, path)
    assert (await alice.get("executions/1")).body == before


#: Lists in which executions of Alice are.
LISTS: list[dict[str, str]] = [
    {},
    {"notebook": "projects/train.ipynb"},
    {"status": "cancelled"},
    {"status": "cancelled", "notebook": "projects/train.ipynb"},
    {"single": "true"},
    {"grouped": "true"},
    {"grouped": "true", "notebook": "projects/train.ipynb"},
    {"q": "epochs"},
    {"q": "epochs > 2"},
    {"q": "owner:alice"},
    {"tag": "mine"},
    {"starred": "false"},
]


@pytest.mark.parametrize("query", LISTS, ids=str)
async def test_no_list_holds_what_belongs_to_somebody_else(
    person: Callable[[str], Client], query: dict[str, str]
) -> None:
    mine = (await person("alice").get("executions", **query)).json
    found = (await person("bob").get("executions", **query)).json

    assert {each["number"] for each in mine["executions"]} >= {1}
    assert {each["number"] for each in found["executions"]} <= {3}
    assert found["sweeps"] == []


async def test_nothing_of_somebody_else_is_compared_or_followed(
    person: Callable[[str], Client],
) -> None:
    alice, bob = person("alice"), person("bob")
    sweep_id = (await alice.get("executions/2")).json["sweep_id"]
    notebook = make_notebook("1")

    answers = [
        await bob.get("compare", ids="1"),
        await bob.get("compare/curves", ids="1", name="x"),
        await bob.get("compare", sweep=sweep_id),
        await bob.post("executions", {"path": "a.ipynb", "notebook": notebook, "after": ["1"]}),
    ]

    assert [each.code for each in answers] == [404, 404, 400, 404]
    assert (await bob.get("sweeps", ids=sweep_id)).json["sweeps"] == []
    assert [
        each["number"] for each in (await bob.get("compare", ids="1-3")).json["executions"]
    ] == [3]


async def test_making_room_lets_go_of_ones_own_and_of_nobodys(
    with_reading: None, person: Callable[[str], Client]
) -> None:
    going = {}
    for name in ("alice", "carol", "bob"):
        planned = (await person(name).post("gc", {"older_than_s": 0})).json
        going[name] = sorted(each["number"] for each in planned["executions"])
    refused = await person("bob").post("gc", {"max_bytes": 0})

    assert going == {"alice": [1, 2, 3], "carol": [3], "bob": [3]}
    assert refused.code == 403
    assert "others have some too" in json.loads(refused.body)["message"]


async def test_presets_are_ones_own(person: Callable[[str], Client]) -> None:
    path = "notebooks/a.ipynb/presets"
    await person("alice").call("PUT", f"{path}/fast", {"parameters": {"n": 1}})

    assert (await person("bob").get(path)).json["presets"] == []
    assert (await person("alice").get(path)).json["presets"][0]["name"] == "fast"


async def test_what_belongs_to_nobody_is_everybodys(person: Callable[[str], Client]) -> None:
    bob = person("bob")

    changed = await bob.call("PATCH", "executions/3", {"title": "found"})

    assert (changed.code, changed.json["owner"]) == (200, None)
    assert (await person("alice").get("executions/3")).json["title"] == "found"
    assert (await bob.get("status")).json["user"] == "bob"


async def test_who_may_see_what_the_team_does_changes_none_of_it(
    with_reading: None, person: Callable[[str], Client]
) -> None:
    carol, bob = person("carol"), person("bob")

    for method, path in (
        (method, path.replace("sweeps/1", "sweeps/2")) for method, path in ABOUT_ONE
    ):
        answer = await carol.call(method, path, body_of(method, path))

        is_refused = answer.code == 403
        is_allowed = path.startswith("contents") or path.endswith(("restore", "rerun", "/x"))
        assert is_refused is (method not in READING) or is_allowed, (method, path, answer.code)
    refused = await carol.call("DELETE", "executions/1")
    assert json.loads(refused.body)["message"] == "It belongs to alice; only they can change it."
    numbers = [each["number"] for each in (await carol.get("executions")).json["executions"]]
    assert numbers == [3, 2, 1]
    assert (await carol.get("executions", q="owner:alice")).json["executions"][0]["number"] == 2
    assert (await bob.get("executions/1")).code == 404


class TestWhoeverComes:
    """The server of one person knows nobody by name."""

    @pytest.fixture
    def jp_server_config(self, jp_server_config: dict[str, Any]) -> dict[str, Any]:
        del jp_server_config["ServerApp"]["identity_provider_class"]
        return jp_server_config

    async def test_sees_and_changes_everything_and_owns_what_they_submit(
        self, kept: None, jp_fetch: Any
    ) -> None:
        client = Client(jp_fetch)
        listed = (await client.get("executions")).json["executions"]
        changed = await client.call("PATCH", "executions/1", {"title": "changed"})
        status = (await client.get("status")).json
        body = {"path": "a.ipynb", "notebook": make_notebook("1")}
        submitted = (await client.post("executions", body)).json

        assert [each["owner"] for each in listed] == [None, "alice", "alice"]
        assert changed.code == 200
        assert (status["user"], status["team"]) == (default_owner(), "all")
        assert submitted["owner"] is None


class TestOnADatabase:
    """It is there to be shared, so that others may be there."""

    @pytest.fixture
    def store_url(self, cluster: Cluster) -> Iterator[str]:
        yield cluster.create("people")
        cluster.drop("people")

    @pytest.fixture
    def jp_server_config(self, jp_server_config: dict[str, Any], store_url: str) -> dict[str, Any]:
        del jp_server_config["ServerApp"]["identity_provider_class"]
        jp_server_config["AsyncExecApp"] = {"store_url": store_url, "owner": "bob"}
        return jp_server_config

    async def test_the_server_of_one_person_shows_what_is_theirs_unless_somebody_chose(
        self, kept: None, jp_fetch: Any
    ) -> None:
        client = Client(jp_fetch)
        body = {"path": "a.ipynb", "notebook": make_notebook("1")}
        submitted = (await client.post("executions", body)).json

        found = {str(query): (await client.get("executions", **query)).json for query in LISTS}
        alices = [await client.call("DELETE", "executions/1"), await client.get("executions/2")]
        status = (await client.get("status")).json

        for query, page in found.items():
            assert {each["number"] for each in page["executions"]} <= {3, 4}, query
            assert page["sweeps"] == [], query
        assert [each["number"] for each in found["{}"]["executions"]] == [4, 3]
        assert [each.code for each in alices] == [404, 404]
        assert (status["user"], status["team"], submitted["number"]) == ("bob", "none", 4)
