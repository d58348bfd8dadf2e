// What a Parquet file begins and ends with.
#pragma once

#include <string_view>

namespace parallelrun {

inline constexpr std::string_view kParquetMagic = "PAR1";

}  // namespace parallelrun
