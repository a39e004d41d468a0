"""The crystal: how many pairs it makes, of which polarization and color, and their outcomes.

Pair creation is Poissonian unless told otherwise. The pairs of a continuously pumped crystal are
thermal in each spectral-temporal mode, but a mode lasts only the coherence time of the photons
(below 1 ps for nanometres of bandwidth), so the smallest time a detector resolves holds K >> 1
modes, and the counts of K thermal modes with a mean of mu in all have the variance
mu (1 + mu/K), which is Poissonian in this limit. It fails for narrow-band sources (K of order 1)
and for pump pulses as short as the coherence time; `[simulation.source.statistics]` has both.
"""

from __future__ import annotations

from simulated_devices.world.node import Node, is_same
from simulated_devices.world.pairs import PairColors, PairOutcome, pair_outcomes
from simulated_devices.world.polarization import Operator, pair_state
from simulated_devices.world.pump import Pump
from simulated_devices.world.routes import Network, Way, filters, leaves
from simulated_devices.world.source_parameters import SourceParameters
from simulated_devices.world.spectrum import JointSpectrum, joint_spectrum

__all__ = ["PairLight", "PairSource"]


class PairSource(Node[SourceParameters]):
    """The crystal: pairs per mW, their polarization state and spectrum."""

    wiring = frozenset({"pump", "signal", "idler"})

    def __init__(self, name: str, parameters: SourceParameters) -> None:
        super().__init__(name, parameters)
        self._state_of: SourceParameters | None = None
        self._state: Operator = pair_state(parameters)
        self._spectrum_of: tuple[object, float] = (None, 0.0)
        self._spectrum: JointSpectrum | None = None

    @property
    def state(self) -> Operator:
        """The (4, 4) density matrix of the pairs' polarization, signal first."""
        parameters = self._parameters
        if self._state_of is not parameters:
            self._state = pair_state(parameters)
            self._state_of = parameters
        return self._state

    def spectrum(self, pump_nm: float) -> JointSpectrum:
        """Return the pairs' spectrum; the same object while nothing changed."""
        parameters = self._parameters.spectrum
        known, known_nm = self._spectrum_of
        if self._spectrum is None or known is not parameters or known_nm != pump_nm:
            self._spectrum = joint_spectrum(parameters, pump_nm)
            self._spectrum_of = (parameters, pump_nm)
        return self._spectrum


class PairLight:
    """The pairs on their ways to the detectors: outcomes that are worked out once per change."""

    def __init__(
        self, network: Network, source: PairSource, pump: Pump, signal: str, idler: str
    ) -> None:
        self._network = network
        self._source = source
        self._pump = pump
        self.signal: Way = network.way(signal, "source.signal")
        self.idler: Way = network.way(idler, "source.idler")
        self._outcomes: tuple[PairOutcome, ...] = ()
        self._outcomes_of: tuple[object, ...] = ()
        self._efficiencies: tuple[float, ...] = ()
        self._colors: PairColors | None = None
        self._colors_of: tuple[object, ...] = ()

    @property
    def brightness(self) -> float:
        """Pairs made relative to perfect phase matching."""
        return self._source.spectrum(self._pump.wavelength_nm).brightness

    @property
    def colors(self) -> PairColors:
        """The filters on all routes, as they are now."""
        spectrum = self._source.spectrum(self._pump.wavelength_nm)
        linewidth = self._pump.parameters
        state = (spectrum, linewidth, *self._network.routing_state())
        if self._colors is None or not is_same(state, self._colors_of):
            # The idler's frequencies fall, as filters do not expect.
            idler = filters(self._network, self.idler, spectrum.idler_thz[::-1])[:, ::-1]
            signal = filters(self._network, self.signal, spectrum.signal_thz)
            linewidth_thz = linewidth.linewidth_ghz * 1e-3
            self._colors = PairColors.of(spectrum, signal, idler, linewidth_thz)
            self._colors_of = state
        return self._colors

    def outcomes(self) -> tuple[PairOutcome, ...]:
        """Return what pairs do under the present parameters, and how often."""
        colors = self.colors
        parameters, state = self._source.parameters, self._source.state
        # Objects are compared, not values: parts replace what changes. The matrices are worth
        # it, they would take half the time of a quiet slice.
        basis = (colors, parameters, *self._network.state())
        efficiencies = self._network.efficiencies()
        if efficiencies != self._efficiencies or not is_same(basis, self._outcomes_of):
            self._outcomes = pair_outcomes(
                state,
                leaves(self._network, self.signal),
                leaves(self._network, self.idler),
                colors,
                indistinguishability=parameters.indistinguishability,
            )
            self._outcomes_of = basis
            self._efficiencies = efficiencies
        return self._outcomes
