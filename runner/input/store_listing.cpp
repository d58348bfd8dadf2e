#include "runner/input/store_listing.h"

#include <algorithm>
#include <utility>

#include "common/result/try.h"
#include "runner/input/file_walk.h"

namespace parallelrun {
namespace {

constexpr std::uint64_t kRequest = 1;

}  // namespace

Result<std::unique_ptr<Listing>> StoreListing::open(Options options) {
  Result<Glob> glob = Glob::compile(options.glob);
  if (!glob) return glob.error();
  return std::unique_ptr<Listing>(new StoreListing(std::move(options), std::move(*glob)));
}

Status StoreListing::receive() {
  objects_.clear();
  at_ = 0;
  while (true) {
    if (!connection_) {
      ASSIGN_OR_RETURN(connection_, DataConnection::open(options_.socket, kDataPatience));
      // Where this fails, the answer does, too.
      (void)connection_->send(list_request(kRequest, options_.input, options_.start_after));
    }
    Result<DataAnswer> answer = connection_->receive();
    if (!answer) {
      connection_.reset();
      if (++lost_ > kMostLostConnections) return answer.error();
      continue;
    }
    if (answer->error) return Error{ErrorCode::kIo, answer->error->message};
    ended_ = answer->end;
    for (const std::string& folder : answer->folders) {
      if (options_.passed != nullptr && fit_of(folder) == Fit::kTaken)
        options_.passed->add(PassedKind::kEmptyFolder, folder);
    }
    objects_ = std::move(answer->objects);
    if (!objects_.empty()) {
      lost_ = 0;
      options_.start_after = objects_.back().name;
    }
    return {};
  }
}

StoreListing::Fit StoreListing::fit_of(const std::string& name) const {
  Glob::State state = glob_.start();
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    const std::string_view part = std::string_view(name).substr(begin, end - begin);
    if (!options_.all_names && is_left_out(part)) return Fit::kHidden;
    state = glob_.step(state, part);
    begin = end + 1;
  }
  return glob_.accepts(state) ? Fit::kTaken : Fit::kOther;
}

bool StoreListing::takes(const std::string& name) {
  const Fit fit = fit_of(name);
  if (fit == Fit::kOther && options_.count_others && options_.passed != nullptr)
    options_.passed->add(PassedKind::kOtherEnding, name);
  return fit == Fit::kTaken;
}

Result<std::optional<ListedObject>> StoreListing::next() {
  while (true) {
    if (at_ == objects_.size()) {
      if (ended_) return std::optional<ListedObject>();
      RETURN_IF_ERROR(receive());
      continue;
    }
    const StoredObject& object = objects_[at_++];
    if (!takes(object.name)) continue;
    const std::size_t folder = object.name.rfind('/') + 1;  // npos + 1 is 0
    return std::optional(ListedObject{std::string_view(object.name).substr(0, folder),
                                      std::string_view(object.name).substr(folder), object.size,
                                      object.version});
  }
}

}  // namespace parallelrun
