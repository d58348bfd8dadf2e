// Tables in a store are cut as files are. The data process is played: it gives of each object what was asked
// for, and zeros elsewhere.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <thread>
#include <tuple>

#include "common/json/json.h"
#include "common/posix/file_descriptor.h"
#include "runner/input/input_listing.h"
#include "runner/input/planner.h"
#include "runner/store/data_connection.h"
#include "tests/unit/files/temporary_directory.h"

namespace parallelrun {
namespace {

using nlohmann::json;
using test::TemporaryDirectory;

// Serves the files of a directory, with "v" as the version of each.
class Store {
 public:
  Store(const TemporaryDirectory& folder, std::vector<std::string> names)
      : folder_(folder), names_(std::move(names)), socket_(folder / "socket") {
    listening_ = FileDescriptor(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, socket_.c_str(), socket_.size() + 1);
    EXPECT_EQ(::bind(listening_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listening_.get(), 8), 0);
    ::setenv(kDataSocketVariable, socket_.c_str(), 1);
    std::filesystem::create_directories(folder / "cache");
    thread_ = std::thread([this] { serve(); });
  }
  ~Store() {
    ::unsetenv(kDataSocketVariable);
    ::shutdown(listening_.get(), SHUT_RDWR);
    thread_.join();
    for (std::thread& one : connections_) one.join();
  }

  std::atomic<int> answers_to_a_connection{1 << 20};
  std::atomic<bool> busy{false};  // nothing is fetched ahead
  std::map<std::string, json> errors;
  std::atomic<std::uint64_t> bytes{0};

  Planner::Options options(const Input& input) const {
    Planner::Options options;
    options.inputs = {input};
    options.directories = {{"table", folder_ / "cache"}};
    options.mini_batch_size = 50'000;
    options.data_socket = socket_;
    return options;
  }

 private:
  void serve() {
    while (true) {
      FileDescriptor one(::accept(listening_.get(), nullptr, nullptr));
      if (!one) return;
      connections_.emplace_back([this, fd = std::move(one)] { answer(fd.get()); });
    }
  }

  void answer(int fd) {
    for (int answers = 0; answers < answers_to_a_connection;) {
      std::uint32_t size = 0;
      if (::recv(fd, &size, sizeof size, MSG_WAITALL) != sizeof size) return;
      std::string body(size, '\0');
      if (::recv(fd, body.data(), size, MSG_WAITALL) != static_cast<ssize_t>(size)) return;
      const json request = json::parse(body);
      json reply;
      if (request["op"] == "list") {
        reply = listing(request["after"]);
      } else if (request["op"] == "fetch") {
        reply = fetched(request);
        ++answers;
      } else {
        continue;
      }
      reply["id"] = request["id"];
      send(fd, reply);
      if (request["op"] == "list") send(fd, {{"id", request["id"]}, {"end", true}});
    }
  }

  static void send(int fd, const json& message) {
    const std::string body = message.dump();
    const auto size = static_cast<std::uint32_t>(body.size());
    ::send(fd, &size, sizeof size, MSG_NOSIGNAL);
    ::send(fd, body.data(), body.size(), MSG_NOSIGNAL);
  }

  json listing(const std::string& after) const {
    json objects = json::array();
    for (const std::string& name : names_) {
      if (name > after) objects.push_back({name, folder_.read("in/" + name).size(), "\"v\""});
    }
    return {{"objects", objects}};
  }

  json fetched(const json& request) {
    if (busy && request.value("ahead", false)) return {{"error", {{"kind", "busy"}, {"message", "no room"}}}};
    const json& object = request["objects"][0];
    const std::string name = object[0];
    if (const auto error = errors.find(name); error != errors.end()) return {{"error", error->second}};
    const std::string content = folder_.read("in/" + name);
    const std::string path = folder_ / ("cache/" + name);
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    const FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT, 0600));
    EXPECT_EQ(::ftruncate(file.get(), static_cast<off_t>(content.size())), 0);
    for (const json& range : object[3]) {
      const std::size_t begin = range[0];
      const std::size_t size = range[1].get<std::size_t>() - begin;
      bytes += size;
      EXPECT_EQ(::pwrite(file.get(), content.data() + begin, size, static_cast<off_t>(begin)),
                static_cast<ssize_t>(size));
    }
    return {{"paths", {name}}};
  }

  const TemporaryDirectory& folder_;
  std::vector<std::string> names_;
  std::string socket_;
  FileDescriptor listening_;
  std::thread thread_;
  std::vector<std::thread> connections_;
};

Input table(DataFormat format, bool stored) {
  Input input;
  input.name = "table";
  input.type = InputType::kTabular;
  input.format = format;
  if (stored) input.source.store = {{"s3", {{"bucket", "b"}}}};
  return input;
}

std::vector<MiniBatch> all_of(Planner& planner) {
  std::vector<MiniBatch> all;
  while (true) {
    const auto next = planner.next();
    EXPECT_TRUE(next.ok()) << next.error().message;
    if (!next.ok() || !*next) return all;
    all.push_back(**next);
  }
}

using Facts = std::vector<std::tuple<std::uint64_t, std::uint64_t, std::string>>;
Facts facts(const std::vector<MiniBatch>& all) {
  Facts out;
  for (const MiniBatch& one : all) out.emplace_back(one.id.value, one.items, one.descriptor);
  return out;
}

// As an agent gives them to a worker process.
Facts localized(const Input& input, std::vector<MiniBatch> stored) {
  const auto format = open_format(input);
  for (MiniBatch& one : stored) {
    const auto objects = format->objects_to_fetch(one.descriptor);
    EXPECT_TRUE(objects.ok());
    EXPECT_EQ(objects->front().version, "\"v\"");
    one.descriptor = format->localized(one.descriptor, {objects->front().name});
  }
  return facts(stored);
}

class StoreTable : public testing::TestWithParam<DataFormat> {
 protected:
  StoreTable() {
    std::string records = GetParam() == DataFormat::kCsv ? "id,text\n" : "";
    for (int i = 0; records.size() < 5'000'000; ++i) records += record(i);
    folder_.write("in/a." + ending(), records);
    folder_.write("in/b/one." + ending(), records.substr(0, records.find('\n', 200) + 1));
    folder_.write("in/b/packed." + ending() + ".gz", "\x1f\x8b\x08" + records.substr(1'000, 300'000));
    folder_.write("in/c." + ending(), "");
    names_ = {"a." + ending(), "b/one." + ending(), "b/packed." + ending() + ".gz", "c." + ending()};
  }

  static std::string ending() { return GetParam() == DataFormat::kCsv ? "csv" : "jsonl"; }
  static std::string record(int i) {
    const std::string number = std::to_string(i);
    if (GetParam() == DataFormat::kCsv) return number + ",\"t\n" + number + "\"\n";
    return R"({"id": )" + number + "}\n";
  }

  std::vector<MiniBatch> of_files() const {
    Planner::Options options;
    options.inputs = {table(GetParam(), false)};
    options.directories = {{"table", folder_ / "in"}};
    options.mini_batch_size = 50'000;
    return all_of(**Planner::create(options));
  }

  TemporaryDirectory folder_;
  std::vector<std::string> names_;
  const Input input_ = table(GetParam(), true);
};

TEST_P(StoreTable, IsCutAsFilesAre) {
  Store store(folder_, names_);
  const auto planner = Planner::create(store.options(input_));
  ASSERT_TRUE(planner.ok());
  const std::vector<MiniBatch> stored = all_of(**planner);
  EXPECT_GT(stored.size(), 90u);
  EXPECT_EQ(localized(input_, stored), facts(of_files()));
  // Each byte once, and of the packed one its ends.
  EXPECT_LT(store.bytes, 5'000'000u + 400'000u);

  const auto format = open_format(input_);
  const auto objects = format->objects_to_fetch(stored[1].descriptor);
  ASSERT_TRUE(objects.ok());
  ASSERT_EQ(objects->front().ranges->size(), 1u);
  EXPECT_LT(objects->front().ranges->front().length, 51'000u);
}

TEST_P(StoreTable, GoesOnBehindAnyMiniBatch) {
  Store store(folder_, names_);
  const std::vector<MiniBatch> all = all_of(**Planner::create(store.options(input_)));
  for (const std::size_t done : {std::size_t{1}, all.size() / 2, all.size() - 2, all.size() - 1}) {
    const auto planner = Planner::create(store.options(input_), all[done - 1]);
    ASSERT_TRUE(planner.ok()) << planner.error().message;
    EXPECT_EQ(facts(all_of(**planner)), facts({all.begin() + static_cast<std::ptrdiff_t>(done), all.end()}));
  }
}

TEST_P(StoreTable, LostConnectionsAndAFullCacheChangeNothing) {
  Store store(folder_, names_);
  store.answers_to_a_connection = 3;
  EXPECT_EQ(localized(input_, all_of(**Planner::create(store.options(input_)))), facts(of_files()));
  store.busy = true;
  EXPECT_EQ(localized(input_, all_of(**Planner::create(store.options(input_)))), facts(of_files()));
}

TEST_P(StoreTable, AnObjectThatChangesIsOneMiniBatchThatFails) {
  Store store(folder_, names_);
  store.errors["b/one." + ending()] = {{"kind", "changed"}, {"message", "it has changed"}};
  std::vector<MiniBatch> stored = all_of(**Planner::create(store.options(input_)));
  std::vector<MiniBatch> files = of_files();
  ASSERT_EQ(stored.size(), files.size());
  EXPECT_EQ(stored[stored.size() - 2].items, 1u);
}

TEST_P(StoreTable, AStoreThatCannotBeReadEndsPlanning) {
  Store store(folder_, names_);
  store.errors["b/one." + ending()] = {{"kind", "denied"}, {"message", "it refuses the credentials"}};
  const auto planner = Planner::create(store.options(input_));
  Result<std::optional<MiniBatch>> next = (*planner)->next();
  while (next.ok() && *next) next = (*planner)->next();
  ASSERT_FALSE(next.ok());
  EXPECT_EQ(next.error().message, "input 'table': it refuses the credentials");
}

TEST_P(StoreTable, TheSampleIsThatOfFiles) {
  Store store(folder_, names_);
  const Input files = table(GetParam(), false);
  const auto format = open_format(input_);
  const auto file_format = open_format(files);
  const std::string cache = folder_ / "cache/";
  const auto stored_listing = open_listing(input_, *format, {cache, {}, data_socket()});
  const auto listing = open_listing(files, *file_format, {folder_ / "in", {}});
  const auto sample = format->sample(**stored_listing, cache);
  const auto of_files = file_format->sample(**listing, folder_ / "in/");
  ASSERT_TRUE(sample.ok() && sample->has_value()) << sample.error().message;
  ASSERT_TRUE(of_files.ok() && of_files->has_value());
  const auto objects = format->sample_objects((*sample)->descriptor);
  ASSERT_TRUE(objects.ok()) << objects.error().message;
  std::vector<std::string> paths;
  for (const StoredObject& object : *objects) paths.push_back(object.name);
  EXPECT_EQ(paths.size(), 3u);
  EXPECT_EQ(format->localized_sample((*sample)->descriptor, paths), (*of_files)->descriptor);
}

TEST_P(StoreTable, PartsOfAMiniBatchAreThoseOfFiles) {
  Store store(folder_, names_);
  const std::vector<MiniBatch> stored = all_of(**Planner::create(store.options(input_)));
  const std::vector<MiniBatch> files = of_files();
  const auto format = open_format(input_);
  const auto part = format->part_of(stored[7].descriptor, {3, 9}, folder_ / "cache/");
  const auto expected =
      open_format(table(GetParam(), false))->part_of(files[7].descriptor, {3, 9}, folder_ / "in/");
  ASSERT_TRUE(part.ok() && part->has_value());
  EXPECT_EQ(format->localized((*part)->descriptor, {"a." + ending()}), (*expected)->descriptor);
}

INSTANTIATE_TEST_SUITE_P(Formats, StoreTable, testing::Values(DataFormat::kCsv, DataFormat::kJsonLines));

}  // namespace
}  // namespace parallelrun
