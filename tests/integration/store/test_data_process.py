"""What a killed data process has left is removed by the next one; what a script wrote is not."""

import importlib.util

from checkout import REPOSITORY

MAIN = REPOSITORY / "runner" / "python" / "parallelrun_data" / "__main__.py"


def test_only_a_process_after_another_sweeps(tmp_path):
    spec = importlib.util.spec_from_file_location("data_main", MAIN)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config = str(tmp_path / "data.json")
    first = module._Sweeping(config)
    assert not any(first.due(seconds) for seconds in (1, 61, 1000))
    second = module._Sweeping(config)
    assert [second.due(seconds) for seconds in (1, 60, 61, 62)] == [False, False, True, False]
