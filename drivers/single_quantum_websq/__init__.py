"""Single Quantum WebSQ (Atlas, EOS): bias electronics and counters of nanowire detectors.

Decisions that may be questioned:

- A reading asks for the list of all labels twice. The answer has no end mark and no number, so
  the repetition is what shows where it ends; see `answer.py`.
- The bias never jumps: setting it sends steps of at most 0.5 µA, each confirmed by reading
  back, and the link is free between steps. `ramp_bias` is the same with time between the steps.
- Methods that take time are generators of seconds to wait. The driver has no clock and holds no
  link while others wait; whoever drives the generator may close it at any step.
- Going down to zero is one jump: without current nothing can latch or burn.
"""

from drivers.single_quantum_websq.counts import CountsDecoder, CountsLine
from drivers.single_quantum_websq.driver import SingleQuantumWebSq

__all__ = ["CountsDecoder", "CountsLine", "SingleQuantumWebSq"]
