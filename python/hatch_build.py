"""What the wheel has beside Python code, and the platforms that it says it is for."""

import platform
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface):
    def initialize(self, version, build_data):
        bundle = Path(self.root) / "bundle"
        if not (bundle / "bin" / "parallelrun").is_file():
            raise FileNotFoundError(
                f"{bundle} has no programs; build the wheel with `make wheel`, which puts them there"
            )
        # The programs bring their own C library, and what Python loads names none. So they need nothing but a
        # kernel: the oldest tags that the oldest supported pip knows are true, for glibc and for musl.
        machine = platform.machine()
        names = ("manylinux_2_17", "manylinux2014", "musllinux_1_1")
        build_data["pure_python"] = False
        build_data["tag"] = "py3-none-" + ".".join(f"{name}_{machine}" for name in names)
        build_data["force_include"][str(bundle)] = "parallelrun/_bundle"
