// The structured values of the tables in field_table.cpp, written. Internal to common/spec.
//
// Each sets out[key] where there is something to say; of what is inside, only what is at least so much a part
// of the job's identity as `least`.
#pragma once

#include <string_view>

#include "common/json/json.h"
#include "common/spec/fields.h"
#include "common/spec/job_spec.h"

namespace parallelrun {

void write_source_directory(const JobSpec& job, Identity least, std::string_view key, nlohmann::json& out);
void write_inputs(const JobSpec& job, Identity least, std::string_view key, nlohmann::json& out);
void write_side_inputs(const JobSpec& job, Identity least, std::string_view key, nlohmann::json& out);
void write_output(const JobSpec& job, Identity least, std::string_view key, nlohmann::json& out);
void write_mini_batch_size(const JobSpec& job, Identity least, std::string_view key, nlohmann::json& out);
void write_environment(const JobSpec& job, Identity least, std::string_view key, nlohmann::json& out);

void write_input_source(const Input& input, Identity least, std::string_view key, nlohmann::json& out);
void write_columns(const Input& input, Identity least, std::string_view key, nlohmann::json& out);
void write_side_input_source(const SideInput& input, Identity least, std::string_view key,
                             nlohmann::json& out);
void write_mount_path(const SideInput& input, Identity least, std::string_view key, nlohmann::json& out);
void write_output_source(const Output& output, Identity least, std::string_view key, nlohmann::json& out);
void write_variables(const Environment& environment, Identity least, std::string_view key,
                     nlohmann::json& out);
void write_env(const Environment& environment, Identity least, std::string_view key, nlohmann::json& out);

}  // namespace parallelrun
