// Writes the fields of one object by its table. Internal to common/spec.
#pragma once

#include <span>
#include <type_traits>

#include "common/spec/field.h"

namespace parallelrun {

template <typename Owner>
class FieldWriter {
 public:
  FieldWriter(const Field<Owner>& field, Identity least, const Owner& owner, nlohmann::json& out)
      : field_(field), least_(least), owner_(owner), out_(out) {}

  template <typename Value>
  void operator()(Value Owner::* member) {
    write(owner_.*member);
  }
  void operator()(Size<Owner> size) { write(owner_.*size.member); }
  void operator()(Verbatim) {
    if constexpr (requires { owner_.cluster; }) {
      if (const auto found = owner_.cluster.find(field_.name); found != owner_.cluster.end()) write(*found);
    }
  }
  void operator()(const Structure<Owner>& structure) { structure.write(owner_, least_, field_.name, out_); }

 private:
  void write(const std::string& value) {
    if (!value.empty()) put(value);
  }
  void write(const std::vector<std::string>& value) {
    if (!value.empty()) put(value);
  }
  template <typename Value>
  void write(const std::optional<Value>& value) {
    if constexpr (std::is_same_v<Value, std::chrono::seconds>) {
      if (value) put(value->count());
    } else {
      if (value) put(*value);
    }
  }
  void write(std::chrono::seconds value) { put(value.count()); }
  void write(char value) { put(std::string(1, value)); }
  void write(std::optional<char> value) { put(value ? std::string(1, *value) : std::string()); }
  template <typename Value>
  void write(const Value& value) {
    if constexpr (std::is_enum_v<Value>) {
      put(to_string(value));
    } else {
      put(value);
    }
  }

  template <typename Value>
  void put(const Value& value) {
    out_[std::string(field_.name)] = value;
  }

  const Field<Owner>& field_;
  Identity least_;
  const Owner& owner_;
  nlohmann::json& out_;
};

template <typename Owner>
nlohmann::json written(const Field<Owner>& field, Identity least, const Owner& owner) {
  nlohmann::json out = nlohmann::json::object();
  std::visit(FieldWriter<Owner>(field, least, owner, out), field.value);
  return out;
}

// The default as it would be written of `owner`.
template <typename Owner>
nlohmann::json written_default(const Field<Owner>& field, const Owner& owner) {
  Owner other{};
  if (field.follow != nullptr) {
    other = owner;
    field.follow(other);
  }
  return written(field, Identity::kNone, other);
}

// Adds to `out` what is at least so much a part of the job's identity.
template <typename Owner>
void write_field(const Field<Owner>& field, Identity least, const Owner& owner, nlohmann::json& out) {
  if (field.identity < least) return;
  const nlohmann::json fields = written(field, least, owner);
  if (field.default_unwritten && fields == written_default(field, owner)) return;
  out.update(fields);
}

template <typename Owner>
nlohmann::json write_fields(std::span<const Field<Owner>> fields, Identity least, const Owner& owner) {
  nlohmann::json out = nlohmann::json::object();
  for (const Field<Owner>& field : fields) write_field(field, least, owner, out);
  return out;
}

}  // namespace parallelrun
