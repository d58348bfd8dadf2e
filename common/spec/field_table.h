// The tables of fields. Internal to common/spec.
#pragma once

#include <span>

#include "common/spec/field.h"

namespace parallelrun {

// Fields are read in the order of these, so that what one follows from stands above it.
std::span<const Field<JobSpec>> fields_of_job();
std::span<const Field<Input>> fields_of_input();
std::span<const Field<SideInput>> fields_of_side_input();
std::span<const Field<Output>> fields_of_output();
std::span<const Field<Environment>> fields_of_environment();

}  // namespace parallelrun
