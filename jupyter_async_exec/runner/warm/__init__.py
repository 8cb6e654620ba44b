"""Runners and kernels that are ready before they are needed."""
