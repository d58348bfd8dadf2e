#include "common/kube/exec_credential.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "start_time.h"
#include "test_certificate.h"
#include "tests/unit/files/temporary_directory.h"

namespace parallelrun::kube {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

const WallTime kWallStart = WallTime(std::chrono::sys_days(std::chrono::year(2026) / 1 / 1));
constexpr const char* kV1 = "client.authentication.k8s.io/v1";

class ExecCredentialTest : public ::testing::Test {
 protected:
  // A program that counts its runs and prints what `answer` holds then.
  ExecPlugin plugin(const json& status) {
    answer(status);
    ExecPlugin result;
    result.origin = "FILE: users[me].user.exec";
    result.api_version = kV1;
    result.command = folder_.write_program(
        "plugin", "echo run >> " + folder_ / "runs" + "\ncat " + folder_ / "answer" + "\n");
    result.environment = {"PATH=/usr/bin:/bin"};
    return result;
  }
  void answer(const json& status, const char* version = kV1) {
    folder_.write("answer",
                  json{{"apiVersion", version}, {"kind", "ExecCredential"}, {"status", status}}.dump());
  }
  ExecCredential::WallClock clock() {
    return [this] { return wall_; };
  }
  std::size_t runs() const {
    const std::string text = folder_.read("runs");
    return text.size() / 4;
  }

  test::TemporaryDirectory folder_;
  WallTime wall_ = kWallStart;
};

TEST_F(ExecCredentialTest, ATokenWithoutAnEndIsKeptUntilItIsRejected) {
  ExecCredential source(plugin({{"token", "first"}}), clock());
  EXPECT_EQ(source.current(kStart)->token, "first");
  answer({{"token", "second"}});
  EXPECT_EQ(source.current(kStart + 1000h)->token, "first");
  EXPECT_EQ(runs(), 1U);
  source.rejected();
  EXPECT_EQ(source.current(kStart)->token, "second");
  EXPECT_EQ(runs(), 2U);
}

TEST_F(ExecCredentialTest, RunsAgainTenSecondsBeforeTheEnd) {
  ExecCredential source(plugin({{"token", "first"}, {"expirationTimestamp", "2026-01-01T00:10:00Z"}}),
                        clock());
  EXPECT_EQ(source.current(kStart)->token, "first");
  answer({{"token", "second"}});
  EXPECT_EQ(source.current(kStart + 10min - 10s - 1ns)->token, "first");
  EXPECT_EQ(source.current(kStart + 10min - 10s)->token, "second");
}

TEST_F(ExecCredentialTest, AShortLifeIsUsedToItsHalf) {
  ExecCredential source(plugin({{"token", "first"}, {"expirationTimestamp", "2026-01-01T00:00:04Z"}}),
                        clock());
  EXPECT_EQ(source.current(kStart)->token, "first");
  EXPECT_TRUE(source.current(kStart + 2s - 1ns).ok());
  EXPECT_EQ(runs(), 1U);
  EXPECT_TRUE(source.current(kStart + 2s).ok());
  EXPECT_EQ(runs(), 2U);
}

TEST_F(ExecCredentialTest, ItIsToldWhatItAsksFor) {
  ExecPlugin asking = plugin({{"token", "t"}});
  asking.command =
      folder_.write_program("asking", "printf %s \"$KUBERNETES_EXEC_INFO\" > " + folder_ / "info" +
                                          "\nprintf '%s|' \"$@\" \"$OWN\" > " + folder_ / "words" + "\ncat " +
                                          folder_ / "answer" + "\n");
  asking.arguments = {"two words", "$(id)", ""};
  asking.environment.push_back("OWN=value");
  asking.cluster = {{"server", "https://api:6443"}};
  ExecCredential source(asking, clock());
  ASSERT_TRUE(source.current(kStart).ok());
  EXPECT_EQ(json::parse(folder_.read("info")),
            (json{{"apiVersion", kV1},
                  {"kind", "ExecCredential"},
                  {"spec", {{"interactive", false}, {"cluster", {{"server", "https://api:6443"}}}}}}));
  EXPECT_EQ(folder_.read("words"), "two words|$(id)||value|");
}

TEST_F(ExecCredentialTest, ACertificateOfIt) {
  const auto pair = make_test_certificate();
  ExecCredential source(
      plugin({{"clientCertificateData", pair.certificate_pem}, {"clientKeyData", pair.key_pem}}), clock());
  const auto credential = source.current(kStart);
  ASSERT_TRUE(credential.ok()) << credential.error().message;
  EXPECT_EQ(credential->certificate_pem, pair.certificate_pem);
  EXPECT_EQ(credential->key_pem, pair.key_pem);
}

TEST_F(ExecCredentialTest, AnswersOfNoUse) {
  const auto pair = make_test_certificate();
  const auto other = make_test_certificate();
  const struct {
    json status;
    const char* says;
  } cases[] = {
      {json(nullptr), "has no status"},
      {json::object(), "has neither status.token nor status.clientCertificateData"},
      {{{"clientCertificateData", pair.certificate_pem}}, "has only one of"},
      {{{"clientCertificateData", pair.certificate_pem}, {"clientKeyData", other.key_pem}},
       "does not belong"},
      {{{"token", "t"}, {"expirationTimestamp", "tomorrow"}}, "\"tomorrow\", which is not a time"},
  };
  for (const auto& entry : cases) {
    ExecCredential source(plugin(entry.status), clock());
    const auto credential = source.current(kStart);
    ASSERT_FALSE(credential.ok()) << entry.says;
    EXPECT_NE(credential.error().message.find(entry.says), std::string::npos) << credential.error().message;
    EXPECT_EQ(credential.error().message.find("FILE: users[me].user.exec: "), 0U);
  }
  ExecCredential source(plugin({{"token", "t"}}), clock());
  answer({{"token", "t"}}, "client.authentication.k8s.io/v1beta1");
  EXPECT_NE(source.current(kStart).error().message.find("exec.apiVersion asks for"), std::string::npos);
  folder_.write("answer", "Please log in");
  EXPECT_NE(source.current(kStart).error().message.find("is not an ExecCredential"), std::string::npos);
}

TEST_F(ExecCredentialTest, AMissingProgramComesWithItsHint) {
  ExecPlugin missing = plugin({});
  missing.command = folder_ / "nowhere";
  missing.install_hint = "get it from our intranet";
  const auto credential = ExecCredential(missing, clock()).current(kStart);
  ASSERT_FALSE(credential.ok());
  EXPECT_EQ(credential.error().code, ErrorCode::kNotFound);
  EXPECT_NE(credential.error().message.find("No such file or directory; get it from our intranet"),
            std::string::npos)
      << credential.error().message;
}

TEST_F(ExecCredentialTest, AFailureQuotesWhatItWrote) {
  ExecPlugin failing = plugin({});
  failing.command = folder_.write_program("failing", "echo 'session expired' >&2; exit 3\n");
  const auto credential = ExecCredential(failing, clock()).current(kStart);
  ASSERT_FALSE(credential.ok());
  EXPECT_NE(credential.error().message.find("ended with exit code 3; it wrote: session expired"),
            std::string::npos)
      << credential.error().message;
  EXPECT_TRUE(credential.error().retryable);
}

TEST_F(ExecCredentialTest, OneThatHangsIsKilledWithItsChildren) {
  ExecPlugin hanging = plugin({});
  hanging.command =
      folder_.write_program("hanging", "sleep 1000 & echo $! > " + folder_ / "child" + "; wait\n");
  hanging.time_limit = 3s;  // within which the shell has to start its child
  const auto began = std::chrono::steady_clock::now();
  const auto credential = ExecCredential(hanging, clock()).current(kStart);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 60s);
  ASSERT_FALSE(credential.ok());
  EXPECT_NE(credential.error().message.find("did not end within 3000 ms"), std::string::npos)
      << credential.error().message;
  const pid_t child = std::stoi(folder_.read("child"));
  // Its new parent may take a moment to reap it; then the number is free.
  bool gone = false;
  for (int i = 0; i < 6000 && !gone; ++i) {
    std::ifstream status("/proc/" + std::to_string(child) + "/stat");
    std::string number;
    std::string name;
    std::string state;
    gone = !(status >> number >> name >> state) || state == "Z";
    if (!gone) usleep(10'000);
  }
  EXPECT_TRUE(gone);
}

TEST_F(ExecCredentialTest, WhatItLeavesRunningIsNotWaitedFor) {
  ExecPlugin leaving = plugin({{"token", "t"}});
  leaving.command = folder_.write_program(
      "leaving", "sleep 1000 & echo $! > " + folder_ / "child" + "\ncat " + folder_ / "answer" + "\n");
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(ExecCredential(leaving, clock()).current(kStart)->token, "t");
  EXPECT_LT(std::chrono::steady_clock::now() - began, 60s);
  const pid_t child = std::stoi(folder_.read("child"));
  EXPECT_EQ(kill(child, 0), 0) << "a program that ended well keeps what it started";
  kill(child, SIGKILL);
}

TEST_F(ExecCredentialTest, EndlessOutputEnds) {
  ExecPlugin endless = plugin({});
  endless.command = folder_.write_program("endless", "exec yes\n");
  const auto credential = ExecCredential(endless, clock()).current(kStart);
  ASSERT_FALSE(credential.ok());
  EXPECT_NE(credential.error().message.find("wrote more than"), std::string::npos)
      << credential.error().message;
}

}  // namespace
}  // namespace parallelrun::kube
