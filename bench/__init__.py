"""Measures us beside the peers, in the same run, alternating: ``python -m bench``."""
