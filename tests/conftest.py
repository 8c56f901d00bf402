"""Fixtures of all tests."""

import os

import pytest
from hypothesis import settings

settings.register_profile("ci", derandomize=True)  # the same examples on every run; elsewhere new ones each time
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI nothing may be skipped, but for test data that is not part of the project."""
    report = (yield).get_result()
    reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else ""
    if report.skipped and os.environ.get("CI") and "shared" not in reason and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"


@pytest.fixture(scope="session", autouse=True)
def _private_cache(tmp_path_factory):
    """Content hashes of test files do not go to the user's cache; compiled kernels are shared with it."""
    old = os.environ.get("CURATE_CACHE")
    os.environ["CURATE_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if old is None:
        del os.environ["CURATE_CACHE"]
    else:
        os.environ["CURATE_CACHE"] = old
