"""Which RowEncoder writes what run() returns [output_action]. A RowEncoder has one method:

    encode(result, along) -> (elements, rows as bytes)

`along`: what each row carries of its item (carried.Carried), or None. It raises ContractError for a result of a wrong type and for an element that its format cannot hold, which is never
left out or changed in silence. Its twin in the orchestrator is a RowFile (runner/output/row_file.h).
"""

from importlib import import_module

from parallelrun_worker import results

_BY_FORMAT = {
    "text": ("text_rows", "TextRows"),
    "csv": ("csv_rows", "CsvRows"),
    "jsonl": ("json_rows", "JsonRows"),
    "parquet": ("parquet_rows", "ParquetRows"),
}


def encoder_of(action, output_format):
    if action == "summary_only":
        return _CountOnly()
    module, name = _BY_FORMAT[output_format]
    return getattr(import_module("parallelrun_worker." + module), name)()


class _CountOnly:
    """The script stores its results itself: their content is not looked at."""

    def encode(self, result, along=None):
        return results.count_elements(result), b""
