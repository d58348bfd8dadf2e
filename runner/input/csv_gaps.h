// The texts that pandas.read_csv takes for a missing value. runner/python/parallelrun_worker/pandas_reader.py
// has the same list; tests/integration/job/test_partition_keys.py holds the two together.
#pragma once

#include <array>
#include <string_view>

namespace parallelrun {

inline constexpr std::array<std::string_view, 19> kCsvGaps = {
    "",     "#N/A", "#N/A N/A", "#NA",  "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A",  "NA",       "NULL", "NaN",     "None",     "n/a",  "nan",  "null"};

}  // namespace parallelrun
