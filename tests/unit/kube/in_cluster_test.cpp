#include "common/kube/in_cluster.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "start_time.h"
#include "tests/unit/files/temporary_directory.h"

namespace parallelrun::kube {
namespace {

using namespace std::chrono_literals;

class InClusterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_.write("token", "first\n");
    folder_.write("ca.crt", "CA\n");
    folder_.write("namespace", "ours");
  }
  Result<ClusterAccess> access(const std::map<std::string, std::string>& variables) const {
    const auto environment = [&](const char* name) -> const char* {
      const auto found = variables.find(name);
      return found == variables.end() ? nullptr : found->second.c_str();
    };
    return in_cluster_access(environment, folder_.path());
  }
  test::TemporaryDirectory folder_;
};

TEST_F(InClusterTest, TokenIsReadAgainAfterAMinuteAndNotBefore) {
  TokenFile file(folder_ / "token");
  EXPECT_EQ(file.current(kStart)->token, "first");
  folder_.write("token", "second");
  EXPECT_EQ(file.current(kStart + 1min - 1ns)->token, "first");
  EXPECT_EQ(file.current(kStart + 1min)->token, "second");
}

TEST_F(InClusterTest, TokenIsReadAgainAfterARejection) {
  TokenFile file(folder_ / "token");
  EXPECT_EQ(file.current(kStart)->token, "first");
  folder_.write("token", "second");
  file.rejected();
  EXPECT_EQ(file.current(kStart)->token, "second");
}

TEST_F(InClusterTest, TheLastTokenServesWhileTheFileIsGone) {
  TokenFile file(folder_ / "token");
  EXPECT_EQ(file.current(kStart)->token, "first");
  std::filesystem::remove(folder_ / "token");
  EXPECT_EQ(file.current(kStart + 1h)->token, "first");
  EXPECT_FALSE(TokenFile(folder_ / "token").current(kStart).ok());
}

TEST_F(InClusterTest, AddressComesFromTheEnvironment) {
  const auto four = access({{"KUBERNETES_SERVICE_HOST", "10.0.0.1"}, {"KUBERNETES_SERVICE_PORT", "443"}});
  ASSERT_TRUE(four.ok());
  EXPECT_EQ(four.value().address.url, "https://10.0.0.1:443");
  EXPECT_EQ(four.value().address.ca_pem, "CA");
  EXPECT_EQ(four.value().name_space, "ours");
  const auto six = access({{"KUBERNETES_SERVICE_HOST", "fd00::1"}, {"KUBERNETES_SERVICE_PORT", "443"}});
  ASSERT_TRUE(six.ok());
  EXPECT_EQ(six.value().address.url, "https://kubernetes.default.svc:443");
  EXPECT_EQ(access({}).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace parallelrun::kube
