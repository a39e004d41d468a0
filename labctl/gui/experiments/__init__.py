"""How the window draws a run: one panel per experiment, found by entry point.

The entry-point group `labctl.panels` names them by experiment; any package may bring one for its
own. An experiment without a panel gets a table and a plot of its numbers.
"""
