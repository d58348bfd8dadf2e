// Inputs that lie in a store: their listing, from a data process that the test plays, and their descriptors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>
#include <thread>

#include "common/json/json.h"
#include "common/posix/file_descriptor.h"
#include "runner/input/file_set.h"
#include "runner/input/input_listing.h"
#include "runner/input/planner.h"
#include "tests/unit/files/temporary_directory.h"

namespace parallelrun {
namespace {

using nlohmann::json;
using test::TemporaryDirectory;

std::string frame(const json& message) {
  const std::string body = message.dump();
  std::string out;
  for (std::size_t i = 0; i < 4; ++i) out.push_back(static_cast<char>(body.size() >> (8 * i)));
  return out + body;
}

// Answers each connection with the next of `answers`, and closes it.
class DataProcess {
 public:
  DataProcess(std::string socket, std::vector<std::string> answers) : answers_(std::move(answers)) {
    listening_ = FileDescriptor(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, socket.c_str(), socket.size() + 1);
    EXPECT_EQ(::bind(listening_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listening_.get(), 8), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~DataProcess() { thread_.join(); }

  std::vector<json> requests;

 private:
  void serve() {
    for (const std::string& answer : answers_) {
      const FileDescriptor one(::accept(listening_.get(), nullptr, nullptr));
      std::array<char, 4> head{};
      if (::recv(one.get(), head.data(), 4, MSG_WAITALL) != 4) continue;
      std::uint32_t size = 0;
      std::memcpy(&size, head.data(), 4);
      std::string body(size, '\0');
      ::recv(one.get(), body.data(), size, MSG_WAITALL);
      requests.push_back(json::parse(body));
      ::send(one.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    }
  }

  std::vector<std::string> answers_;
  FileDescriptor listening_;
  std::thread thread_;
};

Input stored_input(const std::string& glob = {}) {
  Input input;
  input.name = "images";
  input.source.store = {{"s3", {{"bucket", "b"}, {"prefix", "mnist/"}}}};
  input.glob = glob;
  return input;
}

json object(const std::string& name, int size = 1, const std::string& version = "\"v\"") {
  return {name, size, version};
}

Planner::Options options(const std::string& socket, const Input& input, std::uint64_t size) {
  Planner::Options options;
  options.inputs = {input};
  options.directories = {{"images", "/cache/images"}};
  options.mini_batch_size = size;
  options.data_socket = socket;
  return options;
}

TEST(StoreListing, GoesOnWhereAConnectionWasLost) {
  const TemporaryDirectory folder;
  const std::string socket = (folder.path() / "s").string();
  DataProcess process(socket,
                      {frame({{"id", 1}, {"objects", {object("a/1"), object("a/2")}}}) + "\x05",
                       frame({{"id", 1}, {"objects", {object("b")}}}) + frame({{"id", 1}, {"end", true}})});
  PassedCounts passed;
  const Input input = stored_input();
  auto listing = open_listing(input, *open_format(input), {"/cache/images", {}, socket}, {"0", &passed});
  ASSERT_TRUE(listing.ok());
  std::vector<std::string> names;
  while (true) {
    const auto next = (*listing)->next();
    ASSERT_TRUE(next.ok()) << next.error().message;
    if (!*next) break;
    names.push_back((*next)->path());
    EXPECT_EQ((*next)->size, 1u);
    EXPECT_EQ((*next)->version, "\"v\"");
  }
  EXPECT_THAT(names, testing::ElementsAre("a/1", "a/2", "b"));
  EXPECT_EQ(process.requests.at(0)["after"], "0");
  EXPECT_EQ(process.requests.at(1)["after"], "a/2");
  EXPECT_EQ(process.requests.at(1)["input"], "images");
}

TEST(StoreListing, LeavesOutWhatAWalkLeavesOut) {
  const TemporaryDirectory folder;
  const std::string socket = (folder.path() / "s").string();
  DataProcess process(socket,
                      {frame({{"id", 1},
                              {"objects",
                               {object(".a/x.png"), object("__MACOSX/x.png"), object("d/.x.png"),
                                object("d/lost+found/x.png"), object("d/x.png"), object("d/y.jpg")}}}) +
                       frame({{"id", 1}, {"end", true}})});
  const Input input = stored_input("**/*.png");
  auto listing = open_listing(input, *open_format(input), {"/cache/images", {}, socket});
  ASSERT_TRUE(listing.ok());
  const auto first = (*listing)->next();
  ASSERT_TRUE(first.ok() && first->has_value());
  EXPECT_EQ((*first)->folder, "d/");
  EXPECT_EQ((*first)->name, "x.png");
  EXPECT_FALSE((*listing)->next()->has_value());
}

TEST(StoreListing, TellsTheTroubleOfTheStore) {
  const TemporaryDirectory folder;
  const std::string socket = (folder.path() / "s").string();
  DataProcess process(
      socket,
      {frame({{"id", 1}, {"error", {{"kind", "denied"}, {"message", "s3://b refuses the credentials"}}}})});
  const auto planner = Planner::create(options(socket, stored_input(), 2));
  ASSERT_TRUE(planner.ok());
  const auto next = (*planner)->next();
  ASSERT_FALSE(next.ok());
  EXPECT_EQ(next.error().message, "input 'images': s3://b refuses the credentials");
}

TEST(StoreInput, IsPlannedWithSizesAndVersions) {
  const TemporaryDirectory folder;
  const std::string socket = (folder.path() / "s").string();
  DataProcess process(
      socket,
      {frame({{"id", 1},
              {"objects", {object("a", 7, "v1"), json{"d/b", nullptr, ""}, object("d/c", 0, "\xC3\xBC")}}}) +
       frame({{"id", 1}, {"end", true}})});
  const Input input = stored_input();
  const auto format = open_format(input);
  auto planner = Planner::create(options(socket, input, 2));
  ASSERT_TRUE(planner.ok());
  const auto first = (*planner)->next();
  ASSERT_TRUE(first.ok() && first->has_value());
  EXPECT_EQ((*first)->items, 2u);
  const std::string descriptor = (*first)->descriptor;
  EXPECT_THAT(format->objects_to_fetch(descriptor).value(),
              testing::ElementsAre(StoredObject{"a", 7, "v1"}, StoredObject{"d/b", std::nullopt, ""}));
  EXPECT_EQ(format->last_object(descriptor).value(), "d/b");
  const std::string root = shown_root(input, "/cache/images");
  EXPECT_EQ(format->items_of(descriptor, root)["files"], json({"s3://b/mnist/a", "s3://b/mnist/d/b"}));

  // What a worker process gets is a plain set of files, wherever they have been put.
  const auto local = decode_file_set(format->localized(descriptor, {"a", ".other/7/b"}));
  ASSERT_TRUE(local.ok());
  EXPECT_EQ(local->groups.at(1).directory, ".other/7/");
  EXPECT_EQ(format->kind(), DescriptorKind::kFileSet);

  const auto part = format->part_of(descriptor, {1, 2}, root);
  ASSERT_TRUE(part.ok() && part->has_value());
  EXPECT_THAT(format->objects_to_fetch((*part)->descriptor).value(),
              testing::ElementsAre(StoredObject{"d/b", std::nullopt, ""}));
  EXPECT_FALSE(format->part_of(descriptor, {1, 3}, root).ok());

  const auto second = (*planner)->next();
  ASSERT_TRUE(second.ok() && second->has_value());
  EXPECT_EQ((*second)->items, 1u);
  EXPECT_FALSE((*planner)->next()->has_value());
}

TEST(StoreInput, DescriptorsThatAreNoneAreRefused) {
  const auto format = open_format(stored_input());
  const std::string sound = [] {
    std::string out("\x06", 1);
    const std::string files = encode(FileSet{{{"", {"a"}}}});
    out += std::string({static_cast<char>(files.size()), 0, 0, 0}) + files;
    out += std::string({1, 0, 0, 0, 1, 9, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 'v'});
    return out;
  }();
  ASSERT_EQ(format->objects_to_fetch(sound).value(), (std::vector<StoredObject>{{"a", 9, "v"}}));
  for (std::size_t size = 0; size < sound.size(); ++size)
    EXPECT_FALSE(format->objects_to_fetch(sound.substr(0, size)).ok()) << size;
  EXPECT_FALSE(format->objects_to_fetch(sound + "x").ok());
}

TEST(DataMessages, AnAnswerThatIsNoneIsCorrupt) {
  for (const char* text :
       {"[]", "{}", "{\"id\":1,\"objects\":[[1]]}", "nonsense", "{\"id\":1,\"error\":{}}"}) {
    const std::string body = text;
    std::string buffer{static_cast<char>(body.size()), 0, 0, 0};
    buffer += body;
    const auto answer = next_answer(buffer);
    ASSERT_FALSE(answer.ok()) << text;
    EXPECT_EQ(answer.error().code, ErrorCode::kCorrupt);
  }
  std::string torn("\x09\0\0\0{\"id\"", 9);
  EXPECT_FALSE(next_answer(torn).value().has_value());
}

// The bytes of an object follow their frame, and the next frame follows them.
TEST(DataMessages, ABodyIsWaitedFor) {
  const std::string head = "{\"id\":7,\"body\":5}";
  const std::string next = "{\"id\":8,\"created\":false}";
  const std::string whole = std::string{static_cast<char>(head.size()), 0, 0, 0} + head +
                            std::string("a\0b\nc", 5) + std::string{static_cast<char>(next.size()), 0, 0, 0} +
                            next;
  std::string buffer;
  std::size_t given = 0;
  for (; given < 4 + head.size() + 4; ++given) {
    buffer += whole[given];
    ASSERT_FALSE(next_answer(buffer).value().has_value()) << given;
  }
  buffer += whole.substr(given);
  const auto first = next_answer(buffer).value();
  ASSERT_TRUE(first && first->body);
  EXPECT_EQ(*first->body, std::string("a\0b\nc", 5));
  const auto second = next_answer(buffer).value();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->id, 8U);
  EXPECT_EQ(second->created, std::optional<bool>(false));
  EXPECT_TRUE(buffer.empty());
}

}  // namespace
}  // namespace parallelrun
