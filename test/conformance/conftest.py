import pytest
from kernel_under_test import kernel as start_kernel
from kernel_under_test import remove_folder


def pytest_configure(config):
    config.addinivalue_line("markers", "long: only with npm run test:all")


@pytest.fixture(scope="module")
def shared():
    """One kernel for the tests of a file that leave it as it was."""
    with start_kernel() as running:
        yield running


@pytest.fixture(scope="module")
def interrupted():
    """One kernel that is interrupted again and again, and has to stay as good as new."""
    with start_kernel() as running:
        yield running


@pytest.fixture
def kernel():
    with start_kernel() as running:
        yield running


def pytest_sessionfinish():
    remove_folder()
