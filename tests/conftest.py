"""What all tests share: the blackboard on the path, goldens with --update, hypothesis without a clock."""

import gc
import sys
from pathlib import Path

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))
gc.set_threshold(100_000, 50, 100)  # formulas are many small objects, none in circles: a tenth of the time
SWEPT = 500  # tests after which the arrays of judges that hold each other are given back
DONE = pytest.StashKey[list[int]]()
settings.register_profile("blackboard", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("blackboard")


def pytest_addoption(parser):
    parser.addoption("--update", action="store_true", help="write the goldens anew (judges first: read the diff)")


def pytest_collection_finish():
    gc.freeze()  # what is imported stays: a sweep looks at what tests have made


def pytest_runtest_teardown(item, nextitem):
    counts = item.config.stash.setdefault(DONE, [0])
    counts[0] += 1
    if counts[0] % SWEPT == 0:
        gc.collect()


@pytest.fixture
def update(request) -> bool:
    return request.config.getoption("--update")
