"""A store on a server of PostgreSQL's that lets nobody in without TLS and a password."""

from __future__ import annotations

import socket
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.errors import UnavailableError
from jupyter_async_exec.store import ExecutionStore
from jupyter_async_exec.testing.factories import make_submission
from tests.certificates import NEEDS_OPENSSL, make_certificates
from tests.postgres import Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = NEEDS_OPENSSL

PASSWORD = "correct-horse"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of who signed the server's."""
    return make_certificates(tmp_path_factory.mktemp("ours") / "certificates") / "ca.pem"


@pytest.fixture(scope="module")
def port(authority: Path) -> Iterator[int]:
    """Where that server listens, on which Ada has a database."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        found: int = free.getsockname()[1]
    cluster = Cluster()
    folder = authority.parent
    try:
        cluster.let_in_over_tls(folder / "cert.pem", folder / "key.pem", port=found)
        cluster.start()
        cluster.sql(f"CREATE ROLE ada LOGIN PASSWORD '{PASSWORD}'")
        cluster.sql("CREATE DATABASE jobs OWNER ada")
        yield found
    finally:
        cluster.remove()


def test_records_are_kept_by_who_has_the_password_over_tls(port: int, authority: Path) -> None:
    options = f"sslmode=verify-full&sslrootcert={authority}"
    url = f"postgresql://ada:{PASSWORD}@127.0.0.1:{port}/jobs?{options}"
    with closing(ExecutionStore(url)) as store:
        accepted, _ = store.accept(make_submission())

        assert store.get(accepted.number).id == accepted.id


@pytest.mark.parametrize(
    ("password", "host", "options", "said"),
    [
        (PASSWORD, "127.0.0.1", "sslmode=disable", "no encryption"),
        (PASSWORD, "127.0.0.1", "sslmode=verify-full&sslrootcert={other}", "SSL error"),
        (PASSWORD, "localhost", "sslmode=verify-full&sslrootcert={ours}", "does not match"),
        ("battery-staple", "127.0.0.1", "sslmode=require", "password authentication failed"),
    ],
    ids=["without TLS", "another authority", "another name", "another password"],
)
def test_who_is_not_let_in_and_who_cannot_be_believed_is_told_so(  # noqa: PLR0917
    port: int,
    authority: Path,
    password: str,
    host: str,
    options: str,
    said: str,
    tmp_path: Path,
) -> None:
    other = make_certificates(tmp_path / "others") / "ca.pem"
    asked = options.format(ours=authority, other=other)

    with pytest.raises(UnavailableError, match=said) as refused:
        ExecutionStore(f"postgresql://ada:{password}@{host}:{port}/jobs?{asked}")

    assert password not in refused.value.message
