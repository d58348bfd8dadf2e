// In the pod that mounts the volumes of a job: writes what one mini-batch needs, for `replay` elsewhere
// (replay_pack.h).
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/json/json.h"
#include "common/json/members.h"
#include "common/openssl/base64.h"
#include "common/result/try.h"
#include "common/spec/manifest.h"
#include "runner/cli/launcher.h"
#include "runner/cli/replay_pack.h"
#include "runner/cli/replayed_work.h"
#include "runner/cli/run_here.h"
#include "runner/cli/shown.h"
#include "runner/cli/submitted_job.h"
#include "runner/cli/verbs.h"
#include "runner/input/file_walk.h"
#include "runner/input/input_format.h"
#include "runner/orchestrator/stored_plan.h"

namespace parallelrun {
namespace {

using nlohmann::json;

struct GivenToPack {
  std::string output;
  std::string mini_batch;
  std::string item;
  std::string job;  // its manifest, in base64
  std::vector<std::string> inputs;
  std::vector<std::string> side_inputs;
  std::string code;
  std::uint64_t limit = 0;  // bytes
};

struct Places {
  std::map<std::string, std::string> inputs;
  std::map<std::string, std::string> side_inputs;
};

// The mini-batch, as far as its data is on a volume.
Result<json> pack_mini_batch(const GivenToPack& given, const JobSpec& spec, const Places& places,
                             ReplayPack& pack) {
  ASSIGN_OR_RETURN(const WorkId work, work_named(given.mini_batch));
  ASSIGN_OR_RETURN(MiniBatch mini_batch, planned(given.output, work.mini_batch.value));
  if (mini_batch.input >= spec.inputs.size())
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("'{}/{}' is damaged: it names an input that the job does not have", given.output,
                             orchestrator::kPlanPath),
                 false};
  const Input& input = spec.inputs[mini_batch.input];
  const auto format = open_format(input, spec.partition_keys);
  json head = {{"types", types_of_input(given.output, mini_batch.input)},
               {"settings", object_at(read_state_json(given.output + "/.parallelrun/job.json"), "settings")},
               {"narrowed", false}};
  if (const auto place = places.inputs.find(input.name); place != places.inputs.end()) {
    RETURN_IF_ERROR(check_groups(given.output, mini_batch, *format));
    const std::string root = FileWalk::root_of(place->second);
    head["note"] = changes_since(given.output, input.name, root, mini_batch, *format);
    if (work.part != 0 || !given.item.empty()) {
      ASSIGN_OR_RETURN(mini_batch, narrowed(std::move(mini_batch), work, given.item, *format, root));
      head["narrowed"] = true;
    }
    ASSIGN_OR_RETURN(const auto pieces, format->pieces_of(mini_batch.descriptor));
    pack.begin("mini-batch " + given.mini_batch,
               fmt::format("give a folder with the data of input '{}' in its place with --input {}=DIR",
                           input.name, input.name));
    const std::string groups = groups_directory(given.output, mini_batch.input);
    for (const PieceOfFile& piece : pieces) {
      const std::string to =
          piece.grouped ? groups_directory("output", mini_batch.input) : "inputs/" + input.name + "/";
      RETURN_IF_ERROR(
          pack.add_file((piece.grouped ? groups : root) + piece.path, to + piece.path, piece.bytes));
    }
  }
  head["miniBatch"] = {{"number", mini_batch.id.value},
                       {"input", mini_batch.input},
                       {"items", mini_batch.items},
                       {"descriptor", base64(mini_batch.descriptor)}};
  return head;
}

Status write_pack(const GivenToPack& given, const JobSpec& spec, const Places& places) {
  ReplayPack pack;
  ASSIGN_OR_RETURN(json head, pack_mini_batch(given, spec, places, pack));
  head["sideInputs"] = json::object();
  for (const auto& [name, place] : places.side_inputs) {
    pack.begin(fmt::format("side input '{}'", name),
               fmt::format("give a folder in place of side input '{}' with --side-input {}=DIR", name, name));
    ASSIGN_OR_RETURN(head["sideInputs"][name], pack.add_tree(place, "side-inputs/" + name));
  }
  if (!given.code.empty()) {
    pack.begin("the code", "give the folder of the code with --source-directory DIR");
    ASSIGN_OR_RETURN(head["code"], pack.add_tree(given.code, "code"));
  }
  RETURN_IF_ERROR(pack.check(given.limit));
  head["fetched"] = pack.in_words();
  return pack.write(head);
}

int run(const GivenToPack& given) {
  const auto document = json::parse(from_base64(given.job), nullptr, false);
  const ParsedSpec parsed = parse_manifest_document(document);
  Places places;
  if (!parsed.ok()) return refuse(to_string(parsed.problems.front()), kExitInvalid);
  if (!read_folders(given.inputs, given.side_inputs, places.inputs, places.side_inputs)) return kExitInvalid;
  const Status written = write_pack(given, parsed.spec, places);
  if (written) return kExitComplete;
  const ErrorCode code = written.error().code;
  return refuse(written.error().message, code == ErrorCode::kInvalidArgument || code == ErrorCode::kNotFound
                                             ? kExitInvalid
                                             : kExitFailed);
}

}  // namespace

Verb add_pack(CLI::App& program) {
  const auto given = std::make_shared<GivenToPack>();
  CLI::App* verb = program.add_subcommand("pack", "write what one mini-batch of a job needs");
  verb->add_option("OUTPUT", given->output, "the output directory of the job")->required();
  verb->add_option("--mini-batch", given->mini_batch, "as for replay")->required();
  verb->add_option("--item", given->item, "as for replay");
  verb->add_option("--job", given->job, "its manifest, in base64")->required();
  verb->add_option("--input", given->inputs, "NAME=DIR: where it is here");
  verb->add_option("--side-input", given->side_inputs, "NAME=DIR: where it is here");
  verb->add_option("--code", given->code, "DIR: where it is here");
  verb->add_option("--limit", given->limit, "BYTES")->required();
  return {verb, [given] { return run(*given); }};
}

}  // namespace parallelrun
