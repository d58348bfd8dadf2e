import signal

import pytest
from job_folder import JobFolder

# In the background of a shell without job control they are ignored, and so they would be by what is tested.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(params=["embedded", "python"])
def job(request, tmp_path):
    """A job folder for each launcher: both have to behave the same."""
    return JobFolder(tmp_path, request.param)


@pytest.fixture
def embedded_job(tmp_path):
    """For what does not depend on the launcher."""
    return JobFolder(tmp_path, "embedded")
