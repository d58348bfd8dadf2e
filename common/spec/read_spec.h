// The parts that parse_manifest is made of, and the functions that the tables in field_table.cpp name.
// Internal to common/spec.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/json/json.h"
#include "common/spec/field.h"
#include "common/spec/job_spec.h"
#include "common/spec/manifest.h"
#include "common/spec/object_reader.h"
#include "common/spec/problems.h"

namespace parallelrun {

enum class SourceUse { kCode, kInput, kSideInput, kOutput, kDataset };

// A volume source, `local`, `subPath`. Problems are told at `path`. `value` may be null: no source, no
// problem.
std::optional<Source> read_source(const nlohmann::json* value, const std::string& path, SourceUse use,
                                  Place place, Problems& problems);

// The members of `metadata` that say nothing here: labels, annotations, and what a server adds.
void read_other_metadata(ObjectReader& metadata);
// apiVersion and kind.
void read_header(ObjectReader& top, std::string_view kind);

// An input that has no name: of a dataset, whose type it has.
Input read_part(ObjectReader& reader, InputType type, Place place);

// Why it cannot be the name of a dataset; empty: it can.
std::string broken_dataset_name(std::string_view name, Place place);

// Structured values: all that is wrong is told; absent ones leave the default.
void read_source_directory(ObjectReader& spec, std::string_view key, Reading& reading, JobSpec& job);
void read_inputs(ObjectReader& spec, std::string_view key, Reading& reading, JobSpec& job);
void read_side_inputs(ObjectReader& spec, std::string_view key, Reading& reading, JobSpec& job);
void read_output(ObjectReader& spec, std::string_view key, Reading& reading, JobSpec& job);
void read_mini_batch_size(ObjectReader& spec, std::string_view key, Reading& reading, JobSpec& job);
void read_environment(ObjectReader& spec, std::string_view key, Reading& reading, JobSpec& job);
void read_input_source(ObjectReader& reader, std::string_view key, Reading& reading, Input& input);
void read_columns(ObjectReader& reader, std::string_view key, Reading& reading, Input& input);
void read_side_input_source(ObjectReader& reader, std::string_view key, Reading& reading, SideInput& input);
void read_mount_path(ObjectReader& reader, std::string_view key, Reading& reading, SideInput& input);
void read_output_source(ObjectReader& reader, std::string_view key, Reading& reading, Output& output);
void read_variables(ObjectReader& reader, std::string_view key, Reading& reading, Environment& environment);
void read_env(ObjectReader& reader, std::string_view key, Reading& reading, Environment& environment);

// Rules of single fields.
void check_entry_script(ObjectReader& spec, std::string_view key, Reading& reading, const JobSpec& job);
void check_output_action(ObjectReader& spec, std::string_view key, Reading& reading, const JobSpec& job);
void check_append_row_file_name(ObjectReader& spec, std::string_view key, Reading& reading,
                                const JobSpec& job);
// Also notes what options there stand for fields.
void check_arguments(ObjectReader& spec, std::string_view key, Reading& reading, const JobSpec& job);
void check_partition_keys(ObjectReader& spec, std::string_view key, Reading& reading, const JobSpec& job);
void check_isolate_failures(ObjectReader& spec, std::string_view key, Reading& reading, const JobSpec& job);
void check_resubmission_of(ObjectReader& spec, std::string_view key, Reading& reading, const JobSpec& job);
void check_managed_by(ObjectReader& spec, std::string_view key, Reading& reading, const JobSpec& job);
void check_mounts_of_template(ObjectReader& spec, std::string_view key, Reading& reading, const JobSpec& job);
void check_input_name(ObjectReader& reader, std::string_view key, Reading& reading, const Input& input);
void check_side_input_name(ObjectReader& reader, std::string_view key, Reading& reading,
                           const SideInput& input);
void check_glob(ObjectReader& reader, std::string_view key, Reading& reading, const Input& input);
void check_path_pattern(ObjectReader& reader, std::string_view key, Reading& reading, const Input& input);
void check_delimiter(ObjectReader& reader, std::string_view key, Reading& reading, const Input& input);
void check_quote(ObjectReader& reader, std::string_view key, Reading& reading, const Input& input);
void check_escape(ObjectReader& reader, std::string_view key, Reading& reading, const Input& input);
void check_comment(ObjectReader& reader, std::string_view key, Reading& reading, const Input& input);
void check_column_names(ObjectReader& reader, std::string_view key, Reading& reading, const Input& input);
void check_encoding(ObjectReader& reader, std::string_view key, Reading& reading, const Input& input);
void check_image(ObjectReader& reader, std::string_view key, Reading& reading,
                 const Environment& environment);
void check_requirements(ObjectReader& reader, std::string_view key, Reading& reading,
                        const Environment& environment);
void check_conda_file(ObjectReader& reader, std::string_view key, Reading& reading,
                      const Environment& environment);
void check_wheels(ObjectReader& reader, std::string_view key, Reading& reading,
                  const Environment& environment);
void check_requirements_file(ObjectReader& reader, std::string_view key, Reading& reading,
                             const Environment& environment);

// The facts of the fields inside a structured one.
std::vector<FieldFacts> facts_inside_inputs();
std::vector<FieldFacts> facts_inside_side_inputs();
std::vector<FieldFacts> facts_inside_output();
std::vector<FieldFacts> facts_inside_environment();

// The values of options among the arguments that Azure ML's runner reads itself (--error_threshold ...), by
// the field that they stand for. The last one of a kind counts; the options stay among the arguments.
nlohmann::json fields_among_arguments(ObjectReader& spec, const std::vector<std::string>& arguments);

// The whole of a manifest.
JobSpec read_job(const nlohmann::json& document, Place place, Problems& problems);

// Why `path` cannot name something below a directory (absolute, with "..", ...); empty: it can.
std::string broken_relative_path(std::string_view path);

}  // namespace parallelrun
