#include "common/spec/store_sources.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>

#include "common/spec/object_reader.h"

namespace parallelrun {
namespace {

using nlohmann::json;
using Value = StoreField::Value;

constexpr bool kMustBeGiven = true;
constexpr const char* kSql = "sql";
constexpr std::string_view kSignatures[] = {"sig=", "signature=", "x-amz-signature=", "x-goog-signature="};

std::vector<StoreKind> all_store_kinds() {
  const StoreField prefix{"prefix", Value::kFolder};
  const StoreField endpoint{"endpoint", Value::kAddress};
  const StoreField certificate{"caCertificate"};
  const StoreField credentials{"credentials", Value::kCredentials};
  return {
      {"azureBlob",
       "Azure Blob Storage",
       {{"account", Value::kName, kMustBeGiven},
        {"container", Value::kName, kMustBeGiven},
        prefix,
        endpoint,
        {"authority", Value::kAddress},
        certificate,
        credentials},
       {"tenantId", "clientId", "clientSecret", "accountKey", "sasToken"},
       {"AZURE_CLIENT_SECRET", "AZURE_STORAGE_CLIENT_SECRET", "AZURE_STORAGE_KEY",
        "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_MASTER_KEY",
        "AZURE_STORAGE_SAS_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_TOKEN",
        "AZURE_STORAGE_CONNECTION_STRING", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_CERTIFICATE_PATH",
        "AZURE_CLIENT_CERTIFICATE_PASSWORD"}},
      {"s3",
       "S3",
       {{"bucket", Value::kName, kMustBeGiven},
        prefix,
        {"region"},
        endpoint,
        {"pathStyle", Value::kBoolean},
        certificate,
        credentials},
       {"accessKeyId", "secretAccessKey", "sessionToken"},
       {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_TOKEN",
        "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"}},
      {"gcs",
       "Google Cloud Storage",
       {{"bucket", Value::kName, kMustBeGiven}, prefix, endpoint, certificate, credentials},
       {"serviceAccountKey"},
       {"GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_PATH",
        "GOOGLE_SERVICE_ACCOUNT_KEY", "GOOGLE_BEARER_TOKEN"}},
      {"http",
       "HTTP",
       {{"urls", Value::kAddresses, kMustBeGiven}, certificate, credentials},
       {"bearerToken", "username", "password"},
       {},
       {},
       false},
      {kSql,
       "a SQL database",
       {{"table"}, {"query"}, {"partitionColumn"}, credentials},
       {"url", "username", "password"},
       {"PARALLELRUN_SQL_URL"},
       {"table", "query"},
       false},
  };
}

void check_address(ObjectReader& reader, std::string_view where, const std::string& address) {
  const std::size_t scheme = address.starts_with("https://") ? 8 : address.starts_with("http://") ? 7 : 0;
  if (scheme == 0 || address.size() == scheme || address[scheme] == '/') {
    reader.problem(where, in_quotes(address) + " is not an address; write https://host or http://host");
    return;
  }
  const std::size_t host_end = std::min(address.find('/', scheme), address.size());
  if (address.substr(scheme, host_end - scheme).find('@') == std::string::npos) return;
  reader.problem(where, "holds a user name or password; put it into a Secret and name that in credentials");
}

// Signed addresses are keys: whoever has one may read.
bool is_signed(std::string address) {
  std::transform(address.begin(), address.end(), address.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::any_of(std::begin(kSignatures), std::end(kSignatures), [&](std::string_view name) {
    const std::size_t at = address.find(name);
    return at != std::string::npos && at > 0 && (address[at - 1] == '?' || address[at - 1] == '&');
  });
}

void check_folder(ObjectReader& reader, const std::string& name, std::string_view folder) {
  if (folder.starts_with('/')) {
    reader.problem(name, in_quotes(folder) + " begins with '/'; names in a store do not: remove it");
    return;
  }
  if (folder.ends_with('/')) folder.remove_suffix(1);
  for (std::size_t begin = 0; begin < folder.size() || (begin > 0 && begin == folder.size());) {
    const std::size_t end = std::min(folder.find('/', begin), folder.size());
    const std::string_view part = folder.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") {
      reader.problem(name,
                     in_quotes(folder) + " must be names with one '/' between them, without '.' and '..'");
      return;
    }
    begin = end + 1;
  }
}

void check_field(ObjectReader& reader, const StoreField& field) {
  const auto text = [&] {
    std::optional<std::string> value = reader.text(field.name);
    if (value && value->empty()) {
      reader.problem(field.name, "is empty");
      value.reset();
    }
    return value;
  };
  switch (field.value) {
    case Value::kText:
      text();
      break;
    case Value::kName:
      if (const auto value = text(); value && value->find('/') != std::string::npos)
        reader.problem(field.name, in_quotes(*value) + " must not contain '/'; put the folder into prefix");
      break;
    case Value::kBoolean:
      reader.boolean(field.name);
      break;
    case Value::kFolder:
      if (const auto value = reader.text(field.name)) check_folder(reader, field.name, *value);
      break;
    case Value::kAddress:
      if (const auto value = text()) check_address(reader, field.name, *value);
      break;
    case Value::kAddresses: {
      const json* list = reader.list(field.name);
      if (list == nullptr) break;
      if (list->empty()) reader.problem(field.name, "is empty; name at least one address");
      for (const std::string& address : reader.texts(field.name)) {
        check_address(reader, field.name, address);
        if (!is_signed(address)) continue;
        reader.problem(field.name,
                       "holds a signature, which is a secret; name the store itself (azureBlob, s3, gcs) and "
                       "its credentials");
      }
      break;
    }
    case Value::kCredentials: {
      const json* body = reader.object(field.name);
      if (body == nullptr) break;
      ObjectReader credentials(body, reader.path(field.name), reader.problems());
      credentials.required("secretName", "the Secret that holds the keys");
      if (const auto name = credentials.text("secretName"); name && name->empty())
        credentials.problem("secretName", "is empty");
      credentials.refuse_unknown();
      break;
    }
  }
}

const json& body_of(const json& store) { return store.begin().value(); }

std::string text_of(const json& body, const char* key) {
  const auto found = body.find(key);
  return found != body.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string folder_of(const json& body) {
  std::string folder = text_of(body, "prefix");
  while (folder.ends_with('/')) folder.pop_back();
  return folder;
}

}  // namespace

std::span<const StoreKind> store_kinds() {
  static const std::vector<StoreKind> kinds = all_store_kinds();
  return kinds;
}

const StoreKind* find_store_kind(std::string_view name) {
  const auto kinds = store_kinds();
  const auto found =
      std::find_if(kinds.begin(), kinds.end(), [&](const StoreKind& kind) { return kind.name == name; });
  return found == kinds.end() ? nullptr : &*found;
}

bool names_store(const json& source) {
  if (!source.is_object()) return false;
  for (const auto& [kind, body] : source.items()) {
    if (find_store_kind(kind) != nullptr) return true;
  }
  return false;
}

bool is_database(const json& store) { return store.is_object() && store.contains(kSql); }

void check_store(const StoreKind& kind, const json& body, const std::string& path, Problems& problems) {
  ObjectReader reader(&body, path, problems);
  if (!reader.is_object()) return;
  for (const StoreField& field : kind.fields) {
    if (field.required &&
        reader.required(field.name, fmt::format("a source in {} needs it", kind.in_words)) == nullptr)
      continue;
    check_field(reader, field);
  }
  std::vector<std::string> given;
  for (const std::string& name : kind.one_of) {
    if (body.contains(name) && !body[name].is_null()) given.push_back(name);
  }
  if (!kind.one_of.empty() && given.size() != 1) {
    problems.add(path, fmt::format("names {} {} {} {}; a source in {} needs exactly one of the two",
                                   given.empty() ? "neither" : "both", kind.one_of.front(),
                                   given.empty() ? "nor" : "and", kind.one_of.back(), kind.in_words));
  }
  for (const std::string& secret : kind.secrets) {
    if (reader.field(secret) == nullptr) continue;
    reader.problem(secret,
                   "does not belong into a manifest; put it into a Secret and name that: credentials: "
                   "{secretName: ...}");
  }
  reader.refuse_unknown();
}

void check_store_on_cluster(const json& body, const std::string& path, Problems& problems) {
  ObjectReader reader(&body, path, problems);
  const auto given = body.find("caCertificate");
  if (given == body.end() || !given->is_string()) return;
  const auto& key = given->get_ref<const std::string&>();
  if (key.find('/') != std::string::npos) {
    reader.problem("caCertificate",
                   in_quotes(key) +
                       " is a path; on a cluster it is the name of a key, such as ca.crt, of "
                       "the Secret in credentials");
  } else if (store_secret(json::object({{"store", body}})).empty()) {
    reader.problem("caCertificate",
                   "is on a cluster the name of a key of the Secret in credentials; add credentials: "
                   "{secretName: ...}. The Secret may hold this key alone");
  }
}

std::string store_address(const json& store) {
  const std::string& kind = store.begin().key();
  const json& body = body_of(store);
  if (kind == "http") return kind;
  std::string address = kind + "://";
  if (kind == kSql) {
    const std::string table = text_of(body, "table");
    return address + (table.empty() ? "query" : table);
  }
  if (kind == "azureBlob") {
    address += text_of(body, "account") + "/" + text_of(body, "container");
  } else {
    address += text_of(body, "bucket");
  }
  const std::string folder = folder_of(body);
  return folder.empty() ? address : address + "/" + folder;
}

std::string store_secret(const json& store) {
  const json& body = body_of(store);
  const auto credentials = body.find("credentials");
  return credentials != body.end() && credentials->is_object() ? text_of(*credentials, "secretName")
                                                               : std::string();
}

std::string store_certificate(const json& store) { return text_of(body_of(store), "caCertificate"); }

std::string store_folder_name(const json& store) {
  const std::string folder = folder_of(body_of(store));
  return folder.substr(folder.rfind('/') + 1);
}

bool stores_overlap(const json& one, const json& other) {
  json a = identity_of_store(one);
  json b = identity_of_store(other);
  if (a.begin().key() != b.begin().key()) return false;
  const std::string first = folder_of(body_of(a)) + "/";
  const std::string second = folder_of(body_of(b)) + "/";
  for (json* store : {&a, &b}) {
    // However one asks for it.
    for (const char* how : {"prefix", "region", "pathStyle"}) store->begin()->erase(how);
  }
  return a == b && (first == "/" || second == "/" || first.starts_with(second) || second.starts_with(first));
}

json identity_of_store(const json& store) {
  json body = body_of(store);
  body.erase("credentials");
  body.erase("caCertificate");
  body.erase("authority");
  const std::string folder = folder_of(body);
  body.erase("prefix");
  if (!folder.empty()) body["prefix"] = folder;
  return {{store.begin().key(), std::move(body)}};
}

}  // namespace parallelrun
