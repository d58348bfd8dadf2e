#include "runner/cli/replay_data.h"

#include <fmt/format.h>
#include <poll.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "common/text/presentable.h"
#include "runner/cli/launcher.h"
#include "runner/cli/run_directory.h"
#include "runner/cli/shown.h"
#include "runner/cli/this_process.h"
#include "runner/store/data_messages.h"

namespace parallelrun {
namespace {

constexpr std::uint64_t kRequest = 1;
constexpr double kMostSeconds = 7 * 24 * 3600;  // there is no timeout: Ctrl-C ends it

void say(const std::string& note) { std::fprintf(stderr, "%s\n", presentable(note).c_str()); }

}  // namespace

Result<std::unique_ptr<ReplayData>> ReplayData::make() {
  Result<PrivateDirectory> cache = make_data_directory();
  if (!cache) return cache.error();
  Result<PrivateDirectory> run_directory = make_run_directory();
  if (!run_directory) return run_directory.error();
  return std::unique_ptr<ReplayData>(new ReplayData(std::move(*cache), std::move(*run_directory)));
}

std::optional<int> ReplayData::begin(const JobSpec& spec, const std::vector<StoreInUse>& stores) {
  std::vector<std::string> withheld;
  environment_ = environment_without_credentials(spec, stores, withheld);
  if (!withheld.empty()) say("parallelrun: " + withheld_in_words(withheld));
  stop_.emplace(std::initializer_list<int>{SIGINT, SIGTERM, SIGHUP});
  process_.emplace(this_program(), run_directory_.path(), cache_.path());
  if (const auto refused = process_->begin(stores, *stop_, say)) return refused;
  ::setenv(kDataSocketVariable, process_->socket().c_str(), 1);
  return std::nullopt;
}

Result<std::string> ReplayData::fetch(const MiniBatch& mini_batch, const Input& input,
                                      const InputFormat& format) {
  auto objects = format.objects_to_fetch(mini_batch.descriptor);
  if (!objects) return objects.error();
  if (objects->empty()) return mini_batch.descriptor;
  auto opened = DataConnection::open(process_->socket(), kDataPatience);
  if (!opened) return opened.error();
  connection_.emplace(std::move(*opened));
  const std::string what = fmt::format("mini-batch {}", mini_batch.id.value);
  const Status sent = connection_->send(
      fetch_request({kRequest, input.name, std::move(*objects), kMostSeconds, what, false}));
  if (!sent) return sent.error();
  while (true) {
    std::array<pollfd, 2> watched{{{connection_->descriptor(), POLLIN, 0}, {stop_->descriptor(), POLLIN, 0}}};
    if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR)
      return Error{ErrorCode::kIo, std::strerror(errno)};
    if (stop_->take() != 0) return Error{ErrorCode::kAborted, "interrupted"};
    if (watched[0].revents == 0) continue;
    auto answer = connection_->receive();
    if (!answer) return answer.error();
    if (answer->error) return Error{ErrorCode::kIo, answer->error->message};
    if (answer->paths) return format.localized(mini_batch.descriptor, *answer->paths);
  }
}

}  // namespace parallelrun
