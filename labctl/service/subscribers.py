"""What the publisher knows of one subscriber: what it wants, and what it did not get."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from labctl.service.topics import IN_PARTS, SNAPSHOT
from labctl.transport.plain_json import encode_object
from labctl.transport.publishing import Delivery

__all__ = ["Encoded", "Subscribe", "Subscriber"]


class Subscribe(BaseModel):
    """What a subscriber sends, at first and again as its sign of life.

    `is_new` asks for a snapshot.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1]
    token: str
    client: Annotated[str, Field(min_length=1, max_length=64)]
    topics: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=32)]
    is_new: bool = False


class Encoded:
    """One update, encoded once for all who get it."""

    def __init__(self, topic: str, sequence: int, utc_ns: int, data: Mapping[str, Any]) -> None:
        self.topic = topic
        head = f'{{"version":1,"topic":"{topic}","sequence":{sequence},"utc_ns":{utc_ns},"data":'
        self._body = head.encode() + encode_object(data)
        self._whole = self._body + b',"missed":0}'

    def message(self, missed: int) -> bytes:
        """Return the update for a subscriber that did not get the `missed` ones before it."""
        return self._body + b',"missed":%d}' % missed if missed else self._whole

    def message_after(self, missed: Mapping[str, int]) -> bytes:
        """Return a snapshot for a subscriber that did not get updates, counted by topic."""
        return self._body + b',"missed":0,"missed_of":' + encode_object(missed) + b"}"


class Subscriber:
    """One subscriber; owned by the publisher's thread.

    Attributes:
        behind: topics whose newest update it did not get.
        next_try_s: when to look next whether it takes updates again.
    """

    def __init__(self, send: Callable[[bytes], Delivery]) -> None:
        self.topics: frozenset[str] = frozenset()
        self.behind: set[str] = set()
        self.next_try_s = 0.0
        self._send = send
        self._missed: Counter[str] = Counter()

    def tell(self, update: Encoded) -> Delivery:
        """Send an update, or count it as missed."""
        delivery = self._send(update.message(self._missed[update.topic]))
        if delivery is Delivery.SENT:
            del self._missed[update.topic]
            if update.topic not in IN_PARTS:
                self.behind.discard(update.topic)
        else:
            self.miss(update.topic)
        return delivery

    def tell_again(self, update: Encoded) -> Delivery:
        """Send the newest update of a topic, which was missed before."""
        delivery = self._send(update.message(max(0, self._missed[update.topic] - 1)))
        if delivery is Delivery.SENT:
            del self._missed[update.topic]
            self.behind.discard(update.topic)
        return delivery

    def tell_everything(self, snapshot: Encoded) -> Delivery:
        """Send a snapshot, which makes up for every update that says only what is new."""
        missed = {topic: n for topic, n in self._missed.items() if topic in IN_PARTS and n}
        delivery = self._send(snapshot.message_after(missed))
        if delivery is Delivery.SENT:
            self.behind -= {SNAPSHOT, *IN_PARTS}
            for topic in missed:
                del self._missed[topic]
        else:
            self.behind.add(SNAPSHOT)
        return delivery

    def say(self, message: Encoded) -> Delivery:
        """Send something that nobody misses."""
        return self._send(message.message(0))

    def miss(self, topic: str) -> None:
        """Count an update that it did not get."""
        self._missed[topic] += 1
        self.behind.add(topic)
