"""Nouns: what a city has, measures, promises and proves. Standard library only, no I/O."""
