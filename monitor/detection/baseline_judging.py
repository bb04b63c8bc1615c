"""Whether a value is unusual, given what is usual; the third step of the baseline."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.detection.baseline_memory import RUN_POINTS, Memory, Track
from monitor.detection.baseline_references import References
from monitor.detection.baseline_scale import COUNT_SIGMA
from monitor.detection.baseline_settings import BaselineSettings

_ENOUGH_IN_RUN = 3
_SIGMA_OF_DISTANCE = 1.25
"""One sigma in average distances, for noise that is normal."""
_TINY = 1e-12
_NOT_BEYOND = -1.0


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far a value is from the nearest edge of what is usual; 0 within it."""

    reference: float
    scaled_reference: float
    distance: float
    """From the reference, on the scale; also within the edges."""
    sigma: float
    sigmas: float
    relative: float

    @property
    def direction(self) -> int:
        """Return 1 above what is usual, -1 below, 0 within."""
        return (self.sigmas > 0) - (self.sigmas < 0)


@dataclass(frozen=True, slots=True)
class Judge:
    """Compares values of one series: those of points, or the means of its hours."""

    memory: Memory
    settings: BaselineSettings
    references: References
    is_long: bool
    """Whether one value alone may be an incident."""

    @property
    def rise(self) -> float:
        """Return by how much a value must rise at least."""
        return self.settings.rise if self.is_long else self.settings.short_rise

    def deviation(
        self, value: float, values: tuple[float, ...], track: Track, count_sigma: float
    ) -> Deviation:
        """Return how far a value is off."""
        low, high = min(values), max(values)
        reference = min(values, key=lambda usual: abs(value - usual))
        scale = self.memory.scale
        scaled = scale.scaled(reference)
        distance = scale.scaled(value) - scaled
        sigma = self.sigma(reference, track, count_sigma)
        if low <= value <= high:
            return Deviation(reference, scaled, distance, sigma, 0.0, 0.0)
        relative = (value - reference) / max(abs(reference), _TINY)
        return Deviation(reference, scaled, distance, sigma, distance / sigma, relative)

    def is_unusual(
        self, value: float, deviation: Deviation, track: Track, *, is_run_rare: bool
    ) -> bool:
        """Return whether a value, after the ones before, is an alarm; and remember how far off it was."""
        settings = self.settings
        direction = deviation.direction
        beyond = self._sigmas_beyond_record(value, deviation)
        counts = beyond >= settings.record_sigmas
        needed = settings.run_sigmas if is_run_rare else settings.limit_sigmas
        size = self.rise if direction > 0 else settings.fall
        is_far = abs(deviation.sigmas) >= needed and abs(deviation.relative) >= size
        track.run.append(direction * (counts and is_far))
        del track.run[:-RUN_POINTS]
        if not counts:
            return False
        if track.run.count(direction) >= _ENOUGH_IN_RUN:
            return True
        return self._is_single(deviation, beyond)

    def band(self, values: tuple[float, ...], track: Track) -> tuple[float, float]:
        """Return between which values a single one is usual."""
        settings, scale = self.settings, self.memory.scale
        top, bottom = max(values), min(values)
        up = settings.limit_sigmas * self.sigma(top, track)
        down = settings.run_sigmas * self.sigma(bottom, track)
        high = max(scale.unscaled(scale.scaled(top) + up), top + self.rise * abs(top))
        low = min(
            scale.unscaled(scale.scaled(bottom) - down),
            bottom - settings.fall * abs(bottom),
        )
        if self.is_long and self.references.high is not None:
            high = max(high, settings.above(self.references.high))
        if self.references.low is not None:
            low = min(low, settings.below(self.references.low))
        return low, high

    def sigma(
        self, reference: float, track: Track, count_sigma: float = COUNT_SIGMA
    ) -> float:
        """Return how much of a distance is noise, near a reference."""
        scale = self.memory.scale
        least = scale.moved(reference, self.settings.least_noise)
        if scale.is_count:
            least = max(least, count_sigma)
        return max(_SIGMA_OF_DISTANCE * track.noise, least, _TINY)

    def _is_single(self, deviation: Deviation, beyond: float) -> bool:
        """Return whether one value alone is far enough, so many sigmas beyond the record."""
        settings = self.settings
        if abs(deviation.sigmas) < settings.limit_sigmas:
            return False
        if deviation.sigmas > 0:
            return deviation.relative >= self.rise
        is_deep = deviation.relative <= -settings.single_fall
        return self.is_long and is_deep and beyond >= settings.run_sigmas

    def _sigmas_beyond_record(self, value: float, deviation: Deviation) -> float:
        """Return by how much a value beats the record of the days before; negative if it does not."""
        settings, references = self.settings, self.references
        if deviation.sigmas == 0:
            return _NOT_BEYOND
        if deviation.sigmas > 0:
            if not self.is_long:
                return settings.limit_sigmas
            record = references.high
            is_beyond = record is not None and value > settings.above(record)
        else:
            record = references.low
            is_beyond = record is not None and value < settings.below(record)
        if record is None or not is_beyond:
            return _NOT_BEYOND
        scale = self.memory.scale
        return abs(scale.scaled(value) - scale.scaled(record)) / deviation.sigma
