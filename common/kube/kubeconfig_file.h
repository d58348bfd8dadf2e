// Reading kubeconfig files: text in, named entries out. What an entry means is decided where it is used, so
// that a broken entry of another cluster is in nobody's way.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/result/result.h"

namespace parallelrun::kube {

struct KubeconfigEntry {
  nlohmann::json fields;  // an object
  std::string file;
  std::string field;  // "users[alice].user", for messages

  std::string origin() const { return file + ": " + field; }
};

struct Kubeconfig {
  std::map<std::string, KubeconfigEntry> clusters;
  std::map<std::string, KubeconfigEntry> users;
  std::map<std::string, KubeconfigEntry> contexts;
  std::string current_context;
  std::vector<std::string> files;  // that were added
};

// Adds what `into` does not have yet: of several files the first that has a name, or a current-context,
// counts. Scalars become JSON as kubectl reads them (1 is a number, "1" is text). Never throws on account of
// the text.
Status add_kubeconfig(const std::string& text, const std::string& file, Kubeconfig& into);

}  // namespace parallelrun::kube
