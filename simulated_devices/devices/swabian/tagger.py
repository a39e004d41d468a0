"""What stands in for the vendor's class `TimeTagger`."""

# The names are the vendor's, and so are positional truth values.
# ruff: noqa: N802, FBT001

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from labctl.errors import LinkError
from simulated_devices.devices.swabian.enums import CHANNEL_UNUSED, ChannelEdge

if TYPE_CHECKING:
    from simulated_devices.devices.swabian.board import Board
    from simulated_devices.devices.swabian.inputs import Settings

__all__ = ["TimeTagger"]


class TimeTagger:
    """One open tagger, made by `createTimeTagger`.

    Every method raises RuntimeError when the cable is gone or the tagger was released, and
    ValueError for a channel or a value that the model does not have.
    """

    def __init__(self, board: Board) -> None:
        self._board = board

    @property
    def board(self) -> Board:
        """The simulated hardware."""
        return self._board

    def getSerial(self) -> str:
        """Return the serial number."""
        return self._reached().serial

    def getModel(self) -> str:
        """Return the model's name."""
        return self._reached().model.name

    def getPcbVersion(self) -> str:
        """Return the version of the board."""
        self._reached()
        return "1.3"

    def getFirmwareVersion(self) -> str:
        """Return device, firmware and USB chip."""
        return self._reached().model.firmware

    def getPsPerClock(self) -> int:
        """Return the period of the internal clock."""
        return self._reached().model.clock_ps

    def getChannelList(self, type: int = ChannelEdge.All) -> tuple[int, ...]:  # noqa: A002
        """Return the channels of a kind; this tagger has none of high resolution."""
        rising = tuple(range(1, self._reached().model.channels + 1))
        falling = tuple(-channel for channel in rising)
        if type & ChannelEdge.HighResAll:
            return ()
        edges = type & (ChannelEdge.Rising | ChannelEdge.Falling)
        return {ChannelEdge.Rising: rising, ChannelEdge.Falling: falling}.get(
            ChannelEdge(edges), rising + falling
        )

    def getInvertedChannel(self, channel: int) -> int:
        """Return the channel of the other edge."""
        return -self._known(channel)

    def isUnusedChannel(self, channel: int) -> bool:
        """Return whether the number stands for no channel."""
        return channel == CHANNEL_UNUSED

    def setTriggerLevel(self, channel: int, voltage: float) -> None:
        """Set the voltage whose crossing makes an edge."""
        low, high = self.getTriggerLevelRange(channel)
        if not low <= voltage <= high:
            raise ValueError(f"trigger level {voltage} V is outside {low} to {high} V")
        self._settings.trigger_v[abs(channel)] = voltage

    def getTriggerLevel(self, channel: int) -> float:
        """Return the voltage whose crossing makes an edge."""
        return self._settings.trigger_v[abs(self._known(channel))]

    def getTriggerLevelRange(self, channel: int) -> tuple[float, float]:
        """Return the lowest and the highest trigger level."""
        self._known(channel)
        return self._board.model.trigger_range_v

    def setDeadtime(self, channel: int, deadtime: int) -> int:
        """Set the dead time and return what it was rounded to."""
        low, high = self.getDeadtimeRange(channel)
        if deadtime > high:
            raise ValueError(f"dead time {deadtime} ps is above {high} ps")
        step = self._board.model.dead_step_ps
        rounded = min(high, max(low, (deadtime + step // 2) // step * step))
        self._settings.dead_ps[channel] = rounded
        return rounded

    def getDeadtime(self, channel: int) -> int:
        """Return the dead time in ps."""
        return self._settings.dead_ps[self._known(channel)]

    def getDeadtimeRange(self, channel: int) -> tuple[int, int]:
        """Return the shortest and the longest dead time in ps."""
        self._known(channel)
        return self._board.model.dead_range_ps

    def setInputDelay(self, channel: int, delay: int) -> None:
        """Delay a channel on board where that is possible, else on the host."""
        reach = self._board.model.delay_range_ps
        is_hardware = reach is not None and reach[0] <= delay <= reach[1]
        self.setDelaySoftware(channel, 0 if is_hardware else delay)
        if reach is not None:
            self.setDelayHardware(channel, delay if is_hardware else 0)

    def getInputDelay(self, channel: int) -> int:
        """Return the sum of both delays in ps."""
        return self._settings.delay_ps(self._known(channel))

    def setDelayHardware(self, channel: int, delay: int) -> None:
        """Delay a channel on board."""
        low, high = self.getDelayHardwareRange(channel)
        if not low <= delay <= high:
            raise ValueError(f"delay {delay} ps is outside {low} to {high} ps")
        self._settings.delay_hardware_ps[channel] = delay

    def getDelayHardware(self, channel: int) -> int:
        """Return the delay on board in ps."""
        self.getDelayHardwareRange(channel)
        return self._settings.delay_hardware_ps[channel]

    def getDelayHardwareRange(self, channel: int) -> tuple[int, int]:
        """Return the shortest and the longest delay on board in ps."""
        self._known(channel)
        if self._board.model.delay_range_ps is None:
            raise RuntimeError(f"A {self._board.model.name} has no hardware delay.")
        return self._board.model.delay_range_ps

    def setDelaySoftware(self, channel: int, delay: int) -> None:
        """Delay a channel on the host."""
        self._settings.delay_software_ps[self._known(channel)] = delay

    def getDelaySoftware(self, channel: int) -> int:
        """Return the delay on the host in ps."""
        return self._settings.delay_software_ps[self._known(channel)]

    def setTestSignal(self, channel: int | Sequence[int], enabled: bool) -> None:
        """Connect channels with the generator on board, or with their sockets again."""
        for one in [channel] if isinstance(channel, int) else channel:
            self._settings.has_test_signal[abs(self._known(one))] = bool(enabled)

    def getTestSignal(self, channel: int) -> bool:
        """Return whether a channel is connected with the generator."""
        return self._settings.has_test_signal[abs(self._known(channel))]

    def getOverflows(self) -> int:
        """Return how often the buffer has overflowed."""
        return self._reached().overflows

    def getOverflowsAndClear(self) -> int:
        """Return how often the buffer has overflowed, and count from 0 again."""
        overflows = self.getOverflows()
        self._board.overflows = 0
        return overflows

    def clearOverflows(self) -> None:
        """Count overflows from 0 again."""
        self.getOverflowsAndClear()

    def sync(self, timeout: int = -1) -> bool:
        """Return True at once: settings act here when they are made. False without a cable."""
        del timeout
        try:
            self._board.port.use()
        except LinkError:
            return False
        return self._board.tagger is self

    def reset(self) -> None:
        """Set everything to its default."""
        self._reached().inputs.reset()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._board.library.freeTimeTagger(self)

    def _reached(self) -> Board:
        self._board.reach(self)
        return self._board

    @property
    def _settings(self) -> Settings:
        return self._reached().inputs.settings

    def _known(self, channel: int) -> int:
        if not 1 <= abs(channel) <= self._reached().model.channels:
            raise ValueError(f"channel {channel} does not exist on a {self._board.model.name}")
        return channel
