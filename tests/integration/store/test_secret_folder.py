"""The keys of a Secret as a pod has them: files in a folder."""

import sys

import pytest
from checkout import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "runner" / "python"))
from parallelrun_data.secret_folder import SecretFolder  # noqa: E402
from parallelrun_data.troubles import Trouble  # noqa: E402


@pytest.fixture
def secret(tmp_path):
    """A function that makes the folder as a kubelet does."""

    def make(**keys):
        data = tmp_path / "..2026_01_01"
        data.mkdir()
        (tmp_path / "..data").symlink_to(data.name)
        for key, value in keys.items():
            name = key.replace("_", ".")
            (data / name).write_bytes(value if isinstance(value, bytes) else value.encode())
            (tmp_path / name).symlink_to(f"..data/{name}")
        return tmp_path

    return make


def test_keys_and_what_else_it_holds(secret):
    folder = secret(accessKeyId="id\n", secretAccessKey="key", owner="team a")
    assert SecretFolder(folder, "keys").read("s3") == {"accessKeyId": "id", "secretAccessKey": "key"}


@pytest.mark.parametrize(
    "keys, says",
    [
        (
            {"accessKeyId": "id", "secret_key": "x"},
            "the Secret 'keys' lacks secretAccessKey; s3 needs accessKeyId and secretAccessKey",
        ),
        ({"accessKeyId": "id", "secret_key": "x"}, "its keys are accessKeyId, secret.key"),
        ({}, "it is empty"),
        ({"accessKeyId": "id", "secretAccessKey": "a b"}, "the key 'secretAccessKey' has a space"),
        (
            {"accessKeyId": "id", "secretAccessKey": b"\xff"},
            "'secretAccessKey' of the Secret 'keys' is not UTF-8",
        ),
    ],
)
def test_what_is_wrong_is_named_without_a_value(secret, keys, says):
    with pytest.raises(Trouble) as raised:
        SecretFolder(secret(**keys), "keys").read("s3")
    assert says in raised.value.message
    assert "a b" not in raised.value.message


def test_the_key_that_ca_certificate_names(secret):
    folder = secret(ca_crt="-----BEGIN", bearerToken="t")
    assert SecretFolder(folder, "web", "ca.crt").read("http") == {"bearerToken": "t"}
    with pytest.raises(Trouble, match=r"the Secret 'web' has no key 'ca.pem', which caCertificate names"):
        SecretFolder(folder, "web", "ca.pem").read("http")


def test_a_secret_may_hold_the_certificate_alone(secret):
    assert SecretFolder(secret(ca_crt="-----BEGIN"), "web", "ca.crt").read("http") == {}


def test_a_secret_that_is_not_mounted(tmp_path):
    with pytest.raises(Trouble, match="the Secret 'keys' cannot be read"):
        SecretFolder(tmp_path / "none", "keys").read("s3")
