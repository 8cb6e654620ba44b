"""Runners below the workers of a Dask cluster; see docs/explanation/dask.md.

::

    server                                    worker's machine
    backend.py   what the dispatcher asks     agent.py   a `LocalBackend` that answers calls
    roster.py    which workers there are      cache.py   snapshots, kept for the next execution
    mirror.py    what an attempt has written
    link.py      Dask's connections           protocol.py, parcels.py   what both sides know

Only `link.py` imports Dask, and nobody imports this package before such a backend is used.
"""
