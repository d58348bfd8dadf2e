"""A proxy in front of the API server whose faults are a seeded dice's."""

import json
import random
import ssl
import threading
from base64 import b64decode

from faulty_proxy import FaultyProxy

_FAULTS = ({"status": 429, "retry_after": "1"}, {"status": 500}, {"cut": "request"}, {"cut": "answer"})


class DicedProxy(FaultyProxy):
    """For the user of `kubeconfig`; clients take its own one. Faults only while `rate` is above 0, none of Leases."""

    def __init__(self, kubeconfig, scratch, seed):
        config = json.loads(kubeconfig.read_text())
        super().__init__(config["clusters"][0]["cluster"]["server"], _context_of(config, scratch))
        self.kubeconfig = self.write_kubeconfig(scratch)
        self.rate = 0.0
        self.faults = 0
        self._dice = random.Random(seed)
        self._lock = threading.Lock()

    def fault_of(self, method, path):
        # The answer to a watch has no end that could be waited for.
        kinds = [fault for fault in _FAULTS if fault.get("cut") != "answer" or "watch=true" not in path]
        with self._lock:
            return self._dice.choice(kinds) if "/leases" not in path and self._hits() else {}

    def cuts_line(self, fault, number):
        with self._lock:
            return self._hits()

    def _hits(self):
        hit = self._dice.random() < self.rate
        self.faults += hit
        return hit


def _context_of(config, scratch):
    files = {
        "authority": config["clusters"][0]["cluster"]["certificate-authority-data"],
        "certificate": config["users"][0]["user"]["client-certificate-data"],
        "key": config["users"][0]["user"]["client-key-data"],
    }
    for name, content in files.items():
        (scratch / name).write_bytes(b64decode(content))
    context = ssl.create_default_context(cafile=scratch / "authority")
    context.load_cert_chain(scratch / "certificate", scratch / "key")
    return context
