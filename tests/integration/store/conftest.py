import pytest
from s3_server import Bucket, s3_server
from store_job import S3Job, take_number
from store_proxy import StoreProxy


@pytest.fixture(scope="session")
def s3(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("s3")) as address:
        yield address


@pytest.fixture
def job(tmp_path, s3):
    with StoreProxy(s3) as proxy:
        yield S3Job(tmp_path, proxy, Bucket(s3, f"bucket-{take_number()}"))
