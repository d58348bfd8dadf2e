// What the cases against a real API server share. Its address and the administrator's certificate come from
// the environment that check_kube.py sets.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/kube/http_transport.h"
#include "common/kube/informer.h"

namespace parallelrun::kube {

using namespace std::chrono_literals;
using nlohmann::json;

inline constexpr auto kPatience = 60s;
inline const Resource kConfigMaps{"", "v1", "configmaps"};
inline const Resource kNamespaces{"", "v1", "namespaces", false};

inline std::string variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) throw std::runtime_error(std::string(name) + " is not set: eval $(apiserver env)");
  return value;
}

inline std::string content(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

class FixedCredential final : public CredentialSource {
 public:
  explicit FixedCredential(Credential credential) : credential_(std::move(credential)) {}
  Result<Credential> current(Time) override { return credential_; }
  void rejected() override { ++rejections; }
  std::atomic<int> rejections{0};

 private:
  Credential credential_;
};

inline Credential administrator() {
  const std::string folder = variable("PARALLELRUN_APISERVER") + "/certificates/client-admin.";
  return {"", content(folder + "crt"), content(folder + "key")};
}

class ApiServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    url_ = variable("PARALLELRUN_APISERVER_URL");
    ca_ = content(variable("PARALLELRUN_APISERVER_CA"));
    transport_ = connect(url_);
    client_ = std::make_unique<KubeClient>(*transport_);
    name_space_ = "kube-" + std::to_string(getpid()) + "-" +
                  std::to_string(std::chrono::steady_clock::now().time_since_epoch().count());
    const auto made = client_->create(kNamespaces, {}, {{"metadata", {{"name", name_space_}}}}, "test",
                                      KubeClient::Answer::kObject, stop_);
    ASSERT_TRUE(made.ok()) << made.error().message;
  }

  std::unique_ptr<Transport> connect(const std::string& url) const {
    return make_http_transport({url, ca_, false, "", ""}, std::make_shared<FixedCredential>(administrator()),
                               {});
  }
  static json config_map(const std::string& name, const std::string& value) {
    return {{"apiVersion", "v1"},
            {"kind", "ConfigMap"},
            {"metadata", {{"name", name}}},
            {"data", {{"value", value}}}};
  }
  ApiResult<json> create(const std::string& name, const std::string& value = "x") {
    return client_->create(kConfigMaps, {name_space_, "", ""}, config_map(name, value), "test",
                           KubeClient::Answer::kObject, stop_);
  }
  Informer::Options options() const {
    Informer::Options result;
    result.resource = kConfigMaps;
    result.name_space = name_space_;
    result.page_size = 2;
    result.state.random = [] { return 0.0; };
    return result;
  }

  std::string url_;
  std::string ca_;
  std::string name_space_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<KubeClient> client_;
  std::stop_token stop_;
};

// An informer on a thread of its own, whose cache a test can wait for.
class Running {
 public:
  Running(KubeClient& client, Informer::Options options)
      : informer(client, std::move(options), [this](const std::vector<CacheChange>&) { touch(); }),
        thread_([this](const std::stop_token& stop) { informer.run(stop); }) {}

  bool sees(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    std::unique_lock lock(mutex_);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      changed_.wait_for(lock, 50ms);
    }
    return true;
  }
  std::size_t size() const { return informer.objects().size(); }

 private:
  void touch() {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;

 public:
  Informer informer;

 private:
  std::jthread thread_;
};

}  // namespace parallelrun::kube
