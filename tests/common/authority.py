"""Certificates, made by the openssl program as an operator makes them for each job."""

import subprocess
from pathlib import Path

_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


class Authority:
    """Of one job, in a folder of its own."""

    def __init__(self, folder):
        self._folder = Path(folder)
        self._folder.mkdir()
        self._openssl(
            "req",
            "-x509",
            *_NEW_KEY,
            "-keyout",
            "ca.key",
            "-out",
            "ca.crt",
            "-days",
            "2",
            "-subj",
            "/CN=a job",
        )

    def issue(self, folder, role, names="DNS:localhost", name="a job"):
        """ca.crt, tls.crt and tls.key in `folder`, which it gives. Agents speak as their `name` alone."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "ext").write_text(f"subjectAltName={names}\n")
        subject = ("-subj", f"/O={role}/CN={name}")
        self._openssl("req", *_NEW_KEY, "-keyout", folder / "tls.key", "-out", "request", *subject)
        signing = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "ext")
        self._openssl("x509", "-req", "-in", "request", *signing, "-out", folder / "tls.crt")
        (folder / "ca.crt").write_bytes((self._folder / "ca.crt").read_bytes())
        return folder

    def _openssl(self, *words):
        subprocess.run(["openssl", *map(str, words)], cwd=self._folder, check=True, capture_output=True)
