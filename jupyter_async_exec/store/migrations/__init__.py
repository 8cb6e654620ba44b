"""How a store's file came to be, step by step; run by Alembic through `store/migrate.py`."""
