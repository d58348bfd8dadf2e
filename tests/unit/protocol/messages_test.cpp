// Codecs: what is encoded comes back, and bytes from a stranger never do more than fail.
#include "runner/protocol/messages.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <random>

#include "runner/protocol/message_fields.h"

namespace parallelrun {
namespace {

class Samples {
 public:
  explicit Samples(std::uint64_t seed) : random_(seed) {}

  std::uint64_t number() { return random_() >> (random_() % 64); }
  std::uint32_t small(std::uint32_t below) { return static_cast<std::uint32_t>(random_() % below); }
  bool coin() { return (random_() & 1U) != 0; }
  std::string text(std::uint32_t below = 40) {
    std::string out(small(below), '\0');
    for (char& c : out) c = static_cast<char>(random_());
    return out;
  }
  template <typename Enum>
  Enum any(Enum last) {
    return static_cast<Enum>(small(static_cast<std::uint32_t>(last) + 1));
  }
  ScriptError error() { return {any(ErrorPhase::kShutdown), text(), text(), text(200)}; }

  RegisterRequest register_request() {
    return {kProtocolVersion, text(), text(), small(64), text(), text(), text()};
  }
  RegisterReply register_reply() {
    return {number(), number(), std::chrono::milliseconds(small(100'000)),
            std::chrono::milliseconds(small(100'000)), text(500)};
  }
  LeaseRequest lease_request() { return {number(), number(), small(1000)}; }
  LeaseReply lease_reply() {
    LeaseReply m;
    m.directive = any(Directive::kAbort);
    for (std::uint32_t i = small(4); i > 0; --i) m.input_infos.push_back({small(5), text()});
    for (std::uint32_t i = small(6); i > 0; --i) {
      m.leases.push_back({any(LeaseKind::kInferTypes),
                          number(),
                          number(),
                          {{number()}, small(9)},
                          small(9),
                          number(),
                          small(4),
                          coin(),
                          text(90)});
    }
    for (std::uint32_t i = small(4); i > 0; --i) m.revoked.push_back(number());
    return m;
  }
  ReportRequest report_request() {
    ReportRequest m;
    m.session = number();
    m.sequence = number();
    for (std::uint32_t i = small(5); i > 0; --i) {
      m.results.push_back({any(LeaseKind::kInferTypes),
                           number(),
                           number(),
                           {{number()}, small(9)},
                           any(Outcome::kUndecided),
                           number(),
                           number(),
                           text(300),
                           error(),
                           text(),
                           number(),
                           static_cast<std::int64_t>(random_()),
                           number(),
                           number(),
                           number()});
    }
    for (std::uint32_t i = small(4); i > 0; --i) m.logs.push_back({text(), text(300)});
    for (std::uint32_t i = small(3); i > 0; --i) m.failures.push_back({text(), number(), error(), coin()});
    m.processes_ready = small(9);
    m.inits_succeeded = small(9);
    m.slots_given_up = small(9);
    m.leaving = coin();
    for (std::uint32_t i = small(4); i > 0; --i) m.inside.push_back(number());
    return m;
  }
  ReportReply report_reply() { return {any(Directive::kAbort)}; }

  std::mt19937_64& random() { return random_; }

 private:
  std::mt19937_64 random_;
};

// The six messages as one table: how to make one, and how to decode and encode it again.
struct Codec {
  const char* name;
  std::function<std::string(Samples&)> sample;
  std::function<Result<std::string>(std::string_view)> again;
};

template <typename Message>
std::function<Result<std::string>(std::string_view)> again(Result<Message> (*decode)(std::string_view)) {
  return [decode](std::string_view body) -> Result<std::string> {
    Result<Message> m = decode(body);
    if (!m) return m.error();
    return encode(*m);
  };
}

std::vector<Codec> codecs() {
  return {
      {"RegisterRequest", [](Samples& s) { return encode(s.register_request()); },
       again(&decode_register_request)},
      {"RegisterReply", [](Samples& s) { return encode(s.register_reply()); }, again(&decode_register_reply)},
      {"LeaseRequest", [](Samples& s) { return encode(s.lease_request()); }, again(&decode_lease_request)},
      {"LeaseReply", [](Samples& s) { return encode(s.lease_reply()); }, again(&decode_lease_reply)},
      {"ReportRequest", [](Samples& s) { return encode(s.report_request()); }, again(&decode_report_request)},
      {"ReportReply", [](Samples& s) { return encode(s.report_reply()); }, again(&decode_report_reply)},
  };
}

std::uint64_t seed() {
  const char* given = std::getenv("PARALLELRUN_TEST_SEED");
  return given == nullptr ? 20240611 : std::strtoull(given, nullptr, 10);
}

// Stands for a value of any type, so that the members of an aggregate can be counted.
struct AnyValue {
  template <typename T>
  operator T() const;  // NOLINT(google-explicit-constructor)
};

template <typename T, typename... Values>
constexpr std::size_t members() {
  if constexpr (requires { T{Values{}..., AnyValue{}}; }) {
    return members<T, Values..., AnyValue>();
  } else {
    return sizeof...(Values);
  }
}

// Counts the fields of the list, not those of their parts.
struct FieldCount {
  std::size_t count = 0;
  void operator()(const auto& /*field*/) { ++count; }
};

template <typename T>
void expect_every_member(const char* name) {
  FieldCount listed;
  fields(listed, static_cast<const T&>(T{}));
  EXPECT_EQ(listed.count, members<T>()) << name << ": a member is missing in message_fields.h";
}

// What is not in the list would be sent by nobody and missed by nobody.
TEST(Messages, EveryMemberIsInTheListOfFields) {
  expect_every_member<RegisterRequest>("RegisterRequest");
  expect_every_member<RegisterReply>("RegisterReply");
  expect_every_member<WorkId>("WorkId");
  expect_every_member<InputInfo>("InputInfo");
  expect_every_member<Lease>("Lease");
  expect_every_member<LeaseRequest>("LeaseRequest");
  expect_every_member<LeaseReply>("LeaseReply");
  expect_every_member<ScriptError>("ScriptError");
  expect_every_member<AttemptResult>("AttemptResult");
  expect_every_member<LogChunk>("LogChunk");
  expect_every_member<ProcessFailure>("ProcessFailure");
  expect_every_member<ReportRequest>("ReportRequest");
  expect_every_member<ReportReply>("ReportReply");
}

TEST(Messages, EveryFieldComesBack) {
  const AttemptResult sent{LeaseKind::kRun,
                           7,
                           77,
                           {{8}, 3},
                           Outcome::kDied,
                           10,
                           9,
                           "a\nb\n",
                           {ErrorPhase::kRun, "ValueError", "bad", "Traceback"},
                           "process001",
                           4242,
                           -5,
                           11,
                           12,
                           13};
  ReportRequest request;
  request.session = 1;
  request.sequence = 2;
  request.results = {sent};
  request.logs = {{"user/stdout/127.0.0.1/process001.stdout.txt", std::string("\0x", 2)}};
  request.failures = {{"process000", 17, {ErrorPhase::kInit, "OSError", "no", ""}, true}};
  request.processes_ready = 3;
  request.inits_succeeded = 4;
  request.slots_given_up = 5;
  request.leaving = true;
  request.inside = {7, 9};
  const auto got = decode_report_request(encode(request));
  ASSERT_TRUE(got.ok());
  const ReportRequest& m = got.value();
  EXPECT_EQ(m.session, 1U);
  EXPECT_EQ(m.sequence, 2U);
  ASSERT_EQ(m.results.size(), 1U);
  const AttemptResult& r = m.results[0];
  EXPECT_EQ(r.attempt, 7U);
  EXPECT_EQ(r.seal, 77U);
  EXPECT_EQ(r.work, (WorkId{{8}, 3}));
  EXPECT_EQ(r.outcome, Outcome::kDied);
  EXPECT_EQ(r.items, 10U);
  EXPECT_EQ(r.returned, 9U);
  EXPECT_EQ(r.rows, "a\nb\n");
  EXPECT_EQ(r.error.phase, ErrorPhase::kRun);
  EXPECT_EQ(r.error.type, "ValueError");
  EXPECT_EQ(r.error.message, "bad");
  EXPECT_EQ(r.error.traceback, "Traceback");
  EXPECT_EQ(r.process, "process001");
  EXPECT_EQ(r.pid, 4242U);
  EXPECT_EQ(r.started_unix_us, -5);
  EXPECT_EQ(r.duration_us, 11U);
  EXPECT_EQ(r.process_time_us, 12U);
  EXPECT_EQ(r.run_us, 13U);
  ASSERT_EQ(m.logs.size(), 1U);
  EXPECT_EQ(m.logs[0].bytes, std::string("\0x", 2));
  ASSERT_EQ(m.failures.size(), 1U);
  EXPECT_EQ(m.failures[0].pid, 17U);
  EXPECT_TRUE(m.failures[0].fatal);
  EXPECT_EQ(m.processes_ready, 3U);
  EXPECT_EQ(m.inits_succeeded, 4U);
  EXPECT_EQ(m.slots_given_up, 5U);
  EXPECT_TRUE(m.leaving);
  EXPECT_EQ(m.inside, (std::vector<std::uint64_t>{7, 9}));
}

TEST(Messages, RandomMessagesRoundTrip) {
  Samples samples(seed());
  for (const Codec& codec : codecs()) {
    for (int i = 0; i < 500; ++i) {
      const std::string body = codec.sample(samples);
      const auto got = codec.again(body);
      ASSERT_TRUE(got.ok()) << codec.name << " seed " << seed() << ": " << got.error().message;
      ASSERT_EQ(got.value(), body) << codec.name << " seed " << seed();
    }
  }
}

TEST(Messages, EveryTruncationAndEveryExtraByteIsRefused) {
  Samples samples(seed() + 1);
  for (const Codec& codec : codecs()) {
    for (int i = 0; i < 20; ++i) {
      const std::string body = codec.sample(samples);
      for (std::size_t size = 0; size < body.size(); ++size) {
        ASSERT_FALSE(codec.again(std::string_view(body).substr(0, size)).ok())
            << codec.name << " cut to " << size;
      }
      ASSERT_FALSE(codec.again(body + '\0').ok()) << codec.name;
    }
  }
}

// What decodes after damage must be a message that an encoder could have written: it encodes to the
// damaged bytes.
TEST(Messages, MutatedBytesNeverDoMoreThanFail) {
  Samples samples(seed() + 2);
  auto& random = samples.random();
  for (const Codec& codec : codecs()) {
    for (int i = 0; i < 20'000; ++i) {
      std::string body = codec.sample(samples);
      for (std::uint32_t n = 1 + samples.small(4); n > 0 && !body.empty(); --n) {
        const std::size_t at = random() % body.size();
        switch (samples.small(4)) {
          case 0:
            body[at] = static_cast<char>(random());
            break;
          case 1:
            body[at] = static_cast<char>(0xff);
            break;
          case 2:
            body.erase(at, 1 + samples.small(8));
            break;
          default:
            body.insert(at, samples.text(9));
            break;
        }
      }
      const auto got = codec.again(body);
      if (got.ok()) {
        ASSERT_EQ(got.value(), body) << codec.name << " seed " << seed();
      } else {
        ASSERT_FALSE(got.error().message.empty());
      }
    }
  }
}

TEST(Messages, ForgedCountReservesNothing) {
  std::string body(16, '\0');                  // session, sequence
  body += std::string("\xff\xff\xff\x7f", 4);  // two billion results
  const auto got = decode_report_request(body);
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().code, ErrorCode::kCorrupt);
}

TEST(Messages, EnumsAndFlagsOutOfRangeAreRefused) {
  EXPECT_TRUE(decode_report_reply(std::string(1, 2)).ok());
  EXPECT_FALSE(decode_report_reply(std::string(1, 3)).ok());
  ReportRequest request;
  std::string body = encode(request);
  body[body.size() - 5] = 2;  // `leaving`
  EXPECT_FALSE(decode_report_request(body).ok());
}

TEST(Messages, AnotherVersionIsToldApartFromGarbage) {
  RegisterRequest request;
  request.protocol = kProtocolVersion + 1;
  const auto got = decode_register_request(encode(request) + "fields of the future");
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(got.error().message.find("version " + std::to_string(request.protocol)), std::string::npos)
      << got.error().message;
}

}  // namespace
}  // namespace parallelrun
