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
        counts = direction != 0 and self._beats_record(value, deviation)
        needed = settings.run_sigmas if is_run_rare else settings.limit_sigmas
        size = settings.rise if direction > 0 else settings.fall
        is_far = abs(deviation.sigmas) >= needed and abs(deviation.relative) >= size
        track.run.append(direction * (counts and is_far))
        del track.run[:-RUN_POINTS]
        if not counts:
            return False
        is_run = track.run.count(direction) >= _ENOUGH_IN_RUN
        return is_run or self._is_single(deviation)

    def band(self, values: tuple[float, ...], track: Track) -> tuple[float, float]:
        """Return between which values a single one is usual."""
        settings, scale = self.settings, self.memory.scale
        top, bottom = max(values), min(values)
        up = settings.limit_sigmas * self.sigma(top, track)
        down = settings.run_sigmas * self.sigma(bottom, track)
        high = max(
            scale.unscaled(scale.scaled(top) + up), top + settings.rise * abs(top)
        )
        low = min(
            scale.unscaled(scale.scaled(bottom) - down),
            bottom - settings.fall * abs(bottom),
        )
        if self.is_long and self.references.high is not None:
            high = max(high, above(self.references.high, settings.high_by))
        if self.references.low is not None:
            low = min(low, below(self.references.low, settings.low_by))
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

    def _is_single(self, deviation: Deviation) -> bool:
        """Return whether one point alone is far enough."""
        settings = self.settings
        if abs(deviation.sigmas) < settings.limit_sigmas:
            return False
        if deviation.sigmas > 0:
            return deviation.relative >= settings.rise
        return self.is_long and deviation.relative <= -settings.single_fall

    def _beats_record(self, value: float, deviation: Deviation) -> bool:
        """Return whether a value is beyond the record of the days before."""
        settings, references = self.settings, self.references
        if deviation.sigmas > 0:
            if not self.is_long:
                return True
            record = references.high
            is_beyond = record is not None and value > above(record, settings.high_by)
        else:
            record = references.low
            is_beyond = record is not None and value < below(record, settings.low_by)
        if record is None or not is_beyond:
            return False
        scale = self.memory.scale
        distance = abs(scale.scaled(value) - scale.scaled(record))
        return distance >= settings.record_sigmas * deviation.sigma


def above(record: float, by: float) -> float:
    """Return what is above a record by a factor; a negative one is nearer to 0."""
    return record * by if record >= 0 else record / by


def below(record: float, by: float) -> float:
    """Return what is below a record by a factor; a negative one is further down."""
    return record / by if record >= 0 else record * by
