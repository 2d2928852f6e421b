"""`python -m derive` is `derive`."""

import os
import sys

# `-m` puts the current folder first on the path, where a user's `random.py` would be imported, that is executed.
if sys.path and os.path.abspath(sys.path[0] or ".") == os.getcwd():
    del sys.path[0]

from derive.cli import main  # noqa: E402

if __name__ == "__main__":
    main()
