// Who we are to a real server: kubeconfig files, plugins, tokens that are replaced, names and proxies.
#include <sys/stat.h>

#include <filesystem>
#include <map>

#include "api_server_fixture.h"
#include "common/kube/access.h"
#include "common/kube/in_cluster.h"

namespace parallelrun::kube {
namespace {

const Resource kServiceAccounts{"", "v1", "serviceaccounts"};

class IdentityTest : public ApiServerTest {
 protected:
  void SetUp() override {
    ApiServerTest::SetUp();
    folder_ = std::filesystem::temp_directory_path() / name_space_;
    std::filesystem::create_directories(folder_);
    ASSERT_TRUE(create("a").ok());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  // A kubeconfig with one context, whose user and cluster these are; what is missing of the cluster is filled
  // in.
  Result<ClusterAccess> access(const json& user, json cluster = json::object()) {
    cluster.emplace("server", url_);
    if (!cluster.contains("certificate-authority")) {
      cluster["certificate-authority"] = variable("PARALLELRUN_APISERVER_CA");
    }
    variables_["KUBECONFIG"] = write(
        "config",
        json{{"current-context", "c"},
             {"clusters", {{{"name", "k"}, {"cluster", cluster}}}},
             {"users", {{{"name", "u"}, {"user", user}}}},
             {"contexts",
              {{{"name", "c"}, {"context", {{"cluster", "k"}, {"user", "u"}, {"namespace", name_space_}}}}}}}
            .dump());
    return default_access(options());
  }
  AccessOptions options() {
    AccessOptions result;
    result.environment = [this](const char* name) -> const char* {
      const auto found = variables_.find(name);
      return found == variables_.end() ? nullptr : found->second.c_str();
    };
    return result;
  }
  // What comes of reading the ConfigMap "a": empty, or the failure's message.
  std::string outcome(const Result<ClusterAccess>& found) {
    if (!found.ok()) return found.error().message;
    const auto transport = make_http_transport(found->address, found->credentials, {});
    const auto answer = KubeClient(*transport).get(kConfigMaps, {found->name_space, "a", ""}, stop_);
    return answer.ok() ? "" : std::to_string(answer.error().status) + " " + answer.error().message;
  }
  static json certificate_user() {
    const std::string folder = variable("PARALLELRUN_APISERVER") + "/certificates/client-admin.";
    return {{"client-certificate", folder + "crt"}, {"client-key", folder + "key"}};
  }
  // A token of the service account "worker", which may read ConfigMaps.
  std::string service_account_token() {
    const auto account =
        client_->create(kServiceAccounts, {name_space_, "", ""}, {{"metadata", {{"name", "worker"}}}}, "test",
                        KubeClient::Answer::kObject, stop_);
    EXPECT_TRUE(account.ok()) << account.error().message;
    const Resource roles{"rbac.authorization.k8s.io", "v1", "roles"};
    const Resource bindings{"rbac.authorization.k8s.io", "v1", "rolebindings"};
    const json rule = {{"apiGroups", {""}}, {"resources", {"configmaps"}}, {"verbs", {"get"}}};
    EXPECT_TRUE(client_
                    ->create(roles, {name_space_, "", ""},
                             {{"metadata", {{"name", "reader"}}}, {"rules", {rule}}}, "test",
                             KubeClient::Answer::kObject, stop_)
                    .ok());
    EXPECT_TRUE(
        client_
            ->create(bindings, {name_space_, "", ""},
                     {{"metadata", {{"name", "reader"}}},
                      {"roleRef",
                       {{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "Role"}, {"name", "reader"}}},
                      {"subjects",
                       {{{"kind", "ServiceAccount"}, {"name", "worker"}, {"namespace", name_space_}}}}},
                     "test", KubeClient::Answer::kObject, stop_)
            .ok());
    Request request;
    request.method = "POST";
    request.path = api_path(kServiceAccounts, {name_space_, "worker", "token"});
    request.body = json{{"spec", {{"expirationSeconds", 3600}}}}.dump();
    const auto answer = transport_->send(request, stop_);
    EXPECT_TRUE(answer.ok() && answer->status == 201);
    const std::string token = json::parse(answer->body).at("status").at("token");
    // The authorizer sees a new binding a moment later.
    const auto end = std::chrono::steady_clock::now() + kPatience;
    const auto probe = make_http_transport({url_, ca_, false, "", ""},
                                           std::make_shared<FixedCredential>(Credential{token, "", ""}), {});
    while (!KubeClient(*probe).get(kConfigMaps, {name_space_, "a", ""}, stop_).ok() &&
           std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(50ms);
    }
    return token;
  }

  std::filesystem::path folder_;
  std::map<std::string, std::string> variables_;
};

TEST_F(IdentityTest, AClientCertificate) {
  EXPECT_EQ(outcome(access(certificate_user())), "");
  EXPECT_EQ(outcome(access(json::object())).substr(0, 4), "403 ") << "nobody is system:anonymous";
}

TEST_F(IdentityTest, ATokenOfAPodIsReadAgainAfterA401) {
  const std::string token = service_account_token();
  write("token", "not a token");
  write("ca.crt", ca_);
  write("namespace", name_space_);
  const auto at = url_.rfind(':');
  variables_["KUBERNETES_SERVICE_HOST"] = url_.substr(8, at - 8);
  variables_["KUBERNETES_SERVICE_PORT"] = url_.substr(at + 1);
  auto pod = options();
  pod.service_account_folder = folder_;
  const auto found = default_access(pod);
  ASSERT_TRUE(found.ok()) << found.error().message;
  EXPECT_EQ(found->name_space, name_space_);
  const auto transport = make_http_transport(found->address, found->credentials, {});
  KubeClient client(*transport);
  const ObjectPath path{name_space_, "a", ""};
  EXPECT_EQ(client.get(kConfigMaps, path, stop_).error().failure, ApiFailure::kUnauthorized);
  write("token", token + "\n");
  const auto answer = client.get(kConfigMaps, path, stop_);
  EXPECT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(client.get(kServiceAccounts, path, stop_).error().failure, ApiFailure::kForbidden);
}

TEST_F(IdentityTest, AnExecPluginRunsAgainAfterA401) {
  const std::string token = service_account_token();
  const json plugin_answer = {{"apiVersion", "client.authentication.k8s.io/v1"},
                              {"kind", "ExecCredential"},
                              {"status", {{"token", "not a token"}}}};
  write("answer", plugin_answer.dump());
  write("plugin", "#!/bin/sh\necho run >> \"${0%/*}/runs\"\ncat \"${0%/*}/answer\"\n");
  ASSERT_EQ(chmod((folder_ / "plugin").c_str(), 0755), 0);
  const auto found = access({{"exec",
                              {{"apiVersion", "client.authentication.k8s.io/v1"},
                               {"command", "./plugin"},
                               {"interactiveMode", "Never"}}}});
  ASSERT_TRUE(found.ok()) << found.error().message;
  const auto transport = make_http_transport(found->address, found->credentials, {});
  KubeClient client(*transport);
  const ObjectPath path{name_space_, "a", ""};
  EXPECT_EQ(client.get(kConfigMaps, path, stop_).error().failure, ApiFailure::kUnauthorized);
  json good = plugin_answer;
  good["status"]["token"] = token;
  write("answer", good.dump());
  EXPECT_TRUE(client.get(kConfigMaps, path, stop_).ok());
  EXPECT_TRUE(client.get(kConfigMaps, path, stop_).ok());
  EXPECT_EQ(content(folder_ / "runs"), "run\nrun\n");
}

TEST_F(IdentityTest, ACertificateOfAnExecPlugin) {
  const Credential admin = administrator();
  write("answer",
        json{{"apiVersion", "client.authentication.k8s.io/v1beta1"},
             {"kind", "ExecCredential"},
             {"status", {{"clientCertificateData", admin.certificate_pem}, {"clientKeyData", admin.key_pem}}}}
            .dump());
  const json exec = {{"apiVersion", "client.authentication.k8s.io/v1beta1"},
                     {"command", "cat"},
                     {"args", {(folder_ / "answer").string()}}};
  EXPECT_EQ(outcome(access({{"exec", exec}})), "");
}

TEST_F(IdentityTest, AMissingPluginSaysHowToGetIt) {
  const json exec = {{"apiVersion", "client.authentication.k8s.io/v1"},
                     {"command", "no-such-plugin"},
                     {"installHint", "see our wiki"}};
  const std::string told = outcome(access({{"exec", exec}}));
  EXPECT_NE(told.find("users[u].user.exec: cannot start 'no-such-plugin': No such file or directory; "
                      "see our wiki"),
            std::string::npos)
      << told;
}

TEST_F(IdentityTest, TheServersName) {
  EXPECT_EQ(outcome(access(certificate_user(), {{"tls-server-name", "kubernetes.default.svc"}})), "");
  EXPECT_NE(outcome(access(certificate_user(), {{"tls-server-name", "other.example"}})), "");
  const std::string by_name = "https://localhost" + url_.substr(url_.rfind(':'));
  EXPECT_EQ(outcome(access(certificate_user(), {{"server", by_name}})), "");
}

TEST_F(IdentityTest, WithoutVerification) {
  EXPECT_EQ(outcome(access(certificate_user(),
                           {{"certificate-authority", nullptr}, {"insecure-skip-tls-verify", true}})),
            "");
  EXPECT_NE(outcome(access(certificate_user(), {{"certificate-authority", nullptr}})), "")
      << "the system's authorities do not know it";
}

TEST_F(IdentityTest, ThroughAProxy) {
  const std::string proxy = variable("PARALLELRUN_FAULTY_PROXY");
  EXPECT_EQ(outcome(access(certificate_user(), {{"proxy-url", "http://me:p%40ss@" + proxy}})), "");
  const std::string refused = outcome(access(certificate_user(), {{"proxy-url", "http://" + proxy}}));
  EXPECT_NE(refused.find("407"), std::string::npos) << refused;
  // Of the environment; localhost is never reached through it.
  variables_["HTTPS_PROXY"] = "http://127.0.0.1:1";
  EXPECT_EQ(outcome(access(certificate_user())), "");
}

}  // namespace
}  // namespace parallelrun::kube
