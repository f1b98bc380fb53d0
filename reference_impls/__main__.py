"""The command `python -m reference_impls TECHNIQUE RUN_DIR`, and `--list`."""

import sys

from reference_impls.run.cli import main

if __name__ == "__main__":
    sys.exit(main())
