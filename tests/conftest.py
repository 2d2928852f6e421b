"""What all tests share: the blackboard on the path, goldens with --update, hypothesis without a clock."""

import sys
from pathlib import Path

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))
settings.register_profile("blackboard", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("blackboard")


def pytest_addoption(parser):
    parser.addoption("--update", action="store_true", help="write the goldens anew (judges first: read the diff)")


@pytest.fixture
def update(request) -> bool:
    return request.config.getoption("--update")
