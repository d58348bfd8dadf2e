// All that a format of inputs is on this side: how objects become mini-batches, and what their descriptors
// say. Its twin in the worker process reads them (runner/python/parallelrun_worker/readers.py). Between the
// two, descriptors are bytes.
//
// A new format is one class here and one there, and a line in the list of each (input_formats.cpp,
// readers.py).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "common/spec/job_spec.h"
#include "runner/input/descriptor_kind.h"
#include "runner/input/listing.h"
#include "runner/input/table_file.h"
#include "runner/plan/item_range.h"
#include "runner/plan/passed_over.h"
#include "runner/store/byte_range.h"
#include "runner/store/data_messages.h"

namespace parallelrun {

class RecordFields;

// What is read of one file.
struct PieceOfFile {
  std::string path;                // below the input's directory, or that of its grouped records
  bool grouped = false;            // the latter: groups_directory()
  std::optional<ByteRange> bytes;  // nothing: the whole file
};

// The objects of one input as mini-batches, in the order of its listing. Reads no further than it is asked
// to. The same objects give the same mini-batches. One thread at a time.
class InputCutter {
 public:
  struct Piece {
    std::uint64_t items = 0;  // 0: not known before a worker reads it
    std::string descriptor;
  };

  virtual ~InputCutter() = default;

  // The next mini-batch, or nothing at the end. Errors: the listing's; kInvalidArgument where a mini-batch
  // would be too large to be handed on.
  virtual Result<std::optional<Piece>> next() = 0;
  // Goes on behind `descriptor`, the last one that an earlier run persisted; before the first next(). The
  // listing begins behind last_object(). Errors: kCorrupt.
  virtual Status resume_after(std::string_view descriptor) = 0;
  // That the listing gave in this run.
  virtual std::uint64_t objects() const = 0;
};

// Of an input, made by open_format(). Threads may share it.
class InputFormat {
 public:
  struct CutterOptions {
    std::string root;                   // where the input's objects lie: absolute, ends in '/'
    std::uint64_t mini_batch_size = 1;  // [mini_batch_size] in the unit of the format: objects, or bytes
    PassedCounts* passed = nullptr;     // what gives no mini-batch is counted here; must outlive the cutter
    std::string groups_directory = {};  // where records that are grouped go; made where it is missing
    const std::atomic<bool>* stopped = nullptr;  // ends a next() that takes long with kAborted
  };
  // What column types are inferred from.
  struct Sample {
    std::string descriptor;              // of the kInferTypes lease: encode_sample()
    std::optional<std::string> warning;  // a sentence: the input is hardly read as the user means it
  };

  virtual ~InputFormat() = default;

  // Of the descriptors that worker processes read.
  virtual DescriptorKind kind() const = 0;

  // --- listing ---
  // Where the manifest has no glob; empty: every object is taken.
  virtual std::string default_glob() const { return {}; }
  // The endings that the default glob takes, in words: ".csv or .csv.gz".
  virtual std::string default_endings() const { return {}; }
  // Whether a cutter sees all objects before its first mini-batch: then the listing of one that goes on
  // begins
  // with the first object, too.
  virtual bool lists_all() const { return false; }
  // What can be said of the whole input before anything starts. Errors: kInvalidArgument, a sentence; those
  // of
  // the listing.
  virtual Status check(Listing& listing, const std::string& root) const;
  // What objects lack that give no mini-batch, behind "1 file in '/in' has" or "2 files in '/in' have".
  virtual std::string nothing_in(std::uint64_t objects) const;

  // --- planning ---
  // `listing` and options.passed must outlive the cutter, the format too.
  virtual std::unique_ptr<InputCutter> cutter(Listing& listing, CutterOptions options) const = 0;
  // The path of the last object in a descriptor. Errors: kCorrupt.
  virtual Result<std::string> last_object(std::string_view descriptor) const = 0;

  // --- results that are taken over ---
  // The paths of all objects that a mini-batch was made of. Nothing: of all objects of the input. Errors:
  // kCorrupt. Default: it is a part of last_object().
  virtual Result<std::optional<std::vector<std::string>>> objects_of(std::string_view descriptor) const;
  // What a worker process reads for a mini-batch of files in a directory, piece by piece in their order.
  // Errors: kCorrupt. Default: the whole of objects_of().
  virtual Result<std::vector<PieceOfFile>> pieces_of(std::string_view descriptor) const;
  // What mini-batches of the same items have in common, and no others, as long as no object has changed: a
  // descriptor may also say where a plan has put something. Default: the descriptor.
  virtual std::string same_items(std::string_view descriptor) const { return std::string(descriptor); }
  // Whether an object may be in several mini-batches, each with a part of it.
  virtual bool cuts_objects() const { return false; }

  // --- parts of a mini-batch ---
  // Some of its items as a mini-batch of their own. The same range gives the same part. Nothing: its items
  // cannot be told apart before a worker reads them (a packed table). May read the whole mini-batch, in
  // constant memory.
  // Errors: kInvalidArgument (no such items), kCorrupt, kConflict (a file has changed since it was planned),
  // kIo; they name the file.
  virtual Result<std::optional<InputCutter::Piece>> part_of(std::string_view descriptor, ItemRange range,
                                                            const std::string& root) const = 0;

  // --- objects of a store ---
  // What has to be on this machine before a worker process reads the mini-batch; empty: nothing. Errors:
  // kCorrupt.
  virtual Result<std::vector<StoredObject>> objects_to_fetch(std::string_view descriptor) const;
  // The descriptor for the worker process, with these objects at `paths`, in their order and below the
  // input's directory. Precondition: objects_to_fetch() gave as many.
  virtual std::string localized(std::string_view descriptor, const std::vector<std::string>& paths) const;
  // The same two of a sample; an object stands there once, however many of its pieces are in the sample.
  Result<std::vector<StoredObject>> sample_objects(std::string_view sample) const;
  std::string localized_sample(std::string_view sample, const std::vector<std::string>& paths) const;

  // --- column types ---
  // Whether the types of columns are one decision for the whole input, made from a sample before its first
  // mini-batch is handed out.
  virtual bool infers_types() const { return false; }
  // A sample spread over the objects, in constant memory; nothing: there is no record. Errors: the listing's.
  virtual Result<std::optional<Sample>> sample(Listing& listing, const std::string& root) const;

  // --- partition keys ---
  // Reads records and the values of columns; null: records of this format have no bytes of their own, and its
  // rows are grouped as those of Parquet files (table_groups.h). `files` must outlive it.
  virtual std::unique_ptr<RecordFields> record_fields(TableFiles& files) const;
  // Where the tables are read from that are grouped. `root`: as in CutterOptions.
  virtual TableSource tables(const std::string& root) const;

  // --- what users and workers are told ---
  // Members that name the items of a mini-batch in failed_items.jsonl: "files", or "file", "firstRow", ...
  virtual nlohmann::ordered_json items_of(std::string_view descriptor, const std::string& root) const = 0;
  // Members of the input's entry in the configuration of worker processes beside name, kind and directory.
  virtual void tell_worker(nlohmann::json& entry) const;

 protected:
  // Errors: kInvalidArgument, where a mini-batch of `items` has no such items, or the range is empty.
  static Status check_range(ItemRange range, std::uint64_t items);
};

// Adds objects to those of the same mini-batch or sample: parts of one object that follow each other become
// one entry.
void add_objects(std::vector<StoredObject>& objects, std::vector<StoredObject> more);

// The format of an input. With partition keys: one whose mini-batches are all items of the same values.
std::unique_ptr<InputFormat> open_format(const Input& input,
                                         const std::vector<std::string>& partition_keys = {});

// The descriptor of a kInferTypes lease: u32 count | count x bytes descriptor.
std::string encode_sample(const std::vector<std::string>& descriptors);

// Below the output directory: where the grouped records of an input lie. Ends in '/'.
std::string groups_directory(const std::string& output_directory, std::size_t input);

}  // namespace parallelrun
