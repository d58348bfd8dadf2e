#include "runner/plan/planner.h"

#include <algorithm>
#include <utility>

#include "runner/plan/csv_header.h"

namespace parallelrun {
namespace {

// A descriptor must fit into one frame to the worker, and memory.
constexpr std::size_t kMostDescriptorBytes = 256U << 20U;

Error beside(const Input& input, const Error& error) {
  return Error{error.code, "input '" + input.name + "': " + error.message, error.retryable};
}

}  // namespace

std::string glob_of(const Input& input) {
  if (!input.glob.empty() || input.type != InputType::kTabular) return input.glob;
  return "**/*.[cC][sS][vV]{,.[gG][zZ]}";
}

Planner::Options Planner::options_for(const JobSpec& spec,
                                      std::map<std::string, std::string> input_directories,
                                      std::string output_directory) {
  return Options{spec.inputs, std::move(input_directories), spec.mini_batch_size,
                 std::move(output_directory)};
}

Result<std::unique_ptr<Planner>> Planner::create(Options options, const std::optional<MiniBatch>& last) {
  std::unique_ptr<Planner> planner(new Planner(std::move(options)));
  Options& own = planner->options_;
  own.mini_batch_size = std::max<std::uint64_t>(own.mini_batch_size, 1);
  if (!own.output_directory.empty()) planner->output_ = identity_of(own.output_directory);
  // Trouble with the last input shall not wait until the others are done.
  for (const Input& input : own.inputs) {
    if (!own.directories.contains(input.name)) {
      return Error{ErrorCode::kInvalidArgument, "input '" + input.name + "' has no directory"};
    }
    if (Result<FileWalk> walk = FileWalk::open(planner->walk_options(input)); !walk) {
      return beside(input, walk.error());
    }
  }
  if (last) {
    if (Status resumed = planner->resume(*last); !resumed) return resumed.error();
  }
  return planner;
}

FileWalk::Options Planner::walk_options(const Input& input) const {
  FileWalk::Options walk{options_.directories.at(input.name), glob_of(input), output_, {}};
  walk.count_others = input.glob.empty() && input.type == InputType::kTabular;
  return walk;
}

Status Planner::begin_input(std::string start_after) {
  const Input& input = options_.inputs[input_];
  FileWalk::Options walk_from = walk_options(input);
  input_partly_ = !start_after.empty();
  walk_from.start_after = std::move(start_after);
  passed_.clear();
  table_.clear();
  first_header_.clear();
  walk_from.passed = &passed_;
  Result<FileWalk> walk = FileWalk::open(std::move(walk_from));
  if (!walk) return in_input(walk.error());
  walk_.emplace(std::move(*walk));
  cutter_.reset();
  if (input.type == InputType::kTabular) {
    cutter_.emplace(CsvCutter::Options{CsvFormat{input.delimiter, input.encoding}, options_.mini_batch_size});
  }
  input_begun_ = true;
  input_files_ = 0;
  input_has_mini_batches_ = false;
  return {};
}

Status Planner::resume(const MiniBatch& last) {
  const Error misfit{ErrorCode::kCorrupt,
                     "the last mini-batch of the stored plan does not fit the job's inputs"};
  if (last.input >= options_.inputs.size()) return misfit;
  input_ = last.input;
  next_id_ = last.id.value + 1;
  const Input& input = options_.inputs[input_];
  const bool tabular = input.type == InputType::kTabular;

  CsvSlice slice;
  std::string path;
  if (tabular) {
    Result<CsvSlice> decoded = decode_csv_slice(last.descriptor);
    if (!decoded) return decoded.error();
    slice = std::move(*decoded);
    path = slice.path;
  } else {
    Result<FileSet> decoded = decode_file_set(last.descriptor);
    if (!decoded) return decoded.error();
    path = decoded->groups.back().directory + decoded->groups.back().names.back();
  }
  const std::string root = FileWalk::root_of(options_.directories.at(input.name));
  if (!path.starts_with(root)) return misfit;
  if (Status begun = begin_input(path.substr(root.size())); !begun) return begun;
  input_has_mini_batches_ = true;
  if (tabular) {
    first_header_ = slice.header;
    cutter_->resume_after(slice);
  }
  return {};
}

MiniBatch Planner::make(std::uint64_t items, std::string descriptor) {
  input_has_mini_batches_ = true;
  return MiniBatch{MiniBatchId{next_id_++}, static_cast<std::uint32_t>(input_), items, std::move(descriptor)};
}

Error Planner::in_input(const Error& error) const { return beside(options_.inputs[input_], error); }

Error Planner::nothing_found(const Input& input) const {
  const FileWalk::Options walk = walk_options(input);
  std::string what = "'" + walk.root + "' has no file";
  if (!input.glob.empty()) {
    what += " that matches the glob '" + walk.glob + "'";
  } else if (walk.count_others) {
    what += " that ends in .csv or .csv.gz";
  }
  if (input_files_ > 0)
    what = input_files_ == 1 ? "the only file in '" + walk.root + "' has only a header and no record"
                             : "the " + std::to_string(input_files_) + " files in '" + walk.root +
                                   "' have only headers and no record";
  const std::vector<PassedOver> passed = passed_.of_input(static_cast<std::uint32_t>(input_), false);
  for (const PassedOver& one : passed) what += (&one == passed.data() ? " (" : "; ") + words_of(one);
  if (!passed.empty()) what += ")";
  return beside(
      input,
      Error{ErrorCode::kNotFound,
            what + "; check the directory and the input's glob (names that begin with a dot are left out)"});
}

Result<std::optional<MiniBatch>> Planner::next() {
  while (input_ < options_.inputs.size()) {
    if (!input_begun_) {
      if (Status begun = begin_input({}); !begun) return begun.error();
    }
    Result<std::optional<MiniBatch>> found = cutter_ ? next_slice() : next_files();
    if (!found || *found) return found;
    if (!input_has_mini_batches_) return nothing_found(options_.inputs[input_]);
    for (PassedOver& passed : passed_.of_input(static_cast<std::uint32_t>(input_), input_partly_))
      passed_over_.push_back(std::move(passed));
    ++input_;
    input_begun_ = false;
    walk_.reset();
  }
  return std::optional<MiniBatch>();
}

Result<std::optional<MiniBatch>> Planner::next_files() {
  while (files_.files() < options_.mini_batch_size) {
    Result<std::optional<FileWalk::File>> file = walk_->next();
    if (!file) return in_input(file.error());
    if (!*file) break;
    ++input_files_;
    files_.add((*file)->directory, (*file)->name);
    if (files_.bytes() > kMostDescriptorBytes) {
      return in_input(
          Error{ErrorCode::kInvalidArgument,
                "the paths of " + std::to_string(options_.mini_batch_size) +
                    " files do not fit into one mini-batch (256 MiB); set a smaller miniBatchSize"});
    }
  }
  const std::uint64_t files = files_.files();
  if (files == 0) return std::optional<MiniBatch>();
  return std::optional<MiniBatch>(make(files, files_.take()));
}

// Of files that come whole the worker alone knows it.
void Planner::compare_header(const CsvSlice& slice) {
  if (slice.header.empty()) return;
  if (first_header_.empty()) {
    first_header_ = slice.header;
    return;
  }
  const HeaderMatch match = compare_headers(first_header_, slice.header, options_.inputs[input_].delimiter);
  if (match == HeaderMatch::kOtherOrder) passed_.add(PassedKind::kOtherColumnOrder, table_);
  if (match == HeaderMatch::kOtherColumns) passed_.add(PassedKind::kOtherColumns, table_);
}

Result<std::optional<MiniBatch>> Planner::next_slice() {
  while (true) {
    if (std::optional<CsvSlice> slice = cutter_->next()) {
      if (slice->first_row == 1) compare_header(*slice);
      return std::optional<MiniBatch>(make(slice->records, encode(*slice)));
    }
    const auto without = cutter_->without_records();
    if (without && !table_.empty()) passed_.add(*without, table_);
    table_.clear();
    Result<std::optional<FileWalk::File>> file = walk_->next();
    if (!file) return in_input(file.error());
    if (!*file) return std::optional<MiniBatch>();
    ++input_files_;
    table_ = (*file)->relative_path();
    cutter_->start((*file)->path());
  }
}

}  // namespace parallelrun
