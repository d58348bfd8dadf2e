// The words that a manifest has for the enumerators of job_spec.h. Internal to common/spec; others write
// them with to_string (job_spec.h).
#pragma once

#include <span>
#include <string>
#include <utility>

#include "common/spec/job_spec.h"

namespace parallelrun {

template <typename Enum>
using Words = std::span<const std::pair<std::string, Enum>>;

Words<InputType> input_types();
Words<DataFormat> data_formats();
Words<OutputAction> output_actions();
Words<OutputFormat> output_formats();
Words<OutputOrder> output_orders();
Words<LoggingLevel> logging_levels();
Words<ColumnType> column_types();

}  // namespace parallelrun
