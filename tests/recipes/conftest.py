from __future__ import annotations

import sys
from pathlib import Path

# Helpers lie beside the tests, which are imported by path and not as a package.
sys.path.insert(0, str(Path(__file__).parent))
