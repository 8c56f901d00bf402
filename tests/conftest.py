"""Fixtures of all tests."""

import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def _private_cache(tmp_path_factory):
    """Content hashes of test files do not go to the user's cache."""
    old = os.environ.get("CURATE_CACHE")
    os.environ["CURATE_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if old is None:
        del os.environ["CURATE_CACHE"]
    else:
        os.environ["CURATE_CACHE"] = old
