"""Attackers use the same client as friends."""

from tests.api.conftest import client

__all__ = ["client"]
