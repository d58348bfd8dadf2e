#include "runner/process/frame_reader.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <string>
#include <thread>

#include "runner/wire/wire.h"

namespace parallelrun::process {
namespace {

using Outcome = FrameReader::Outcome;

std::string frame(channel::Frame kind, std::string_view payload) {
  std::string out;
  wire::Writer writer(out);
  writer.u32(static_cast<std::uint32_t>(payload.size()));
  writer.u8(static_cast<std::uint8_t>(kind));
  out.append(payload);
  return out;
}

class FrameReaderTest : public testing::Test {
 protected:
  FrameReaderTest() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends_.data()), 0); }
  ~FrameReaderTest() override {
    close_peer();
    ::close(ends_[0]);
  }
  FrameReaderTest(const FrameReaderTest&) = delete;
  FrameReaderTest& operator=(const FrameReaderTest&) = delete;

  void send(std::string_view data) {
    while (!data.empty()) {
      const ssize_t sent = ::write(ends_[1], data.data(), data.size());
      ASSERT_GT(sent, 0);
      data.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void close_peer() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }
  int fd() const { return ends_[0]; }

 private:
  std::array<int, 2> ends_{-1, -1};
};

TEST_F(FrameReaderTest, GivesFramesInOrderHoweverTheyWereCut) {
  const std::string stream = frame(channel::Frame::kConfig, "{}") + frame(channel::Frame::kShutdown, "") +
                             frame(channel::Frame::kRun, "payload");
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    FrameReader reader(fd());
    std::string seen;
    const auto take_all = [&] {
      while (const auto next = reader.next()) {
        seen += std::to_string(static_cast<int>(next->kind)) + ":" + std::string(next->payload) + " ";
      }
    };
    for (const std::string_view part :
         {std::string_view(stream).substr(0, cut), std::string_view(stream).substr(cut)}) {
      if (part.empty()) continue;
      send(part);
      ASSERT_EQ(reader.read(true), Outcome::kData);
      take_all();
    }
    EXPECT_EQ(seen, "1:{} 5: 3:payload ") << "cut at " << cut;
  }
}

TEST_F(FrameReaderTest, SaysWhenThereIsNothingAndWhenItIsOver) {
  FrameReader reader(fd());
  EXPECT_EQ(reader.read(false), Outcome::kNothing);
  EXPECT_FALSE(reader.next());
  close_peer();
  EXPECT_EQ(reader.read(true), Outcome::kEnd);
}

TEST_F(FrameReaderTest, TakesALargeFrame) {
  std::string payload(5'000'000, 'a');
  payload.back() = 'z';
  FrameReader reader(fd());
  std::thread writer([&] { send(frame(channel::Frame::kInferTypes, payload)); });
  std::optional<FrameView> got;
  while (!(got = reader.next())) ASSERT_EQ(reader.read(true), Outcome::kData);
  writer.join();
  EXPECT_TRUE(got->payload == payload);
}

TEST_F(FrameReaderTest, RefusesAFrameThatIsTooLarge) {
  std::string header;
  wire::Writer writer(header);
  writer.u32(channel::kMaxFrameBytes + 1);
  writer.u8(3);
  send(header);
  FrameReader reader(fd());
  ASSERT_EQ(reader.read(true), Outcome::kData);
  EXPECT_THROW(reader.next(), std::length_error);
}

}  // namespace
}  // namespace parallelrun::process
