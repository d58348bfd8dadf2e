"""Certificates of an API server for tests, made with OpenSSL: one authority, server and clients."""

from __future__ import annotations

import base64
import re
from pathlib import Path

from . import packages
from .commands import run
from .failure import Failure

_DAYS = "30"
_NAME = re.compile(r"[A-Za-z0-9:._@-]+")


class Authority:
    """A certificate authority whose files lie in one folder."""

    def __init__(self, folder: Path):
        self._folder = folder

    @property
    def certificate(self) -> Path:
        return self._folder / "ca.crt"

    def create(self) -> None:
        packages.need(packages.CERTIFICATES)
        self._folder.mkdir(parents=True)
        self._folder.chmod(0o700)
        _openssl(
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            _DAYS,
            "-subj",
            "/CN=parallelrun-tests",
            "-keyout",
            self._folder / "ca.key",
            "-out",
            self.certificate,
        )

    def server(self, names: list[str], addresses: list[str]) -> tuple[Path, Path]:
        alternatives = ",".join(
            [f"DNS:{name}" for name in names] + [f"IP:{address}" for address in addresses]
        )
        return self._issue(
            "server", "/CN=kube-apiserver", f"subjectAltName={alternatives}\nextendedKeyUsage=serverAuth\n"
        )

    def client(self, user: str, groups: list[str]) -> tuple[Path, Path]:
        """The API server takes CN for the user and each O for a group."""
        for name in (user, *groups):
            if not _NAME.fullmatch(name):
                raise Failure(
                    f"{name!r} is no name of a user or group: letters, digits and : . _ @ - are allowed"
                )
        subject = "".join(f"/O={group}" for group in groups) + f"/CN={user}"
        return self._issue(f"client-{user}", subject, "extendedKeyUsage=clientAuth\n")

    def signing_key(self) -> tuple[Path, Path]:
        """The key of service account tokens: private and public part."""
        private, public = self._folder / "tokens.key", self._folder / "tokens.pub"
        _openssl("genrsa", "-out", private, "2048")
        _openssl("rsa", "-in", private, "-pubout", "-out", public)
        return private, public

    def _issue(self, name: str, subject: str, extensions: str) -> tuple[Path, Path]:
        key, request, certificate = (self._folder / f"{name}.{end}" for end in ("key", "csr", "crt"))
        _openssl(
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            subject,
            "-keyout",
            key,
            "-out",
            request,
        )
        extension_file = self._folder / f"{name}.ext"
        extension_file.write_text(extensions)
        _openssl(
            "x509",
            "-req",
            "-in",
            request,
            "-days",
            _DAYS,
            "-CA",
            self.certificate,
            "-CAkey",
            self._folder / "ca.key",
            "-set_serial",
            f"0x{_serial()}",
            "-extfile",
            extension_file,
            "-out",
            certificate,
        )
        return certificate, key


def encoded(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()


def _serial() -> str:
    return run([packages.find("openssl"), "rand", "-hex", "15"]).strip()


def _openssl(*words: str | Path) -> None:
    run([packages.find("openssl"), *words])
