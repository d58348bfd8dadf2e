// The lines of failed_items.jsonl: which items failed, after how many tries, and why. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "runner/plan/mini_batch.h"
#include "runner/plan/work_id.h"
#include "runner/progress/script_error.h"

namespace parallelrun {

inline constexpr const char* kFailedItemsPath = "failed_items.jsonl";

// A mini-batch whose tries all failed, as one line:
//   {"kind":"failed","miniBatch":7,"input":"images","files":["/a/1.png",...],"count":2,"tries":3,
//    "error":{...}}
// A part of a mini-batch has "part":2 behind "miniBatch".
// `items`: the members that name its items ("files" here), of MiniBatchSource::items_of(); `mini_batch`: of a
// part, its items.
std::string failed_line(const WorkId& work, const MiniBatch& mini_batch, const nlohmann::ordered_json& items,
                        const std::string& input_name, std::uint32_t tries, const ScriptError& error);

// A mini-batch that succeeded with fewer elements than items, as one line:
//   {"kind":"shortfall","miniBatch":7,"input":"images","files":[...],"count":2,"items":10,"returned":8}
// `named`: as `items` above; null where a result of an earlier orchestrator comes before its mini-batch has
// been read from the plan again: then the line names no items.
std::string shortfall_line(const WorkId& work, const nlohmann::ordered_json& named,
                           const std::string& input_name, std::uint64_t items, std::uint64_t returned);

// Whether a line that failed_items.jsonl holds is one of the second kind.
bool is_shortfall_line(std::string_view line);

}  // namespace parallelrun
