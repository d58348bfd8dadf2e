// Which mini-batch of a job is meant, and what of it: for those who run it again.
#pragma once

#include <cstdint>
#include <string>

#include "common/json/json.h"
#include "common/result/result.h"
#include "runner/input/input_format.h"
#include "runner/plan/mini_batch.h"
#include "runner/plan/work_id.h"

namespace parallelrun {

// "7", or "7.2" of a part. As `failed`, `errors` and the logs name it. Errors: kInvalidArgument.
Result<WorkId> work_named(const std::string& text);

// A mini-batch of the job with this output directory. Reads as far as it must: the plan of a large job has
// millions of records. Errors: kNotFound, with those that there are; kCorrupt, kIo.
Result<MiniBatch> planned(const std::string& output, std::uint64_t number);

// A part of it, or one item alone, which `item` names by its number or by the end of a file's path. `root`:
// where the input's objects lie; ends in '/'. Errors: kInvalidArgument, and those of InputFormat::part_of().
Result<MiniBatch> narrowed(MiniBatch mini_batch, const WorkId& work, const std::string& item,
                           const InputFormat& format, const std::string& root);

// The types that the job decided; null: its input has none.
nlohmann::json types_of_input(const std::string& output, std::uint32_t input);

// Errors: kInvalidArgument: the records of this mini-batch are grouped, and the copy that the job made of
// them is gone.
Status check_groups(const std::string& output, const MiniBatch& mini_batch, const InputFormat& format);

// What is not as it was when the job listed the input, in a sentence; empty: nothing.
std::string changes_since(const std::string& output, const std::string& input, const std::string& root,
                          const MiniBatch& mini_batch, const InputFormat& format);

}  // namespace parallelrun
