import pytest
from postgres_server import postgres_server
from s3_server import Bucket, s3_file_server, s3_server
from sql_job import SqlJob
from store_job import KEY_PAIR, OutputJob, S3Job, take_number
from store_proxy import StoreProxy


@pytest.fixture(scope="session")
def s3(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("s3")) as address:
        yield address


@pytest.fixture(scope="session")
def s3_files(tmp_path_factory):
    with s3_file_server(tmp_path_factory.mktemp("s3"), KEY_PAIR) as address:
        yield address


@pytest.fixture
def bucket(request):
    """Of one test: in moto, and once more in versitygw where the test has the mark `both_servers`."""
    if getattr(request, "param", "moto") == "moto":
        return Bucket(request.getfixturevalue("s3"), f"bucket-{take_number()}")
    return Bucket(request.getfixturevalue("s3_files"), f"bucket-{take_number()}", KEY_PAIR)


def pytest_generate_tests(metafunc):
    if metafunc.definition.get_closest_marker("both_servers"):
        metafunc.parametrize("bucket", ["moto", "versitygw"], indirect=True)


@pytest.fixture
def job(tmp_path, bucket):
    with StoreProxy(bucket.address) as proxy:
        yield S3Job(tmp_path, proxy, bucket)


@pytest.fixture
def output_job(tmp_path, bucket):
    with StoreProxy(bucket.address) as proxy:
        yield OutputJob(tmp_path, proxy, bucket)


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
