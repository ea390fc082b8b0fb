"""CityTwin: from a sentence of a plan to a live, provable number."""

__version__ = "0.1.0"
