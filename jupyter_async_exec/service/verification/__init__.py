"""Check that everything that is recorded is really there, and put right what can be."""

from __future__ import annotations

from jupyter_async_exec.service.verification.findings import Damage, Findings
from jupyter_async_exec.service.verification.verify import verify

__all__ = ["Damage", "Findings", "verify"]
