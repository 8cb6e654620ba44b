"""The store in one file: what SQLite needs and others do not."""
