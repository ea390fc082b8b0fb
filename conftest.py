"""Fuzz tests draw the same examples every time, so that a red run can be repeated; `FUZZ=1000` looks for new ones."""

import os

from hypothesis import settings

settings.register_profile("steady", derandomize=True, deadline=None)  # machines are busy at times
if "FUZZ" not in os.environ:
    settings.load_profile("steady")
