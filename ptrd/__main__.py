"""`python -m ptrd` is `ptrd`."""

import sys

from ptrd.cli import main

if __name__ == "__main__":
    sys.exit(main())
