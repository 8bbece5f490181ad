"""Settings of every test process; made before numpy or torch are loaded."""

import os

# Tests run side by side, one process a core: threads of theirs would only wait for each other.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
