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
    {"denied", DataTrouble::kAccessDenied},
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
  if (message.contains("created")) answer.created = message["created"].get<bool>();
  if (message.contains("version") && message["version"].is_string())
    answer.version = message["version"].get<std::string>();
  if (message.contains("size") && message["size"].is_number_unsigned())
    answer.size = message["size"].get<std::uint64_t>();
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

namespace {

std::string with_body(json message, std::string_view body) {
  message["body"] = body.size();
  std::string out = frame(message);
  out.append(body);
  return out;
}

}  // namespace

std::string create_request(std::uint64_t id, const std::string& name, std::string_view body) {
  return with_body({{"id", id}, {"op", "create"}, {"name", name}}, body);
}

std::string put_request(std::uint64_t id, const std::string& name, std::string_view body) {
  return with_body({{"id", id}, {"op", "put"}, {"name", name}}, body);
}

std::string upload_request(std::uint64_t id, const std::string& name, const std::string& path) {
  return frame({{"id", id}, {"op", "upload"}, {"name", name}, {"path", path}});
}

std::string get_request(std::uint64_t id, const std::string& name, const std::string& version,
                        const std::optional<ByteRange>& range) {
  json message = {{"id", id}, {"op", "get"}, {"name", name}};
  if (!version.empty()) message["version"] = version;
  if (range) {
    message["begin"] = range->offset;
    message["end"] = range->end();
  }
  return frame(message);
}

std::string facts_request(std::uint64_t id, const std::string& name) {
  return frame({{"id", id}, {"op", "facts"}, {"name", name}});
}

std::string names_request(std::uint64_t id, const std::string& below) {
  return frame({{"id", id}, {"op", "names"}, {"below", below}});
}

std::string remove_request(std::uint64_t id, const std::vector<std::string>& names,
                           const std::string& below) {
  return frame({{"id", id}, {"op", "remove"}, {"names", names}, {"below", below}});
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
  std::size_t whole = kLengthBytes + length;
  try {
    std::optional<std::size_t> body;
    if (message.is_object() && message.contains("body")) body = message["body"].get<std::size_t>();
    if (body && *body > kLongestAnswer) return corrupt;
    if (buffer.size() - whole < body.value_or(0)) return std::optional<DataAnswer>();
    DataAnswer answer = answer_of(message);
    if (body) answer.body = buffer.substr(whole, *body);
    whole += body.value_or(0);
    buffer.erase(0, whole);
    return std::optional<DataAnswer>(std::move(answer));
  } catch (const json::exception&) {
    return corrupt;
  }
}

}  // namespace parallelrun
