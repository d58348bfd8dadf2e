// `parallelrun pod-data`: the container of a pod that reads stores and databases, writes an output that lies
// in a store, and alone has their credentials. It starts the data process and ends with it. The runner's
// container starts once it listens (--ready-within).
#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/openssl/base64.h"
#include "common/pod/pod_layout.h"
#include "common/posix/signal_queue.h"
#include "common/spec/manifest.h"
#include "common/spec/store_sources.h"
#include "common/spec/utf8.h"
#include "runner/cli/data_process.h"
#include "runner/cli/launcher.h"
#include "runner/cli/this_process.h"
#include "runner/cli/verbs.h"
#include "runner/job/pod_resolution.h"
#include "runner/pod/init_process.h"
#include "runner/pod/story_lines.h"
#include "runner/pod/termination_message.h"
#include "runner/store/data_connection.h"

namespace parallelrun {
namespace {

struct GivenToPodData {
  PodPlaces places;
  std::string manifest = pod::kDataManifest;
  std::string termination_log = "/dev/termination-log";
  bool on_worker = false;
  std::string looked_at;          // the store with the output, as JSON in base64; empty: a pod of a job
  std::int64_t ready_within = 0;  // seconds; 0: do not ask, serve
};

// An exit code. The operator tells the message as it is.
int fail(const GivenToPodData& given, StoryLines& lines, const std::string& message) {
  lines.say(message);
  const std::string kept(utf8_prefix(message, pod::kTerminationMessageLimit));
  if (const Status written = write_termination_message(given.termination_log, kept); !written)
    lines.say("warning: " + written.error().message);
  return kExitFailed;
}

StoreInUse store_in_use(const pod::Fetched& fetched, const PodPlaces& places) {
  StoreInUse store{fetched.use, fetched.name, fetched.source, places.at(fetched.directory), {}};
  if (fetched.secret.empty()) return store;
  store.credentials = places.at(fetched.credentials);
  store.secret = fetched.secret;
  store.certificate = store_certificate(fetched.source);
  if (!store.certificate.empty())
    store.source.begin().value()["caCertificate"] = store.credentials + "/" + store.certificate;
  return store;
}

// Who looks at a job needs its output alone, and nothing of the job's own Secret.
Result<std::vector<StoreInUse>> output_to_look_at(const GivenToPodData& given) {
  const auto source = nlohmann::json::parse(from_base64(given.looked_at), nullptr, false);
  if (!names_store(source))
    return Error{ErrorCode::kInvalidArgument, "--look names no store, such as {\"s3\": {...}} in base64"};
  StoreInUse store = store_in_use(pod::looked_at(source), given.places);
  store.read_only = true;
  return std::vector{std::move(store)};
}

Result<std::vector<StoreInUse>> stores_of(const GivenToPodData& given) {
  if (!given.looked_at.empty()) return output_to_look_at(given);
  const Result<std::string> text = read_manifest_file(given.manifest);
  if (!text) return text.error();
  ParseOptions parse;
  parse.place = Place::kCluster;
  const ParsedSpec parsed = parse_manifest(*text, parse);
  if (!parsed.ok()) return Error{ErrorCode::kInvalidArgument, to_string(parsed.problems.front())};
  std::vector<StoreInUse> stores;
  for (const pod::Fetched& fetched : pod::fetched_in(pod::pod_layout(parsed.spec), given.on_worker)) {
    stores.push_back(store_in_use(fetched, given.places));
    stores.back().only_listed = fetched.use == StoreUse::kSideInput && !given.on_worker;
    if (fetched.use != StoreUse::kInput) continue;
    for (const Input& input : parsed.spec.inputs) {
      if (input.name == fetched.name) stores.back().table = table_in_use(parsed.spec, input);
    }
  }
  return stores;
}

int serve(const GivenToPodData& given) {
  StoryLines lines(STDOUT_FILENO);
  const Result<std::vector<StoreInUse>> stores = stores_of(given);
  if (!stores) return fail(given, lines, stores.error().message);
  const SignalQueue stop{SIGTERM, SIGINT, SIGHUP};
  // Who looks asks for no files of inputs, so there is no volume for them.
  const char* const cache = given.looked_at.empty() ? pod::kFetchedInputs : pod::kFetched;
  DataProcess data(this_program(), given.places.at(pod::kFetched), given.places.at(cache));
  if (const Status started = data.start(*stores); !started)
    return fail(given, lines, started.error().message);
  for (const StoreInUse& store : *stores) {
    const bool writes = store.use == StoreUse::kOutput && !store.read_only;
    const char* doing = writes ? "writing " : store.only_listed ? "listing " : "reading ";
    lines.say(doing + store_address(store.source) +
              (store.secret.empty() ? " as the pod's service account" : " with the Secret " + store.secret));
  }
  bool ready = false;
  while (true) {
    const DataProcess::State state =
        data.wait(stop.descriptor(), [&lines](const std::string& note) { lines.say(note); });
    if (state == DataProcess::State::kFailed) return fail(given, lines, data.failure());
    if (!ready && state == DataProcess::State::kReady) {
      ready = true;
      lines.say("ready: every store was reached, and what is needed before the start is here");
    }
    if (stop.take() != 0) break;
  }
  data.stop();
  if (const std::string words = data.summary(); !words.empty()) lines.say(words);
  return kExitComplete;
}

int run(const GivenToPodData& given) {
  if (given.ready_within == 0) return run_as_init([&given] { return serve(given); });
  const auto answer =
      DataConnection::open(given.places.at(pod::kDataSocket), std::chrono::seconds(given.ready_within));
  return answer ? kExitComplete : kExitFailed;
}

}  // namespace

Verb add_pod_data(CLI::App& program) {
  const auto given = std::make_shared<GivenToPodData>();
  CLI::App* verb = program.add_subcommand(
      "pod-data", "read stores and databases for the runner of the same pod (started by the operator)");
  verb->add_flag("--worker", given->on_worker, "the pod is a worker's, which fetches side inputs too");
  verb->add_option(
      "--look", given->looked_at,
      "STORE with the output of a job, as JSON in base64: only read, for somebody who looks at it");
  verb->add_option("--ready-within", given->ready_within,
                   "do nothing but wait for at most so many seconds until the process of this pod is ready")
      ->check(CLI::Range(1, 3600));
  verb->add_option("--manifest", given->manifest, "FILE with the job, of its Secret");
  verb->add_option("--termination-log", given->termination_log, "file for the reason of a failure");
  verb->add_option("--root", given->places.root, "DIR to put before the paths of the pod's volumes");
  return {verb, [given] { return run(*given); }};
}

}  // namespace parallelrun
