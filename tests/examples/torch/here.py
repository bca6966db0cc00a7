"""Where the trainer's files lie, for the tests that import them: python3 -m unittest discover tests/examples/torch"""

import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
TORCH = PROJECT / "examples" / "torch"
sys.path.insert(0, str(TORCH))
