"""The process that runs one execution; knows no server, no database, no traitlets."""
