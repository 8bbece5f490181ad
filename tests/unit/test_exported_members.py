"""What the package shows is what it says it shows."""

import os
import subprocess
import sys
from pathlib import Path

import clipspect
import clipspect.api


def test_every_exported_name_is_there_and_every_public_name_of_the_api_is_exported() -> None:
    for name in clipspect.__all__:
        assert getattr(clipspect, name) is not None
    own = {
        name
        for name, value in vars(clipspect.api).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == "clipspect.api"
    }
    assert own <= set(clipspect.__all__)
    assert sorted(clipspect.__all__) == clipspect.__dir__()


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    try:
        clipspect.nothing  # noqa: B018 - the access is the test
    except AttributeError as error:
        assert "nothing" in str(error)
    else:
        raise AssertionError("expected AttributeError")


def test_importing_clipspect_loads_nothing_heavy() -> None:
    heavy = ("torch", "transformers", "sklearn", "numpy", "PIL")
    code = f"import sys, clipspect; print(*[m for m in {heavy} if m in sys.modules])"
    source = str(Path(clipspect.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": source}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == ""
