"""Which of the packages are there, as JSON {name: version}: packages_there.py NAME... (small letters, '-' for '_' and
'.'). Standard library alone, CPython 3.8 and later."""

import json
import re
import sys
from importlib import metadata

there = {}
for distribution in metadata.distributions():
    name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"] or "").lower()
    if name in sys.argv[1:]:
        there.setdefault(name, distribution.version)
print(json.dumps(there))
