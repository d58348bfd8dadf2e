#include "common/kube/kubeconfig_fields.h"

#include <openssl/evp.h>

#include <filesystem>
#include <utility>

#include "common/openssl/owned.h"

namespace parallelrun::kube {
namespace {

using nlohmann::json;

std::optional<std::string> decoded_base64(const std::string& text) {
  const openssl::Owned<EVP_ENCODE_CTX, EVP_ENCODE_CTX_free> context(EVP_ENCODE_CTX_new());
  std::string result(text.size() + 3, '\0');
  auto* bytes = reinterpret_cast<unsigned char*>(result.data());
  int length = 0;
  int rest = 0;
  EVP_DecodeInit(context.get());
  if (EVP_DecodeUpdate(context.get(), bytes, &length, reinterpret_cast<const unsigned char*>(text.data()),
                       static_cast<int>(text.size())) < 0 ||
      EVP_DecodeFinal(context.get(), bytes + length, &rest) < 0) {
    return std::nullopt;
  }
  result.resize(static_cast<std::size_t>(length) + static_cast<std::size_t>(rest));
  return result;
}

}  // namespace

KubeconfigFields::KubeconfigFields(const json& fields, std::string file, std::string field)
    : fields_(fields), file_(std::move(file)), field_(std::move(field)) {}

bool KubeconfigFields::has(const char* name) const {
  const json found = value(name);
  if (found.is_string()) return !found.get_ref<const std::string&>().empty();
  return !found.is_null() && found != false;
}

json KubeconfigFields::value(const char* name) const {
  const auto found = fields_.find(name);
  return found == fields_.end() ? json() : *found;
}

std::string KubeconfigFields::text(const char* name) {
  const json found = value(name);
  if (found.is_null()) return "";
  if (found.is_string()) return found.get<std::string>();
  refuse(ErrorCode::kInvalidArgument, name, "must be text; quote it");
  return "";
}

bool KubeconfigFields::flag(const char* name) {
  const json found = value(name);
  if (found.is_null()) return false;
  if (found.is_boolean()) return found.get<bool>();
  refuse(ErrorCode::kInvalidArgument, name, "is " + found.dump() + ", but must be true or false");
  return false;
}

std::string KubeconfigFields::data(const char* name) {
  const std::string encoded = text(name);
  const auto result = decoded_base64(encoded);
  if (result && (encoded.empty() || !result->empty())) return *result;
  refuse(ErrorCode::kInvalidArgument, name, "must be base64 (as `base64 -w0 FILE` writes it)");
  return "";
}

std::string KubeconfigFields::beside_file(const std::string& path) const {
  return (std::filesystem::absolute(file_).parent_path() / path).lexically_normal().string();
}

std::string KubeconfigFields::path(const char* name) {
  const std::string found = text(name);
  return found.empty() ? found : beside_file(found);
}

void KubeconfigFields::each(const char* name, const std::function<void(KubeconfigFields&)>& each) {
  const json found = value(name);
  if (found.is_null()) return;
  if (!found.is_array()) refuse(ErrorCode::kInvalidArgument, name, "must be a list");
  for (std::size_t i = 0; found.is_array() && i < found.size(); ++i) {
    const std::string field = std::string(name) + "[" + std::to_string(i) + "]";
    if (!found[i].is_object()) return refuse(ErrorCode::kInvalidArgument, field, "must be a map");
    KubeconfigFields item(found[i], file_, field_ + "." + field);
    each(item);
    if (!problem_) problem_ = item.problem();
  }
}

std::vector<std::string> KubeconfigFields::texts(const char* name) {
  std::vector<std::string> result;
  const json found = value(name);
  if (found.is_null()) return result;
  if (!found.is_array()) refuse(ErrorCode::kInvalidArgument, name, "must be a list");
  for (std::size_t i = 0; found.is_array() && i < found.size(); ++i) {
    if (found[i].is_string()) {
      result.push_back(found[i].get<std::string>());
    } else {
      refuse(ErrorCode::kInvalidArgument, std::string(name) + "[" + std::to_string(i) + "]",
             "must be text; quote it");
    }
  }
  return result;
}

std::string KubeconfigFields::origin(const std::string& name) const {
  return file_ + ": " + field_ + (name.empty() ? "" : "." + name);
}

void KubeconfigFields::refuse(ErrorCode code, const std::string& name, const std::string& rule) {
  if (!problem_) problem_ = Error{code, origin(name) + ": " + rule, false};
}

}  // namespace parallelrun::kube
