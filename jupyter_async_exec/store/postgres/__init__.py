"""The store on a server of PostgreSQL's: what it needs and others do not."""
