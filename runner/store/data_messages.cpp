#include "runner/store/data_messages.h"

#include <array>
#include <utility>

#include "common/json/json.h"

namespace parallelrun {
namespace {

using nlohmann::json;

constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kLongestAnswer = std::size_t{512} << 20U;

constexpr std::array<std::pair<std::string_view, DataTrouble>, 9> kTroubles = {{
    {"changed", DataTrouble::kChanged},
    {"missing", DataTrouble::kMissing},
    {"denied", DataTrouble::kDenied},
    {"disk", DataTrouble::kDisk},
    {"tooLarge", DataTrouble::kTooLarge},
    {"timeout", DataTrouble::kTimeout},
    {"unavailable", DataTrouble::kUnavailable},
    {"invalid", DataTrouble::kInvalid},
    {"busy", DataTrouble::kBusy},
}};

std::string frame(const json& message) {
  const std::string body = message.dump(-1, ' ', false, json::error_handler_t::replace);
  std::string out;
  out.reserve(kLengthBytes + body.size());
  for (std::size_t i = 0; i < kLengthBytes; ++i) out.push_back(static_cast<char>(body.size() >> (8 * i)));
  out += body;
  return out;
}

// Throws json::exception where it is not as server.py says.
DataAnswer answer_of(const json& message) {
  DataAnswer answer;
  answer.id = message.at("id").get<std::uint64_t>();
  answer.end = message.value("end", false);
  if (message.contains("objects")) {
    for (const json& one : message["objects"]) {
      StoredObject object;
      object.name = one.at(0).get<std::string>();
      if (!one.at(1).is_null()) object.size = one.at(1).get<std::uint64_t>();
      object.version = one.at(2).get<std::string>();
      answer.objects.push_back(std::move(object));
    }
  }
  if (message.contains("folders")) answer.folders = message["folders"].get<std::vector<std::string>>();
  if (message.contains("paths")) answer.paths = message["paths"].get<std::vector<std::string>>();
  if (message.contains("error")) {
    DataError error;
    const std::string kind = message["error"].at("kind").get<std::string>();
    for (const auto& [word, trouble] : kTroubles) {
      if (word == kind) error.kind = trouble;
    }
    error.message = message["error"].at("message").get<std::string>();
    answer.error = std::move(error);
  }
  return answer;
}

}  // namespace

std::string list_request(std::uint64_t id, const std::string& input, const std::string& after) {
  return frame({{"id", id}, {"op", "list"}, {"input", input}, {"after", after}});
}

std::string fetch_request(const FetchRequest& request) {
  json objects = json::array();
  for (const StoredObject& object : request.objects) {
    json one = {object.name, object.size ? json(*object.size) : json(nullptr), object.version};
    if (object.ranges) {
      json ranges = json::array();
      for (const ByteRange& range : *object.ranges) ranges.push_back({range.offset, range.end()});
      one.push_back(std::move(ranges));
    }
    objects.push_back(std::move(one));
  }
  json message = {{"id", request.id},
                  {"op", "fetch"},
                  {"input", request.input},
                  {"objects", std::move(objects)},
                  {"timeout", request.timeout_seconds},
                  {"what", request.what}};
  if (request.ahead) message["ahead"] = true;
  return frame(message);
}

std::string adopt_request(std::uint64_t id, const std::string& input, const std::vector<std::string>& paths) {
  return frame({{"id", id}, {"op", "adopt"}, {"input", input}, {"paths", paths}});
}

std::string release_request(std::uint64_t hold, bool keep) {
  json message = {{"op", "release"}, {"hold", hold}};
  if (keep) message["keep"] = true;
  return frame(message);
}

Result<std::optional<DataAnswer>> next_answer(std::string& buffer) {
  if (buffer.size() < kLengthBytes) return std::optional<DataAnswer>();
  std::size_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i)
    length |= static_cast<std::size_t>(static_cast<unsigned char>(buffer[i])) << (8 * i);
  const Error corrupt{ErrorCode::kCorrupt, "the data process sent what is no answer"};
  if (length > kLongestAnswer) return corrupt;
  if (buffer.size() - kLengthBytes < length) return std::optional<DataAnswer>();
  const auto begin = buffer.begin() + kLengthBytes;
  const json message = json::parse(begin, begin + static_cast<std::ptrdiff_t>(length), nullptr, false);
  buffer.erase(0, kLengthBytes + length);
  try {
    return std::optional<DataAnswer>(answer_of(message));
  } catch (const json::exception&) {
    return corrupt;
  }
}

}  // namespace parallelrun
