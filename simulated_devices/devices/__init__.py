"""Simulated instruments, each written from its manual."""
