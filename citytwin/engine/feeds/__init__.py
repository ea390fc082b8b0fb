"""Where do readings come from by themselves? The feeds of a city: declared in its home, run beside it."""
