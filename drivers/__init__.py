"""Drivers of real instruments, one package each: protocol (pure), driver (meaning)."""
