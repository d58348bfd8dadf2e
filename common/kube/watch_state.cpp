#include "common/kube/watch_state.h"

#include <algorithm>
#include <utility>

#include "common/json/members.h"

namespace parallelrun::kube {
namespace {

using nlohmann::json;

// A watch that ends sooner, without an event, counts as a failure: else a server that closes at once is
// flooded.
constexpr Duration kShortWatch = std::chrono::seconds(1);

ApiError malformed(std::string message) {
  ApiError error;
  error.failure = ApiFailure::kMalformed;
  error.message = std::move(message);
  return error;
}

}  // namespace

WatchState::Action WatchState::next(Time now) {
  if (wait_until_) {
    if (now < *wait_until_) return Wait{*wait_until_};
    wait_until_.reset();
  }
  if (list_needed_) {
    if (continue_token_.empty()) listed_.clear();
    return List{continue_token_};
  }
  line_ended_watch_ = false;
  events_seen_ = false;
  watch_began_ = now;
  const auto spread = static_cast<double>((options_.longest_watch - options_.shortest_watch).count());
  const auto extra = static_cast<std::int64_t>(spread * options_.random());
  return Watch{resource_version_, options_.shortest_watch + std::chrono::seconds(extra)};
}

std::optional<WatchState::Parsed> WatchState::parse(json&& body) const {
  if (!body.is_object()) return std::nullopt;
  const json& metadata = object_at(body, "metadata");
  Parsed parsed{{text_at(metadata, "namespace"), text_at(metadata, "name")},
                {text_at(metadata, "uid"), text_at(metadata, "resourceVersion"), {}}};
  if (parsed.key.name.empty() || parsed.object.resource_version.empty()) return std::nullopt;
  // What a list tells again shares the bytes that are kept, so that a relist does not double the cache.
  if (const auto found = objects_.find(parsed.key);
      found != objects_.end() && found->second.uid == parsed.object.uid &&
      found->second.resource_version == parsed.object.resource_version) {
    parsed.object = found->second;
    return parsed;
  }
  parsed.object.body = packed_object(std::move(body), options_.trim);
  return parsed;
}

std::vector<CacheChange> WatchState::on_page(Time now, json page) {
  const json& metadata = page.is_object() ? object_at(page, "metadata") : page;
  const auto items = page.is_object() ? page.find("items") : page.end();
  std::string version = text_at(metadata, "resourceVersion");
  std::string more = text_at(metadata, "continue");
  // Go writes an empty list as null.
  const bool has_items = page.is_object() && items != page.end() && (items->is_array() || items->is_null());
  if (version.empty() || !has_items) {
    on_list_failed(now, malformed("a list without items or without metadata.resourceVersion"));
    return {};
  }
  if (items->is_array()) {
    for (json& item : *items) {
      auto parsed = parse(std::move(item));
      if (!parsed) {
        on_list_failed(now, malformed("a list with an item without metadata.name or resourceVersion"));
        return {};
      }
      listed_.insert_or_assign(std::move(parsed->key), std::move(parsed->object));
    }
  }
  continue_token_ = std::move(more);
  if (!continue_token_.empty()) return {};
  list_needed_ = false;
  resource_version_ = std::move(version);
  synced_ = true;
  last_error_.reset();
  return replace_all();
}

std::vector<CacheChange> WatchState::replace_all() {
  std::vector<CacheChange> changes;
  for (const auto& [key, object] : objects_) {
    if (!listed_.contains(key)) {
      changes.push_back({CacheChange::Kind::kDeleted, key, object.body, {}});
    }
  }
  for (const auto& change : changes) objects_.erase(change.key);
  while (!listed_.empty()) {
    auto node = listed_.extract(listed_.begin());
    auto more = put(std::move(node.key()), std::move(node.mapped()));
    std::move(more.begin(), more.end(), std::back_inserter(changes));
  }
  return changes;
}

std::vector<CacheChange> WatchState::put(ObjectKey key, CachedObject object) {
  using Kind = CacheChange::Kind;
  const auto found = objects_.find(key);
  if (found == objects_.end()) {
    CacheChange change{Kind::kAdded, key, {}, object.body};
    objects_.emplace(std::move(key), std::move(object));
    return {std::move(change)};
  }
  CachedObject& known = found->second;
  if (known.uid == object.uid && known.resource_version == object.resource_version) return {};
  std::vector<CacheChange> changes;
  if (known.uid == object.uid) {
    changes.push_back({Kind::kUpdated, std::move(key), known.body, object.body});
  } else {
    changes.push_back({Kind::kDeleted, key, known.body, {}});
    changes.push_back({Kind::kAdded, std::move(key), {}, object.body});
  }
  known = std::move(object);
  return changes;
}

void WatchState::on_list_failed(Time now, const ApiError& error) {
  // An expired continue token, or an answer that cannot be trusted: from the first page again. After a
  // passing failure the same page is asked for again.
  if (!error.transient() || error.failure == ApiFailure::kMalformed) continue_token_.clear();
  back_off(now, error);
}

WatchState::LineOutcome WatchState::on_line(Time now, std::string_view line) {
  if (line_ended_watch_) return {{}, false};
  const auto give_up = [&](const ApiError& error) {
    line_ended_watch_ = true;
    back_off(now, error);
    return LineOutcome{{}, false};
  };
  json event = json::parse(line, nullptr, false);
  const std::string type = text_at(event, "type");
  const auto body = event.is_object() ? event.find("object") : event.end();
  if (type.empty() || body == event.end() || !body->is_object()) {
    relist();
    return give_up(malformed("a watch line that is not an event"));
  }
  if (type == "ERROR") {
    const auto code = body->find("code");
    const int status = code != body->end() && code->is_number_integer() ? code->get<int>() : 500;
    const ApiError error = api_error(status, body->dump(), "");
    if (!error.transient()) relist();
    return give_up(error);
  }
  if (type == "BOOKMARK") {
    std::string version = text_at(object_at(*body, "metadata"), "resourceVersion");
    if (!version.empty()) resource_version_ = std::move(version);
    succeeded();
    return {};
  }
  auto parsed = parse(std::move(*body));
  if (!parsed || (type != "ADDED" && type != "MODIFIED" && type != "DELETED")) {
    relist();
    return give_up(malformed("a watch event of an unknown type, or of an object without a name: " + type));
  }
  succeeded();
  resource_version_ = parsed->object.resource_version;
  if (type != "DELETED") return {put(std::move(parsed->key), std::move(parsed->object)), true};
  LineOutcome outcome;
  // The last state of the object, which the event carries, is what it was deleted from.
  if (objects_.erase(parsed->key) > 0) {
    outcome.changes.push_back(
        {CacheChange::Kind::kDeleted, std::move(parsed->key), std::move(parsed->object.body), {}});
  }
  return outcome;
}

void WatchState::on_watch_ended(Time now, const std::optional<ApiError>& error) {
  if (!last_error(now)) last_error_.reset();
  watch_opened_.reset();
  if (std::exchange(line_ended_watch_, false)) return;  // already judged
  if (error) {
    if (error->failure == ApiFailure::kStopped) return;
    // What passes by itself leaves the resource version valid: listing everything again would make it worse.
    if (!error->transient() || error->failure == ApiFailure::kMalformed) relist();
    back_off(now, *error);
    return;
  }
  if (!events_seen_ && now - watch_began_ < kShortWatch) {
    ApiError closed;
    closed.failure = ApiFailure::kUnreachable;
    closed.message = "the API server closed a watch at once";
    back_off(now, closed);
    return;
  }
  succeeded();
}

std::optional<ApiError> WatchState::last_error(Time now) const {
  if (watch_opened_ && now - *watch_opened_ >= kShortWatch) return std::nullopt;
  return last_error_;
}

void WatchState::relist() {
  list_needed_ = true;
  continue_token_.clear();
  ++relists_;
}

void WatchState::succeeded() {
  events_seen_ = true;
  failures_ = 0;
  last_error_.reset();
}

void WatchState::back_off(Time now, const ApiError& error) {
  watch_opened_.reset();
  last_error_ = error;
  // The first 410 is everyday life after a long break: list at once. One that comes again is not.
  const bool at_once = error.failure == ApiFailure::kGone && failures_ == 0;
  Duration pause = options_.first_backoff;
  for (std::size_t i = 0; i < failures_ && pause < options_.longest_backoff; ++i) pause *= 2;
  ++failures_;
  if (at_once) return;
  pause = std::min(pause, options_.longest_backoff);
  // Between half and the whole of it, so that clients of one server that failed do not come back together.
  pause = pause / 2 +
          Duration(static_cast<Duration::rep>(static_cast<double>((pause / 2).count()) * options_.random()));
  if (error.retry_after) pause = std::max<Duration>(pause, *error.retry_after);
  wait_until_ = now + pause;
}

}  // namespace parallelrun::kube
