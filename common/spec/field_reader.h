// Reads the fields of one object by its table. Internal to common/spec.
#pragma once

#include <fmt/format.h>

#include <span>

#include "common/spec/field.h"
#include "common/spec/words.h"

namespace parallelrun {

// Of a field without type: what the value is told of, and kept as, is the caller's.
std::optional<double> read_number(ObjectReader& reader, std::string_view key, const Bounds& bounds);
std::optional<char> read_character(ObjectReader& reader, std::string_view key);
// As it stands in the manifest; a number as its digits.
std::optional<std::string> read_size(ObjectReader& reader, std::string_view key);
std::optional<nlohmann::json> read_verbatim(ObjectReader& reader, std::string_view key, Verbatim kind,
                                            const Bounds& bounds);
// Whether the field has a word that will mean something one day, which is told.
bool refused_not_yet(ObjectReader& reader, std::string_view key, const NotYet& not_yet);

template <typename Owner>
class FieldReader {
 public:
  FieldReader(ObjectReader& reader, const Field<Owner>& field, Reading& reading, Owner& owner)
      : reader_(reader), field_(field), reading_(reading), owner_(owner) {}

  void operator()(bool Owner::* member) { take(member, reader_.boolean(field_.name)); }
  void operator()(int Owner::* member) { take(member, whole_number()); }
  void operator()(std::int64_t Owner::* member) { take(member, whole_number()); }
  void operator()(std::optional<std::int64_t> Owner::* member) {
    // Below 0 only where that says "never": as if it were absent.
    if (const auto number = whole_number(); number && *number >= 0) owner_.*member = number;
  }
  void operator()(std::optional<double> Owner::* member) {
    if (reader_.field(field_.name) != nullptr) {
      if (const auto number = read_number(reader_, field_.name, field_.bounds)) owner_.*member = number;
    } else if (const auto* argument = among_arguments()) {
      owner_.*member = argument->template get<double>();
    }
  }
  void operator()(std::chrono::seconds Owner::* member) { take(member, seconds()); }
  void operator()(std::optional<std::chrono::seconds> Owner::* member) { take(member, seconds()); }
  void operator()(char Owner::* member) { take(member, read_character(reader_, field_.name)); }
  void operator()(std::optional<char> Owner::* member) {
    const nlohmann::json* value = reader_.field(field_.name);
    if (value != nullptr && value->is_string() && value->get_ref<const std::string&>().empty()) {
      owner_.*member = std::nullopt;
    } else if (const std::optional<char> character = read_character(reader_, field_.name)) {
      owner_.*member = character;
      check();
    }
  }
  void operator()(std::string Owner::* member) { take(member, reader_.text(field_.name)); }
  void operator()(std::vector<std::string> Owner::* member) { take_list(member); }
  void operator()(std::optional<std::vector<std::string>> Owner::* member) { take_list(member); }
  void operator()(InputType Owner::* member) { take_word(member, input_types()); }
  void operator()(DataFormat Owner::* member) { take_word(member, data_formats()); }
  void operator()(OutputAction Owner::* member) { take_word(member, output_actions()); }
  void operator()(OutputFormat Owner::* member) { take_word(member, output_formats()); }
  void operator()(OutputOrder Owner::* member) { take_word(member, output_orders()); }
  void operator()(LoggingLevel Owner::* member) { take_word(member, logging_levels()); }
  void operator()(Size<Owner> size) { take(size.member, read_size(reader_, field_.name)); }
  void operator()(Verbatim kind) {
    if constexpr (requires { owner_.cluster; }) {
      auto value = read_verbatim(reader_, field_.name, kind, field_.bounds);
      if (!value) return;
      owner_.cluster[std::string(field_.name)] = std::move(*value);
      check();
    }
  }
  void operator()(const Structure<Owner>& structure) {
    structure.read(reader_, field_.name, reading_, owner_);
  }

 private:
  template <typename Target, typename Given>
  void take(Target Owner::* member, std::optional<Given> given) {
    if (!given) return;
    if constexpr (std::is_same_v<Target, int>) {
      owner_.*member = static_cast<int>(*given);
    } else {
      owner_.*member = std::move(*given);
    }
    check();
  }

  template <typename Target>
  void take_list(Target Owner::* member) {
    if (reader_.list(field_.name) == nullptr) return;
    owner_.*member = reader_.texts(field_.name);
    check();
  }

  template <typename Enum>
  void take_word(Enum Owner::* member, Words<Enum> words) {
    if (!refused_not_yet(reader_, field_.name, field_.not_yet)) {
      take(member, reader_.template choice<Enum>(field_.name, words));
    }
  }

  void check() {
    if (field_.check != nullptr) field_.check(reader_, field_.name, reading_, owner_);
  }

  // Of an option that stands for the field; null where there is none.
  const nlohmann::json* among_arguments() const {
    const auto found = reading_.among_arguments.find(field_.name);
    return found == reading_.among_arguments.end() ? nullptr : &*found;
  }

  std::optional<std::int64_t> whole_number() {
    if (reader_.field(field_.name) != nullptr) {
      return reader_.whole_number(field_.name, field_.bounds.lowest, field_.bounds.highest);
    }
    const nlohmann::json* argument = field_.option.empty() ? nullptr : among_arguments();
    return argument == nullptr ? std::nullopt : std::optional(argument->get<std::int64_t>());
  }

  std::optional<std::chrono::seconds> seconds() {
    const std::optional<std::int64_t> number = whole_number();
    return number ? std::optional(std::chrono::seconds(*number)) : std::nullopt;
  }

  ObjectReader& reader_;
  const Field<Owner>& field_;
  Reading& reading_;
  Owner& owner_;
};

template <typename Owner>
void read_field(ObjectReader& reader, const Field<Owner>& field, Reading& reading, Owner& owner) {
  if (field.follow != nullptr) field.follow(owner);
  if (!field.required.empty() && reader.required(field.name, field.required) == nullptr) return;
  std::visit(FieldReader<Owner>(reader, field, reading, owner), field.value);
}

template <typename Owner>
void read_fields(ObjectReader& reader, std::span<const Field<Owner>> fields, Reading& reading, Owner& owner) {
  for (const Field<Owner>& field : fields) read_field(reader, field, reading, owner);
}

}  // namespace parallelrun
