// What orchestrator and agents say to the data process over its socket, and what it answers: frames of u32
// length (little-endian) and JSON. runner/python/parallelrun_data/server.py is the other side. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "runner/store/byte_range.h"

namespace parallelrun {

// One object of a store.
struct StoredObject {
  std::string name;                   // below the source's folder
  std::optional<std::uint64_t> size;  // bytes; empty: the store does not say
  std::string version;                // an etag, as a rule; changes with the content; empty: not known
  // Of a table: what of it is needed, at its places in the file; none named: all of it.
  std::optional<std::vector<ByteRange>> ranges = {};

  bool operator==(const StoredObject&) const = default;
};

// Why the data process cannot do what it was asked for.
enum class DataTrouble : std::uint8_t {
  kChanged,       // an object is not the one that was planned
  kMissing,       // an object is gone
  kAccessDenied,  // the credentials are not accepted any more
  kDisk,          // the cache cannot be written
  kTooLarge,      // the objects of one mini-batch do not fit into the cache
  kTimeout,       // [task_overhead_timeout]
  kUnavailable,   // the store does not answer, or with errors, for too long; another try may help
  kInvalid,       // the source cannot be used
  kBusy,          // no room in the cache for what is asked for ahead
};

struct DataError {
  DataTrouble kind = DataTrouble::kUnavailable;
  std::string message;  // one sentence for the user, without a secret
};

// One of them is there, or `end`.
struct DataAnswer {
  std::uint64_t id = 0;  // of the request
  std::vector<StoredObject> objects;
  // Of a listing: empty objects that stand for empty folders, which come before the last object or the end.
  std::vector<std::string> folders;
  std::optional<std::vector<std::string>> paths;  // of a fetch, below the input's directory
  std::optional<bool> created;                    // of a create
  std::string version;                            // of what was put, or of facts
  std::optional<std::uint64_t> size;              // the same; of facts: empty where there is no such object
  std::optional<std::string> body;                // of a get
  std::optional<DataError> error;
  bool end = false;  // of a listing, or of a removal
};

struct FetchRequest {
  std::uint64_t id = 0;  // also names what is held until release_request()
  std::string input;
  std::vector<StoredObject> objects;
  double timeout_seconds = 0;
  std::string what;    // "mini-batch 12", for messages
  bool ahead = false;  // kBusy instead of waiting for room
};

// Whole frames.
std::string list_request(std::uint64_t id, const std::string& input, const std::string& after);
std::string fetch_request(const FetchRequest& request);
// Files that an earlier data process of this job had fetched, and that are still in use.
std::string adopt_request(std::uint64_t id, const std::string& input, const std::vector<std::string>& paths);
// `keep`: what was read to cut a table stays for its mini-batches while there is room.
std::string release_request(std::uint64_t hold, bool keep = false);

// --- the output (runner/python/parallelrun_data/output.py); names are below its folder ---
std::string create_request(std::uint64_t id, const std::string& name, std::string_view body);
std::string put_request(std::uint64_t id, const std::string& name, std::string_view body);
std::string upload_request(std::uint64_t id, const std::string& name, const std::string& path);
// `version`: empty, whatever is there. `range`: empty, all.
std::string get_request(std::uint64_t id, const std::string& name, const std::string& version,
                        const std::optional<ByteRange>& range);
std::string facts_request(std::uint64_t id, const std::string& name);
std::string names_request(std::uint64_t id, const std::string& below);
// `below`: also all whose names begin with that; empty: no others.
std::string remove_request(std::uint64_t id, const std::vector<std::string>& names, const std::string& below);

// Cuts the next answer off the front of `buffer`; none when it is not whole yet. Errors: kCorrupt.
Result<std::optional<DataAnswer>> next_answer(std::string& buffer);

}  // namespace parallelrun
