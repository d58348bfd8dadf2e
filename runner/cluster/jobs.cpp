#include "runner/cluster/jobs.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "common/json/members.h"
#include "common/result/try.h"
#include "common/spec/nearest_name.h"
#include "common/text/presentable.h"
#include "runner/cluster/plain_error.h"

namespace parallelrun::cluster {
namespace {

using kube::KubeClient;
using nlohmann::json;

constexpr int kTablePage = 5000;  // rows of some hundred bytes
constexpr int kObjectPage = 500;  // as kubectl
constexpr int kNamesLookedAt = 2000;

const kube::Resource& jobs() {
  static const kube::Resource kJobs{"parallelrun.dev", "v1alpha1", "parallelrunjobs"};
  return kJobs;
}

// Of a kind of the core group: "Pod" is "pods".
kube::Resource resource_of(const std::string& kind) {
  std::string plural = kind + "s";
  std::transform(plural.begin(), plural.end(), plural.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  return {"", "v1", plural};
}

std::string cell_text(const json& cell) {
  if (cell.is_string()) return cell.get<std::string>();
  return cell.is_null() ? "" : cell.dump();
}

// The columns of a Table by name, so that a cluster with another release's columns can be listed too.
std::map<std::string, std::size_t> columns_of(const json& table) {
  std::map<std::string, std::size_t> columns;
  const auto found = table.find("columnDefinitions");
  if (found == table.end() || !found->is_array()) return columns;
  for (std::size_t i = 0; i < found->size(); ++i) columns.emplace(text_at((*found)[i], "name"), i);
  return columns;
}

std::string continuation(const json& page) { return text_at(object_at(page, "metadata"), "continue"); }

}  // namespace

Error Jobs::plain(const kube::ApiError& error, const char* verb, const std::string& resource,
                  const std::string& name) const {
  return plain_error(error, {verb, resource, connection_.name_space(), name}, connection_.server());
}

std::string Jobs::near(const std::string& name) {
  const auto page =
      connection_.client().table_page(jobs(), connection_.name_space(), kNamesLookedAt, "", false, stop_);
  if (!page.ok()) return "";
  std::vector<std::string> names;
  const auto rows = page.value().find("rows");
  if (rows != page.value().end() && rows->is_array()) {
    for (const json& row : *rows) {
      const auto cells = row.find("cells");
      if (cells != row.end() && cells->is_array() && !cells->empty()) names.push_back(cell_text((*cells)[0]));
    }
  }
  if (names.empty()) return "; it has no jobs, `-n NAMESPACE` names another namespace";
  return did_you_mean(name, names);
}

Result<std::optional<json>> Jobs::find(const std::string& name) {
  auto found = connection_.client().get(jobs(), {connection_.name_space(), name, ""}, stop_);
  if (found.ok()) return std::optional<json>(std::move(found).value());
  Error error = plain(found.error(), "get", kJobsInWords, name);
  if (error.code == ErrorCode::kNotFound) return std::optional<json>();
  return error;
}

Result<json> Jobs::get(const std::string& name) {
  ASSIGN_OR_RETURN(std::optional<json> found, find(name));
  if (found) return std::move(*found);
  return Error{ErrorCode::kNotFound,
               presentable("there is no job '" + name + "' in the namespace '" + connection_.name_space() +
                           "'" + near(name)),
               false};
}

Result<std::vector<ListedJob>> Jobs::list(bool all_namespaces) {
  const std::string name_space = all_namespaces ? "" : connection_.name_space();
  std::vector<ListedJob> listed;
  std::string next;
  do {
    const auto page =
        connection_.client().table_page(jobs(), name_space, kTablePage, next, all_namespaces, stop_);
    if (!page.ok())
      return plain_error(page.error(), {"list", kJobsInWords, name_space, ""}, connection_.server());
    const json& table = page.value();
    const auto columns = columns_of(table);
    const auto rows = table.find("rows");
    if (rows == table.end() || !rows->is_array()) break;
    for (const json& row : *rows) {
      const auto cells = row.find("cells");
      if (cells == row.end() || !cells->is_array()) continue;
      const auto cell = [&](const char* column) {
        const auto found = columns.find(column);
        return found == columns.end() || found->second >= cells->size() ? ""
                                                                        : cell_text((*cells)[found->second]);
      };
      ListedJob& job = listed.emplace_back();
      job.name = cell("Name");
      job.name_space = text_at(object_at(object_at(row, "object"), "metadata"), "namespace");
      job.state = cell("State");
      job.percent = cell("Progress%");
      job.items = cell("Items");
      job.failed = cell("Failed");
      job.nodes = cell("Nodes");
      job.started = cell("Started");
      job.message = cell("Message");
      job.age = cell("Age");
      if (job.state.empty()) job.state = "Pending";
    }
    next = continuation(table);
  } while (!next.empty());
  std::stable_sort(listed.begin(), listed.end(), [](const ListedJob& a, const ListedJob& b) {
    return std::tie(a.name_space, a.name) < std::tie(b.name_space, b.name);
  });
  return listed;
}

Result<std::vector<json>> Jobs::all_pages(const kube::Resource& resource, const std::string& name_space,
                                          const kube::Selection& selection, const char* in_words) {
  std::vector<json> found;
  std::string next;
  do {
    auto page = connection_.client().list_page(resource, name_space, selection, kObjectPage, next, stop_);
    if (!page.ok())
      return plain_error(page.error(), {"list", in_words, name_space, ""}, connection_.server());
    const auto items = page->find("items");
    if (items == page->end() || !items->is_array()) break;
    for (json& item : *items) found.push_back(std::move(item));
    next = continuation(page.value());
  } while (!next.empty());
  return found;
}

Result<std::vector<json>> Jobs::objects(bool all_namespaces) {
  return all_pages(jobs(), all_namespaces ? "" : connection_.name_space(), {}, kJobsInWords);
}

Result<json> Jobs::create(const json& job) {
  auto made = connection_.client().create(jobs(), {connection_.name_space(), "", ""}, job, kFieldManager,
                                          KubeClient::Answer::kObject, stop_);
  if (made.ok()) return std::move(made).value();
  return plain(made.error(), "create", kJobsInWords, text_at(object_at(job, "metadata"), "name"));
}

Result<json> Jobs::patch(const std::string& name, const json& patch) {
  auto patched = connection_.client().merge_patch(jobs(), {connection_.name_space(), name, ""}, patch,
                                                  kFieldManager, KubeClient::Answer::kObject, stop_);
  if (patched.ok()) return std::move(patched).value();
  return plain(patched.error(), "patch", kJobsInWords, name);
}

Status Jobs::remove(const std::string& name, const std::string& uid) {
  kube::DeleteOptions options;
  options.uid = uid;
  const auto removed =
      connection_.client().remove(jobs(), {connection_.name_space(), name, ""}, options, stop_);
  if (removed.ok()) return {};
  return plain(removed.error(), "delete", kJobsInWords, name);
}

Result<std::vector<json>> Jobs::pods(const std::string& name) {
  return all_pages(resource_of("Pod"), connection_.name_space(), {"parallelrun.dev/job=" + name, ""}, "pods");
}

Result<std::vector<json>> Jobs::events(const std::string& kind, const std::string& name, int most) {
  auto page = connection_.client().list_page(
      resource_of("Event"), connection_.name_space(),
      {"", "involvedObject.kind=" + kind + ",involvedObject.name=" + name}, most, "", stop_);
  if (!page.ok()) return plain(page.error(), "list", "events", "");
  std::vector<json> events;
  const auto items = page->find("items");
  if (items != page->end() && items->is_array())
    for (json& item : *items) events.push_back(std::move(item));
  return events;
}

Result<json> Jobs::create_object(const json& object) {
  const kube::Resource resource = resource_of(text_at(object, "kind"));
  auto made = connection_.client().create(resource, {connection_.name_space(), "", ""}, object, kFieldManager,
                                          KubeClient::Answer::kObject, stop_);
  if (made.ok()) return std::move(made).value();
  return plain(made.error(), "create", resource.plural, text_at(object_at(object, "metadata"), "name"));
}

Result<json> Jobs::get_object(const std::string& kind, const std::string& name) {
  const kube::Resource resource = resource_of(kind);
  auto found = connection_.client().get(resource, {connection_.name_space(), name, ""}, stop_);
  if (found.ok()) return std::move(found).value();
  return plain(found.error(), "get", resource.plural, name);
}

Result<json> Jobs::patch_object(const std::string& kind, const std::string& name, const json& patch) {
  const kube::Resource resource = resource_of(kind);
  auto patched = connection_.client().merge_patch(resource, {connection_.name_space(), name, ""}, patch,
                                                  kFieldManager, KubeClient::Answer::kMetadata, stop_);
  if (patched.ok()) return std::move(patched).value();
  return plain(patched.error(), "patch", resource.plural, name);
}

Status Jobs::remove_object(const std::string& kind, const std::string& name, const std::string& uid,
                           const std::string& resource_version) {
  const kube::Resource resource = resource_of(kind);
  kube::DeleteOptions options;
  options.grace_period_seconds = 0;
  options.uid = uid;
  options.resource_version = resource_version;
  const auto removed =
      connection_.client().remove(resource, {connection_.name_space(), name, ""}, options, {});
  if (removed.ok() || removed.error().failure == kube::ApiFailure::kNotFound) return {};
  return plain(removed.error(), "delete", resource.plural, name);
}

Status Jobs::follow_log(const std::string& pod, const kube::Transport::LineSink& sink) {
  const auto read = connection_.client().follow_log(connection_.name_space(), pod, "runner", sink, stop_);
  if (read.ok()) return {};
  return plain(read.error(), "get", "pods/log", pod);
}

}  // namespace parallelrun::cluster
