"""A proxy whose faults a test arms one by one, also from another process.

`POST /faults` with {"faults": [...]} arms some, `GET /faults` tells which are left. Each hits the first request that it
matches, once. Beside what faulty_proxy.py names, a fault has

  {"method": "GET", "contains": "watch=true",     what it matches; both may be left out
   "cut": "line", "lines": 2}                     of a watch: in the middle of the line that follows so many whole ones
"""

import json
import threading

from faulty_proxy import FaultyProxy


class ArmedProxy(FaultyProxy):
    def __init__(self, server, context, authorization=None):
        super().__init__(server, context, authorization)
        self._faults = []
        self._lock = threading.Lock()

    def fault_of(self, method, path):
        with self._lock:
            for fault in self._faults:
                if fault.get("method", method) == method and fault.get("contains", "") in path:
                    self._faults.remove(fault)
                    return fault
        return {}

    def cuts_line(self, fault, number):
        return fault.get("cut") == "line" and number >= fault.get("lines", 0)

    def own_answer(self, method, path, body):
        if path != "/faults":
            return None
        with self._lock:
            if method == "POST":
                self._faults.extend(json.loads(body)["faults"])
            return json.dumps({"left": self._faults}).encode()
