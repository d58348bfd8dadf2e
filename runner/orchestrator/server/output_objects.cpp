#include "runner/orchestrator/server/output_objects.h"

#include <algorithm>
#include <map>
#include <utility>

#include "common/result/try.h"

namespace parallelrun::orchestrator {
namespace {

constexpr std::size_t kAskedAtOnce = 8;
constexpr std::uint64_t kBytesOfAnswer = 16U << 20U;  // bytes of an object that are in one answer

Error error_of(const DataError& error) {
  const bool gone = error.kind == DataTrouble::kMissing || error.kind == DataTrouble::kChanged;
  return {gone ? ErrorCode::kCorrupt : ErrorCode::kIo, error.message, false};
}

}  // namespace

Status OutputObjects::connect() {
  if (connection_) return {};
  ASSIGN_OR_RETURN(connection_, DataConnection::open(socket_, kDataPatience));
  return {};
}

Status OutputObjects::ask_all(const std::vector<Frame>& requests, std::size_t at_once, const Take& take) {
  std::size_t asked = 0;
  std::size_t taken = 0;
  std::map<std::uint64_t, std::size_t> waiting;  // id -> index
  std::map<std::size_t, DataAnswer> early;       // by index
  int lost = 0;
  const auto again = [&](const Error& error) -> Status {
    connection_.reset();
    waiting.clear();
    asked = taken;
    while (early.contains(asked)) ++asked;
    if (++lost <= kMostLostConnections) return {};
    return Error{ErrorCode::kIo, error.message, false};
  };
  while (taken < requests.size()) {
    RETURN_IF_ERROR(connect());
    Status sent;
    while (sent && asked < requests.size() && asked < taken + at_once) {
      if (!early.contains(asked)) {
        const std::uint64_t id = ++last_id_;
        sent = connection_->send(requests[asked](id));
        if (sent) waiting.emplace(id, asked);
      }
      if (sent) ++asked;
    }
    if (!sent) {
      RETURN_IF_ERROR(again(sent.error()));
      continue;
    }
    Result<DataAnswer> answer = connection_->receive();
    if (!answer) {
      RETURN_IF_ERROR(again(answer.error()));
      continue;
    }
    const auto found = waiting.find(answer->id);
    if (found == waiting.end()) continue;  // of a request that was given up
    if (answer->error) {
      // What is on its way for others is not waited for.
      const Error error = error_of(*answer->error);
      connection_.reset();
      return error;
    }
    early[found->second] = std::move(*answer);
    waiting.erase(found);
    for (auto next = early.find(taken); next != early.end(); next = early.find(taken)) {
      DataAnswer one = std::move(next->second);
      early.erase(next);
      lost = 0;
      if (Status done = take(taken, std::move(one)); !done) {
        connection_.reset();
        return done;
      }
      ++taken;
    }
  }
  return {};
}

Result<DataAnswer> OutputObjects::ask(const Frame& request) {
  DataAnswer got;
  RETURN_IF_ERROR(ask_all({request}, 1, [&](std::size_t, DataAnswer&& answer) -> Status {
    got = std::move(answer);
    return {};
  }));
  return got;
}

Result<bool> OutputObjects::create(const std::string& name, std::string_view bytes) {
  ASSIGN_OR_RETURN(const DataAnswer answer,
                   ask([&](std::uint64_t id) { return create_request(id, name, bytes); }));
  return answer.created.value_or(false);
}

Status OutputObjects::put(const std::string& name, std::string_view bytes) {
  const auto answer = ask([&](std::uint64_t id) { return put_request(id, name, bytes); });
  return answer ? Status() : Status(answer.error());
}

Result<std::vector<LogObject>> OutputObjects::list(const std::string& folder) {
  for (int lost = 0;; ++lost) {
    RETURN_IF_ERROR(connect());
    const std::uint64_t id = ++last_id_;
    std::vector<LogObject> found;
    Status going = connection_->send(names_request(id, folder));
    while (going) {
      Result<DataAnswer> answer = connection_->receive();
      if (!answer) {
        going = answer.error();
      } else if (answer->id != id) {
        continue;
      } else if (answer->error) {
        return error_of(*answer->error);
      } else if (answer->end) {
        return found;
      } else {
        for (StoredObject& object : answer->objects)
          found.push_back({std::move(object.name), object.size.value_or(0), std::move(object.version)});
      }
    }
    connection_.reset();
    if (lost == kMostLostConnections) return Error{ErrorCode::kIo, going.error().message, false};
  }
}

Status OutputObjects::read(const std::vector<LogObject>& objects,
                           const std::function<Status(std::size_t, std::string&&)>& take) {
  std::vector<Frame> requests;
  std::vector<std::size_t> index_of;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    const LogObject& object = objects[i];
    if (object.version.empty()) {
      index_of.push_back(i);
      requests.push_back(
          [&object](std::uint64_t id) { return get_request(id, object.name, "", std::nullopt); });
      continue;
    }
    for (std::uint64_t offset = 0; offset < object.size; offset += kBytesOfAnswer) {
      const ByteRange range{offset, std::min(kBytesOfAnswer, object.size - offset)};
      index_of.push_back(i);
      requests.push_back(
          [&object, range](std::uint64_t id) { return get_request(id, object.name, object.version, range); });
    }
  }
  return ask_all(requests, kAskedAtOnce, [&](std::size_t at, DataAnswer&& answer) {
    return take(index_of[at], std::move(answer.body).value_or(""));
  });
}

Status OutputObjects::read_part(const LogObject& object, const ByteRange& range,
                                const std::function<Status(std::string&&)>& take) {
  std::vector<Frame> requests;
  for (std::uint64_t at = range.offset; at < range.end(); at += kBytesOfAnswer) {
    const ByteRange piece{at, std::min(kBytesOfAnswer, range.end() - at)};
    requests.push_back(
        [&object, piece](std::uint64_t id) { return get_request(id, object.name, object.version, piece); });
  }
  return ask_all(requests, kAskedAtOnce,
                 [&](std::size_t, DataAnswer&& answer) { return take(std::move(answer.body).value_or("")); });
}

Status OutputObjects::remove(const std::vector<std::string>& names) {
  if (names.empty()) return {};
  const auto answer = ask([&](std::uint64_t id) { return remove_request(id, names, ""); });
  return answer ? Status() : Status(answer.error());
}

Status OutputObjects::remove_tree(const std::string& name) {
  const auto answer = ask([&](std::uint64_t id) { return remove_request(id, {name}, name + "/"); });
  return answer ? Status() : Status(answer.error());
}

Result<std::optional<LogObject>> OutputObjects::facts(const std::string& name) {
  ASSIGN_OR_RETURN(DataAnswer answer, ask([&](std::uint64_t id) { return facts_request(id, name); }));
  if (!answer.size) return std::optional<LogObject>();
  return std::optional<LogObject>(LogObject{name, *answer.size, std::move(answer.version)});
}

Status OutputObjects::upload(const std::vector<Upload>& files,
                             const std::function<Status(std::size_t, const LogObject&)>& done) {
  std::vector<Frame> requests;
  for (const Upload& file : files) {
    requests.push_back([&file](std::uint64_t id) { return upload_request(id, file.name, file.path); });
  }
  return ask_all(requests, kAskedAtOnce, [&](std::size_t index, DataAnswer&& answer) {
    return done(index, {files[index].name, answer.size.value_or(0), std::move(answer.version)});
  });
}

}  // namespace parallelrun::orchestrator
