"""Detectors: rules with memory; pure: (memory, samples, now) -> (memory, findings)."""
