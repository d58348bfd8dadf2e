// Puts a document together from the events of a YAML or JSON parser, within bounds. Internal to
// parse_document.
#pragma once

#include <cstddef>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/json/json.h"
#include "common/spec/document.h"

namespace parallelrun {

// Ends the parse. An exception, since yaml-cpp's event handler has no other way to stop its parser; it
// does not leave parse_document.
class DocumentError : public std::runtime_error {
 public:
  DocumentError(const std::string& message, int line) : std::runtime_error(message), line_(line) {}
  int line() const { return line_; }

 private:
  int line_;
};

class DocumentBuilder {
 public:
  explicit DocumentBuilder(Problems& problems) : problems_(problems) {}

  // Lines are from 1; 0 where the parser knows none. All may throw DocumentError when a bound is passed.
  void scalar(nlohmann::json value, int line);
  void key(std::string name, int line);
  void merge_key() { frames_.back().merging = true; }
  void begin(nlohmann::json empty_container, int line);  // json::object() or json::array()
  void end();

  bool in_map() const { return !frames_.empty() && frames_.back().value.is_object(); }
  bool expects_key() const { return in_map() && !frames_.back().has_key && !frames_.back().merging; }

  // Adds a copy of what an anchor named. Its size counts against the bound.
  void copy(const nlohmann::json& value, std::size_t weight, int line);

  // The container or scalar that was completed last, with its weight; none after what `<<` brought in.
  bool has_last_value() const { return last_ != nullptr; }
  const nlohmann::json& last_value() const { return *last_; }
  std::size_t last_weight() const { return last_weight_; }

  Document take() { return std::move(document_); }

 private:
  struct Frame {
    nlohmann::json value;
    std::string path;
    std::size_t weight = 0;
    bool has_key = false;
    bool merging = false;
    std::string key;
    std::map<std::string, int> key_lines;  // of an object, to name the first of two equal keys
    std::vector<nlohmann::json> merged;
    int line = 0;
  };

  std::string next_path() const;
  void note_line(const std::string& path, int line);
  void spend(std::size_t weight, int line);
  void place(nlohmann::json value, std::size_t weight, int line);

  Problems& problems_;
  Document document_;
  std::vector<Frame> frames_;
  std::size_t spent_ = 0;
  const nlohmann::json* last_ = nullptr;
  std::size_t last_weight_ = 0;
};

}  // namespace parallelrun
