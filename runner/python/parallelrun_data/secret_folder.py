"""The keys of a Secret, which a pod has as files in a folder (`parallelrun pod-data`)."""

import os

from parallelrun_data.credentials import KEYS, checked
from parallelrun_data.troubles import INVALID, Trouble

_LONGEST = 1 << 20


class SecretFolder:
    """Stands where --credentials has the path of a file on one machine."""

    def __init__(self, folder, name, certificate=""):
        self._folder = folder
        self._name = name
        self._certificate = certificate  # a key that is no credential

    def __str__(self):
        return f"the Secret '{self._name}'"

    def read(self, kind):
        """The credentials; {}: it holds nothing but the certificate. Raises INVALID, which never names a value."""
        try:
            # A kubelet's own entries begin with two dots.
            there = sorted(name for name in os.listdir(self._folder) if not name.startswith(".."))
        except OSError as error:
            raise Trouble(INVALID, f"{self} cannot be read: {error.strerror}") from None
        if self._certificate and self._certificate not in there:
            raise Trouble(
                INVALID,
                f"{self} has no key '{self._certificate}', which caCertificate names{self._has(there)}",
            )
        others = [name for name in there if name != self._certificate]
        if self._certificate and not others:
            return {}
        known = {key for together in KEYS[kind] for key in together}
        keys = {name: self._value(name) for name in others if name in known}
        try:
            return checked(keys, kind, str(self))
        except Trouble as trouble:
            raise Trouble(trouble.kind, trouble.message + self._has(others)) from None

    @staticmethod
    def _has(names):
        return f"; its keys are {', '.join(names)}" if names else "; it is empty"

    def _value(self, name):
        try:
            with open(os.path.join(self._folder, name), encoding="utf-8") as file:
                return file.read(_LONGEST)
        except UnicodeDecodeError:
            raise Trouble(INVALID, f"the key '{name}' of {self} is not UTF-8") from None
        except OSError as error:
            raise Trouble(INVALID, f"the key '{name}' of {self} cannot be read: {error.strerror}") from None
