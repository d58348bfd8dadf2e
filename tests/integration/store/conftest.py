import pytest
from postgres_server import postgres_server
from s3_server import Bucket, s3_server
from sql_job import SqlJob
from store_job import OutputJob, S3Job, take_number
from store_proxy import StoreProxy


@pytest.fixture(scope="session")
def s3(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("s3")) as address:
        yield address


@pytest.fixture
def job(tmp_path, s3):
    with StoreProxy(s3) as proxy:
        yield S3Job(tmp_path, proxy, Bucket(s3, f"bucket-{take_number()}"))


@pytest.fixture
def output_job(tmp_path, s3):
    with StoreProxy(s3) as proxy:
        yield OutputJob(tmp_path, proxy, Bucket(s3, f"output-{take_number()}"))


@pytest.fixture(scope="session")
def postgres_of_session():
    with postgres_server() as server:
        yield server


@pytest.fixture
def postgres(postgres_of_session):
    """A database of its own."""
    return postgres_of_session.database(f"d{take_number()}")


@pytest.fixture
def sql_job(tmp_path, postgres):
    return SqlJob(tmp_path, postgres.url())
