"""Entry point of both launchers: `python3 <this file>`, or the program parallelrun-worker, which runs it
in its embedded interpreter. And of `parallelrun replay`: `python3 <this file> --replay TASK [--pdb]`.

The package is put into sys.modules under its name without touching sys.path, so that neither its modules
nor its folder's neighbours can be imported by the entry script by accident, or hide the script's own.
"""

import sys


def _package():
    import os
    from importlib.machinery import ModuleSpec, SourceFileLoader

    folder = os.path.dirname(os.path.abspath(__file__))
    # `python3 <file>` puts the file's folder first, with links resolved.
    if sys.path and os.path.realpath(sys.path[0] or ".") == os.path.realpath(folder):
        del sys.path[0]
    name = "parallelrun_worker"
    file = os.path.join(folder, "__init__.py")
    spec = ModuleSpec(name, SourceFileLoader(name, file), origin=file, is_package=True)
    spec.submodule_search_locations = [folder]
    spec.has_location = True
    from importlib.util import module_from_spec

    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


# A child that multiprocessing spawns, or its server that forks, runs this file again under another name: it
# knows the stand-ins, and the script under the name that pickles of its functions say.
if __name__ == "__mp_main__":
    _package()
    from parallelrun_worker import spawned

    spawned.prepare()

if __name__ == "__main__":
    _package()
    if sys.argv[1:2] == ["--replay"]:
        from parallelrun_worker import replay

        sys.exit(replay.main(int(sys.argv[2]), debug=sys.argv[3:4] == ["--pdb"]))
    from parallelrun_worker.worker import main

    sys.exit(main())
