"""The command line: one module per group of commands, imported only when one is used.

Exit codes: 0 finished, 1 failed, 2 wrong usage or configuration, 3 aborted, 4 an instrument
cannot be reached.
"""
