import pytest
from job_folder import JobFolder


@pytest.fixture(params=["embedded", "python"])
def job(request, tmp_path):
    """A job folder for each launcher: both have to behave the same."""
    return JobFolder(tmp_path, request.param)


@pytest.fixture
def embedded_job(tmp_path):
    """For what does not depend on the launcher."""
    return JobFolder(tmp_path, "embedded")
