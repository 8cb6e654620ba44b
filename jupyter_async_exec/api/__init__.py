"""HTTP: thin handlers, the wire format and the contract; the only room that knows tornado."""
