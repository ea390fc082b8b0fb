"""`python -m citytwin` is the command `citytwin`."""

import sys

from citytwin.cli import main

if __name__ == "__main__":
    sys.exit(main())
