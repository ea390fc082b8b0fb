"""The place itself: regions, buildings, roads, water, green and weather."""
