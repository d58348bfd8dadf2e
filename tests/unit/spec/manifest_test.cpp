#include "common/spec/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/spec/placeholders.h"
#include "tests/unit/files/temporary_directory.h"

namespace parallelrun {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kHead =
    "apiVersion: parallelrun.dev/v1alpha1\n"
    "kind: ParallelRunJob\n"
    "metadata: {name: abc}\n"
    "spec:\n"
    "  entryScript: /a.py\n"
    "  output: {source: {hostPath: {path: /o}}}\n";
constexpr std::string_view kFile = "  inputs: [{name: a, source: {hostPath: {path: /d}}}]\n";
constexpr std::string_view kTabular =
    "  inputs: [{name: a, type: tabular, source: {hostPath: {path: /d}}}]\n";

ParsedSpec with(std::string_view inputs, std::string_view fields) {
  return parse_manifest(std::string(kHead) + std::string(inputs) + std::string(fields));
}

JobSpec valid(std::string_view inputs, std::string_view fields) {
  ParsedSpec parsed = with(inputs, fields);
  for (const SpecProblem& problem : parsed.problems) ADD_FAILURE() << to_string(problem);
  return parsed.spec;
}

TEST(Manifest, DefaultsAreTheSeeds) {
  const JobSpec job = valid(kFile, "");
  EXPECT_EQ(job.mini_batch_size, 10U);
  EXPECT_EQ(job.error_threshold, -1);
  EXPECT_EQ(job.output_action, OutputAction::kAppendRow);
  EXPECT_EQ(job.append_row_file_name, "parallel_run_step.txt");
  EXPECT_EQ(job.node_count, 1);
  EXPECT_EQ(job.process_count_per_node, 1);
  EXPECT_EQ(job.logging_level, LoggingLevel::kInfo);
  EXPECT_EQ(job.run_invocation_timeout, seconds(60));
  EXPECT_EQ(job.init_timeout, seconds(210));
  EXPECT_EQ(job.resource_monitor_interval, seconds(600));
  EXPECT_EQ(job.run_max_try, 3);
  EXPECT_TRUE(job.allow_reuse);
  EXPECT_FALSE(job.output.overwrite);
  EXPECT_EQ(job.output.format, OutputFormat::kText);
  EXPECT_EQ(valid(kTabular, "").mini_batch_size, 1048576U);
}

TEST(Manifest, SizesArePowersOf1024) {
  EXPECT_EQ(valid(kTabular, "  miniBatchSize: 1024\n").mini_batch_size, 1024U);
  EXPECT_EQ(valid(kTabular, "  miniBatchSize: 1024KB\n").mini_batch_size, 1048576U);
  EXPECT_EQ(valid(kTabular, "  miniBatchSize: 10MB\n").mini_batch_size, 10485760U);
  EXPECT_EQ(valid(kTabular, "  miniBatchSize: 1GB\n").mini_batch_size, 1073741824U);
  EXPECT_EQ(valid(kTabular, "  miniBatchSize: 8589934591GB\n").mini_batch_size, 8589934591ULL << 30U);
  EXPECT_FALSE(with(kTabular, "  miniBatchSize: 8589934592GB\n").ok());
}

TEST(Manifest, InitTimeoutFollowsTheRunTimeout) {
  EXPECT_EQ(valid(kFile, "  runInvocationTimeout: 100\n").init_timeout, seconds(330));
  EXPECT_EQ(valid(kFile, "  runInvocationTimeout: 100\n  initTimeout: 5\n").init_timeout, seconds(5));
  EXPECT_EQ(valid(kFile, "  runInvocationTimeout: 2147483647\n").init_timeout, seconds(2147483647));
}

TEST(Manifest, OptionsOfAzuresRunnerStandForFieldsThatAreNotSetAndStay) {
  const JobSpec job =
      valid(kFile,
            "  resourceMonitorInterval: 5\n"
            "  arguments: [--resource_monitor_interval, '30', --resource_monitor_interval_x, z, "
            "--error_threshold=7,\n"
            "    --error_threshold, '9', --allowed_failed_percent, '2.5', --task_overhead_timeout, '11',\n"
            "    --progress_update_timeout=12, --first_task_creation_timeout, '13']\n");
  EXPECT_EQ(job.resource_monitor_interval, seconds(5));
  EXPECT_EQ(job.error_threshold, 9);
  EXPECT_EQ(job.allowed_failed_percent, 2.5);
  EXPECT_EQ(job.task_overhead_timeout, seconds(11));
  EXPECT_EQ(job.progress_update_timeout, seconds(12));
  EXPECT_EQ(job.first_task_creation_timeout, seconds(13));
  EXPECT_EQ(job.arguments.size(), 14U);
  EXPECT_EQ(valid(kFile, "  arguments: [--resource_monitor_interval=0]\n").resource_monitor_interval,
            seconds(0));
  EXPECT_EQ(valid(kFile, "  errorThreshold: 3\n  arguments: [--error_threshold=7]\n").error_threshold, 3);
}

TEST(Manifest, OptionsOfAzuresRunnerAreHeldToTheRulesOfTheirFields) {
  for (const std::string_view argument :
       {"--error_threshold=-2", "--error_threshold=few", "--allowed_failed_percent=101",
        "--allowed_failed_percent=nan", "--task_overhead_timeout=0", "--progress_update_timeout=1.5",
        "--first_task_creation_timeout", "--resource_monitor_interval=-1"}) {
    const ParsedSpec parsed = with(kFile, "  arguments: ['" + std::string(argument) + "']\n");
    ASSERT_EQ(parsed.problems.size(), 1U) << argument;
    EXPECT_EQ(parsed.problems[0].path, "spec.arguments[0]") << argument;
  }
}

TEST(Manifest, WhatHasNoEffectIsNoted) {
  EXPECT_TRUE(notes_on(valid(kFile, "  arguments: [a]\n")).empty());
  const std::vector<std::string> notes = notes_on(valid(kFile, "  arguments: [a, --copy_logs_to_parent]\n"));
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_TRUE(notes[0].starts_with("spec.arguments[1]: --copy_logs_to_parent has no effect")) << notes[0];
}

TEST(Manifest, HowTriesAndProcessesFollowEachOther) {
  const JobSpec plain = valid(kFile, "");
  EXPECT_EQ(plain.run_retry_delay, seconds(1));
  EXPECT_EQ(plain.max_mini_batches_per_process, 0);
  EXPECT_FALSE(plain.restart_after_failure);
  EXPECT_FALSE(plain.isolate_failures);
  EXPECT_EQ(plain.task_overhead_timeout, seconds(600));
  EXPECT_EQ(plain.first_task_creation_timeout, seconds(600));
  EXPECT_EQ(plain.progress_update_timeout, std::nullopt);
  const JobSpec job = valid(kFile,
                            "  runRetryDelay: 0\n  maxMiniBatchesPerProcess: 5\n  restartAfterFailure: true\n"
                            "  isolateFailures: true\n"
                            "  taskOverheadTimeout: 1\n  firstTaskCreationTimeout: 2\n"
                            "  progressUpdateTimeout: 3\n  sharedMemory: 2Gi\n  processMemoryLimit: 512Mi\n");
  EXPECT_EQ(job.run_retry_delay, seconds(0));
  EXPECT_EQ(job.max_mini_batches_per_process, 5);
  EXPECT_TRUE(job.restart_after_failure);
  EXPECT_TRUE(job.isolate_failures);
  EXPECT_EQ(job.task_overhead_timeout, seconds(1));
  EXPECT_EQ(job.first_task_creation_timeout, seconds(2));
  EXPECT_EQ(job.progress_update_timeout, seconds(3));
  EXPECT_EQ(job.shared_memory, "2Gi");
  EXPECT_EQ(job.process_memory_limit, "512Mi");
  EXPECT_EQ(parse_manifest_document(to_json(job)).spec, job);
}

TEST(Manifest, NeverIsAbsent) {
  EXPECT_EQ(valid(kFile, "  allowedFailedCount: -1\n").allowed_failed_count, std::nullopt);
  EXPECT_EQ(valid(kFile, "  allowedFailedCount: 0\n").allowed_failed_count, 0);
}

TEST(Manifest, YamlNumbersAreWhatAKubernetesClientSends) {
  const JobSpec job =
      valid(kFile, "  miniBatchSize: 0x10\n  errorThreshold: 010\n  runMaxTry: 1e1\n  nodeCount: 1_0\n");
  EXPECT_EQ(job.mini_batch_size, 16U);
  EXPECT_EQ(job.error_threshold, 8);
  EXPECT_EQ(job.run_max_try, 10);
  EXPECT_EQ(job.node_count, 10);
}

TEST(Manifest, ProblemsNameTheirLine) {
  const ParsedSpec parsed = with(kFile, "  nodeCount: 0\n  environment:\n    variables:\n      A: 1\n");
  ASSERT_EQ(parsed.problems.size(), 2U);
  EXPECT_EQ(to_string(parsed.problems[0], "job.yaml"),
            "job.yaml:11: spec.environment.variables.A: must be a string, found the number 1; put it in "
            "quotes: \"1\"");
  EXPECT_EQ(parsed.problems[1].line, 8);
}

TEST(Manifest, HugeFilesAreRefused) {
  const ParsedSpec parsed = parse_manifest(std::string(kMaxManifestBytes + 1, '#'));
  ASSERT_EQ(parsed.problems.size(), 1U);
  EXPECT_THAT(parsed.problems[0].message, HasSubstr("larger than 1048576 bytes"));
  EXPECT_THAT(parse_manifest(std::string(kMaxManifestBytes, '#')).problems[0].message, HasSubstr("empty"));
}

TEST(Manifest, OtherEncodingsAreRefusedWithTheLine) {
  const ParsedSpec latin = parse_manifest("a: b\nc: \xe9\n");
  ASSERT_EQ(latin.problems.size(), 1U);
  EXPECT_EQ(latin.problems[0].line, 2);
  EXPECT_THAT(latin.problems[0].message, HasSubstr("byte 0xe9"));
  EXPECT_FALSE(parse_manifest(std::string_view("a: \0b", 5)).ok());
  EXPECT_FALSE(parse_manifest(R"({"a": "\u0000"})").ok());
  EXPECT_TRUE(parse_manifest("\xef\xbb\xbf" + std::string(kHead) + std::string(kFile)).ok());
}

TEST(Manifest, WindowsLineBreaksAreFine) {
  std::string text = std::string(kHead) + std::string(kFile);
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2) text.insert(at, "\r");
  EXPECT_TRUE(parse_manifest(text).ok());
}

TEST(ManifestFile, ReadsWithinBounds) {
  const test::TemporaryDirectory folder;
  EXPECT_EQ(read_manifest_file(folder.write("job.yaml", "a: 1\n")).value(), "a: 1\n");
  const std::string huge = folder.write("huge.yaml", std::string(kMaxManifestBytes + 1, 'x'));
  EXPECT_EQ(read_manifest_file(huge).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(read_manifest_file(folder / "absent.yaml").error().code, ErrorCode::kNotFound);
  EXPECT_THAT(read_manifest_file(folder.path()).error().message, HasSubstr("is a directory"));
}

TEST(Placeholders, SplitAndExpand) {
  using Kind = ArgumentPart::Kind;
  EXPECT_THAT(split_argument("a$(output)$$(b)$(inputs.x)$(sideInputs.y.z)").value(),
              ElementsAre(ArgumentPart{Kind::kLiteral, "a"}, ArgumentPart{Kind::kOutput, ""},
                          ArgumentPart{Kind::kLiteral, "$(b)"}, ArgumentPart{Kind::kInput, "x"},
                          ArgumentPart{Kind::kSideInput, "y.z"}));
  const PlaceholderDirectories directories{{{"x", "/x"}}, {{"y", "/$(output)"}}, "/out"};
  // What a placeholder stands for is not read again.
  EXPECT_EQ(expand_argument("--d=$(sideInputs.y):$(output)", directories).value(), "--d=/$(output):/out");
  EXPECT_EQ(expand_argument("$$$(output)", directories).value(), "$$(output)");
  EXPECT_EQ(expand_argument("$$ $ ( $", directories).value(), "$$ $ ( $");
  EXPECT_EQ(expand_argument("", directories).value(), "");
}

TEST(Placeholders, OutputOnWorkers) {
  EXPECT_FALSE(output_on_workers(valid(kFile, "  arguments: [$$(output)]\n")));
  EXPECT_TRUE(output_on_workers(valid(kFile, "  arguments: [--to=$(output)/x]\n")));
  EXPECT_TRUE(output_on_workers(valid(kFile, "  outputAction: summary_only\n")));
  // Grouped records lie there; files are read where they are.
  EXPECT_TRUE(output_on_workers(valid(kTabular, "  partitionKeys: [store]\n")));
  EXPECT_FALSE(output_on_workers(valid(kFile, "  partitionKeys: [store]\n")));
  constexpr std::string_view kPattern =
      "  inputs: [{name: a, type: tabular, pathPattern: 'store={store}/*.csv', source: {hostPath: {path: "
      "/d}}}]\n";
  EXPECT_FALSE(output_on_workers(valid(kPattern, "  partitionKeys: [store]\n")));
  EXPECT_TRUE(output_on_workers(valid(kPattern, "  partitionKeys: [store, brand]\n")));
}

}  // namespace
}  // namespace parallelrun
