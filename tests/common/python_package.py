"""The Python package of this checkout with the program that is tested, as the wheel brings them."""

import shutil

from checkout import PROGRAM, REPOSITORY


def lay_out(folder):
    """Gives the folder for sys.path."""
    shutil.copytree(REPOSITORY / "python" / "parallelrun", folder / "parallelrun")
    vendored = folder / "parallelrun" / "_vendor"
    vendored.mkdir()
    (vendored / "__init__.py").touch()
    for name in ("yaml", "cloudpickle"):
        module = __import__(name)
        (vendored / name).symlink_to(module.__path__[0])
    (folder / "parallelrun" / "_bundle" / "bin").mkdir(parents=True)
    (folder / "parallelrun" / "_bundle" / "bin" / "parallelrun").symlink_to(PROGRAM)
    return folder
