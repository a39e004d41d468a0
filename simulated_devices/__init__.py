"""Simulated instruments: one physical world behind every wire.

Physics (`world`), wires (`wire`, `visa`) and instruments (`devices`, `yaml`) are separate
objects that meet in `lab.SimulatedLab`. Instruments are written from their manuals and know
nothing of our drivers: the two sides meet only at bytes.
"""
