// The object stores and databases that a manifest may name as the source of an input, a side input, the code
// or the output, and their fields.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/json/json.h"
#include "common/spec/problems.h"

namespace parallelrun {

// What lies in a store.
enum class StoreUse { kInput, kSideInput, kCode, kOutput };

struct StoreField {
  enum class Value { kText, kBoolean, kFolder, kAddress, kAddresses, kName, kCredentials };

  std::string name;
  Value value = Value::kText;
  bool required = false;
};

struct StoreKind {
  std::string name;      // azureBlob, s3, gcs, http, sql
  std::string in_words;  // "Azure Blob Storage"
  std::vector<StoreField> fields;
  // Keys of its Secret, which do not belong into a manifest.
  std::vector<std::string> secrets;
  // Variables of the environment with which the provider's own tools are given credentials. Where a job on
  // one machine takes the store's credentials from there, scripts do not get these.
  std::vector<std::string> variables;
  // Two fields of which exactly one must be given; empty: there are none such.
  std::vector<std::string> one_of = {};
  // Whether objects can be made there on the condition that they are not there, as an output needs.
  bool holds_output = true;
};

std::span<const StoreKind> store_kinds();
// Null for a name that is no store.
const StoreKind* find_store_kind(std::string_view name);

// Tells at `path` all that is wrong with {kind: body}.
void check_store(const StoreKind& kind, const nlohmann::json& body, const std::string& path,
                 Problems& problems);

// The rules that only a cluster has: a file of this machine is not there, so caCertificate names a key of the
// Secret in credentials.
void check_store_on_cluster(const nlohmann::json& body, const std::string& path, Problems& problems);

// Whether the source is a table or a query of a database: tabular inputs alone have it.
bool is_database(const nlohmann::json& store);

// Whether a source names a store, as it stands in a manifest that nobody may have checked.
bool names_store(const nlohmann::json& source);

// What follows is for a `store` that was checked: {azureBlob | s3 | gcs | http | sql: {...}}.

// How people call it, without a secret: "s3://bucket/folder", "azureBlob://account/container/folder". http:
// "http". sql: "sql://table", "sql://query". Without a '/' at the end.
std::string store_address(const nlohmann::json& store);
// The name of the Secret; empty: none.
std::string store_secret(const nlohmann::json& store);
// `caCertificate`: a file, on a cluster a key of that Secret; empty: none.
std::string store_certificate(const nlohmann::json& store);
// The last part of its folder, empty where there is none: what a side input is called on this machine.
std::string store_folder_name(const nlohmann::json& store);
// Whether one of the two lies in the other, so that what is written to one is read from the other.
bool stores_overlap(const nlohmann::json& one, const nlohmann::json& other);
// What identifies a job of it: where the data lies, not who may read it.
nlohmann::json identity_of_store(const nlohmann::json& store);

}  // namespace parallelrun
