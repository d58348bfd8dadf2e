// The volume sources of Kubernetes that a manifest may name, and the fields of the common ones.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace parallelrun {

struct VolumeField {
  std::string name;
  bool required = false;
  bool text = true;  // a required field that is a string, not a list or object
};

struct VolumeKind {
  std::string name;
  bool writable = true;
  std::string refusal;              // why it makes no sense here; empty: it does
  std::vector<VolumeField> fields;  // empty: not checked any further
};

// Null for a name that is no volume source.
const VolumeKind* find_volume_kind(std::string_view name);
std::span<const VolumeKind> volume_kinds();

}  // namespace parallelrun
