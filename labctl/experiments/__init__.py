"""Experiments: one module each, announced in the entry-point group `labctl.experiments`."""
