"""Which messages are the answer to a reading, and where it ends.

`labelProps` is answered by one message per label, without number or end mark, and what was not
asked for (`{"label": L, "value": V}`) may come before, between and after. So a reading asks
twice: when the first label comes again, all labels are known, and the answer is over once each
has come again. Values are taken from this second round. It begins after the request was
understood, even if the input still held an incomplete list of an earlier reading, so that a
value is never older than its question and a disturbed exchange does not shift later ones.

A measured quantity is asked for by a request of its own, sent after the two lists. What the
instrument says about its label after the lists is the answer: an unasked message of that label
there is as fresh, and one that came before the lists is passed over.
"""

from __future__ import annotations

from typing import Any

from drivers.single_quantum_websq.messages import Message, parse_frame
from labctl.errors import InstrumentError

__all__ = ["Answer"]


class Answer:
    """Follows the messages after a reading of `label` until its value is known."""

    def __init__(self, label: str, *, is_measured: bool) -> None:
        self._label = label
        self._is_measured = is_measured
        self._known: set[str] = set()
        self._listed: dict[str, Any] = {}
        self._measured: list[Any] = []
        self._faults: list[Message] = []
        self._is_repeating = False

    @property
    def is_complete(self) -> bool:
        """True when nothing more of this answer is to come."""
        if not self._is_listing_over:
            return False
        return bool(self._measured) or not self._is_measured or self._label not in self._known

    @property
    def has_fault(self) -> bool:
        """True when the instrument reported a fault meanwhile."""
        return bool(self._faults)

    def take(self, frame: bytes) -> None:
        """Take the next message.

        Raises:
            ValueError: it is not one.
        """
        for message in parse_frame(frame):
            if message.is_error:
                self._faults.append(message)
            elif self._is_listing_over:
                if message.label == self._label:
                    self._measured.append(message.value)
            elif message.is_listed:
                self._list(message)

    def value(self) -> Any:
        """Return the value of the label.

        Raises:
            InstrumentError: the instrument reported a fault.
            ValueError: the answer is not complete, or does not contain the label.
        """
        self.raise_fault()
        if not self.is_complete:
            raise ValueError("the answer is not complete")
        if self._label not in self._known:
            raise ValueError(
                f'the label "{self._label}" is missing; there are {", ".join(sorted(self._known))}'
            )
        return self._measured[0] if self._is_measured else self._listed[self._label]

    def raise_fault(self) -> None:
        """Raise InstrumentError if the instrument reported a fault."""
        if self._faults:
            told = "; ".join(f"{fault.label}: {fault.value}" for fault in self._faults)
            raise InstrumentError(f"the instrument reports {told}")

    @property
    def _is_listing_over(self) -> bool:
        return self._is_repeating and self._known <= self._listed.keys()

    def _list(self, message: Message) -> None:
        self._is_repeating = self._is_repeating or message.label in self._known
        self._known.add(message.label)
        if self._is_repeating:
            self._listed[message.label] = message.value
