"""Where the trainer's files lie, for the tests that import them: python3 -m unittest discover tests/examples/torch"""

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
TORCH = PROJECT / "examples" / "torch"
sys.path.insert(0, str(TORCH))


def tern(folder, *arguments):
    """What the command line prints in a folder; an AssertionError where it fails."""
    result = subprocess.run(["node", PROJECT / "dist/tools/cli.js", *arguments], cwd=folder, capture_output=True, text=True)
    if result.returncode:
        raise AssertionError(f"tern {' '.join(arguments)}: {result.stderr or result.stdout}")
    return result.stdout
