#include "common/kube/access.h"

#include <gtest/gtest.h>

#include <map>

#include "common/kube/kubeconfig_file.h"
#include "start_time.h"
#include "test_certificate.h"
#include "tests/unit/files/temporary_directory.h"

namespace parallelrun::kube {
namespace {

using namespace std::chrono_literals;

class AccessTest : public ::testing::Test {
 protected:
  AccessOptions options() {
    AccessOptions result;
    result.environment = [this](const char* name) -> const char* {
      const auto found = variables_.find(name);
      return found == variables_.end() ? nullptr : found->second.c_str();
    };
    result.service_account_folder = folder_ / "account";
    return result;
  }
  // One cluster and one context "c" with the user `user`, as lines of YAML.
  std::string write(const std::string& name, const std::string& user, const std::string& cluster = "") {
    return folder_.write(name,
                         "kind: Config\ncurrent-context: c\n"
                         "clusters:\n- name: k\n  cluster: {server: \"https://" +
                             name + ".example:6443\"" + cluster +
                             "}\n"
                             "users:\n- name: u\n  user: " +
                             user +
                             "\n"
                             "contexts:\n- name: c\n  context: {cluster: k, user: u, namespace: ours}\n");
  }
  Result<ClusterAccess> of_user(const std::string& user, const std::string& cluster = "") {
    auto result = options();
    result.kubeconfig = write("one", user, cluster);
    return kubeconfig_access(result);
  }
  std::string message(const Result<ClusterAccess>& access) const {
    return access.ok() ? "accepted" : access.error().message;
  }
  void service_account() {
    variables_["KUBERNETES_SERVICE_HOST"] = "10.0.0.1";
    variables_["KUBERNETES_SERVICE_PORT"] = "443";
    folder_.write("account/token", "t");
    folder_.write("account/ca.crt", pair_.certificate_pem);
  }

  test::TemporaryDirectory folder_;
  std::map<std::string, std::string> variables_;
  TestCertificate pair_ = make_test_certificate();
};

TEST_F(AccessTest, ATokenAndAnAuthority) {
  const auto access = of_user("{token: secret}",
                              ", certificate-authority-data: " + base64_of(pair_.certificate_pem) +
                                  ", tls-server-name: other.example, proxy-url: \"http://me:p@proxy:3128\"");
  ASSERT_TRUE(access.ok()) << message(access);
  EXPECT_EQ(access->address.url, "https://one.example:6443");
  EXPECT_EQ(access->address.ca_pem, pair_.certificate_pem);
  EXPECT_EQ(access->address.tls_server_name, "other.example");
  EXPECT_EQ(access->address.proxy_url, "http://me:p@proxy:3128");
  EXPECT_FALSE(access->address.skip_verify);
  EXPECT_EQ(access->name_space, "ours");
  EXPECT_EQ(access->credentials->current(kStart)->token, "secret");
}

TEST_F(AccessTest, FilesAreFoundBesideTheKubeconfig) {
  folder_.write("pki/ca.pem", pair_.certificate_pem);
  folder_.write("pki/me.crt", pair_.certificate_pem);
  folder_.write("pki/me.key", pair_.key_pem);
  const auto access = of_user("{client-certificate: pki/me.crt, client-key: ./pki/../pki/me.key}",
                              ", certificate-authority: pki/ca.pem");
  ASSERT_TRUE(access.ok()) << message(access);
  EXPECT_EQ(access->address.ca_pem, pair_.certificate_pem);
  EXPECT_EQ(access->credentials->current(kStart)->certificate_pem, pair_.certificate_pem);
  EXPECT_EQ(access->credentials->current(kStart)->key_pem, pair_.key_pem);
}

TEST_F(AccessTest, ATokenFileIsReadAgainAndGoesBeforeTheToken) {
  folder_.write("token", "first\n");
  const auto access = of_user("{tokenFile: token, token: fixed}");
  ASSERT_TRUE(access.ok()) << message(access);
  const Time now = std::chrono::steady_clock::now();
  EXPECT_EQ(access->credentials->current(now)->token, "first");
  folder_.write("token", "second\n");
  EXPECT_EQ(access->credentials->current(now + 30s)->token, "first");
  EXPECT_EQ(access->credentials->current(now + 61s)->token, "second");
  folder_.write("token", "third\n");
  access->credentials->rejected();
  EXPECT_EQ(access->credentials->current(now + 61s)->token, "third");
  std::filesystem::remove(folder_ / "token");
  EXPECT_EQ(access->credentials->current(now + 1h)->token, "third");
}

TEST_F(AccessTest, AHalfReplacedCertificateIsNotUsed) {
  folder_.write("me.crt", pair_.certificate_pem);
  folder_.write("me.key", pair_.key_pem);
  const auto access = of_user("{client-certificate: me.crt, client-key: me.key}");
  ASSERT_TRUE(access.ok()) << message(access);
  const auto next = make_test_certificate();
  folder_.write("me.crt", next.certificate_pem);
  access->credentials->rejected();
  EXPECT_EQ(access->credentials->current(kStart)->certificate_pem, pair_.certificate_pem);
  folder_.write("me.key", next.key_pem);
  access->credentials->rejected();
  EXPECT_EQ(access->credentials->current(kStart)->certificate_pem, next.certificate_pem);
  EXPECT_EQ(access->credentials->current(kStart)->key_pem, next.key_pem);
}

TEST_F(AccessTest, DataGoesBeforeFiles) {
  const auto access =
      of_user("{client-certificate: gone, client-key: gone, client-certificate-data: " +
              base64_of(pair_.certificate_pem) + ", client-key-data: " + base64_of(pair_.key_pem) + "}");
  ASSERT_TRUE(access.ok()) << message(access);
  EXPECT_EQ(access->credentials->current(kStart)->key_pem, pair_.key_pem);
}

TEST_F(AccessTest, AnExecPluginIsRunWhenItIsNeeded) {
  folder_.write_program("bin/plugin",
                        "printf '%s' \"$KUBERNETES_EXEC_INFO\" > " + folder_ / "info" +
                            "\necho '{\"apiVersion\":\"client.authentication.k8s.io/v1beta1\",\"kind\":"
                            "\"ExecCredential\",\"status\":{\"token\":\"'$OWN$1'\"}}'\n");
  const auto access = of_user(
      "\n    exec:\n      apiVersion: client.authentication.k8s.io/v1beta1\n      command: bin/plugin\n"
      "      args: [\"-x\"]\n      env: [{name: OWN, value: \"7\"}]\n      interactiveMode: IfAvailable\n"
      "      provideClusterInfo: true",
      ", certificate-authority-data: " + base64_of(pair_.certificate_pem) +
          ", extensions: [{name: client.authentication.k8s.io/exec, extension: {audience: us}}]");
  ASSERT_TRUE(access.ok()) << message(access);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "info"));
  const auto credential = access->credentials->current(kStart);
  ASSERT_TRUE(credential.ok()) << credential.error().message;
  EXPECT_EQ(credential->token, "7-x");
  EXPECT_EQ(nlohmann::json::parse(folder_.read("info")).at("spec").at("cluster"),
            (nlohmann::json{{"server", "https://one.example:6443"},
                            {"certificate-authority-data", base64_of(pair_.certificate_pem)},
                            {"config", {{"audience", "us"}}}}));
}

TEST_F(AccessTest, ATokenOfItsOwnGoesBeforeThePlugin) {
  const auto access = of_user("{token: own, exec: {command: gone}}");
  ASSERT_TRUE(access.ok()) << message(access);
  EXPECT_EQ(access->credentials->current(kStart)->token, "own");
}

TEST_F(AccessTest, OfSeveralFilesTheFirstCounts) {
  const auto first = folder_.write("first/config",
                                   "current-context: b\n"
                                   "users:\n- {name: u, user: {tokenFile: token}}\n"
                                   "contexts:\n- {name: b, context: {cluster: k, user: u}}\n");
  folder_.write("first/token", "of the first");
  const auto second = write("second", "{token: of the second}");
  variables_["KUBECONFIG"] = folder_ / "missing" + ":" + first + "::" + second;
  const auto access = kubeconfig_access(options());
  ASSERT_TRUE(access.ok()) << message(access);
  EXPECT_EQ(access->address.url, "https://second.example:6443");
  EXPECT_EQ(access->credentials->current(kStart)->token, "of the first");
  EXPECT_EQ(access->name_space, "default");
  auto chosen = options();
  chosen.context = "c";
  EXPECT_EQ(kubeconfig_access(chosen)->name_space, "ours");
}

TEST_F(AccessTest, TheOrderOfTheDefault) {
  variables_["HOME"] = folder_ / "home";
  EXPECT_NE(message(default_access(options())).find("KUBECONFIG is not set, this is not a pod"),
            std::string::npos);
  folder_.write("home/.kube/config", "");
  std::filesystem::copy_file(write("fromhome", "{token: t}"), folder_ / "home/.kube/config",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(default_access(options())->address.url, "https://fromhome.example:6443");
  service_account();
  EXPECT_EQ(default_access(options())->address.url, "https://10.0.0.1:443");
  variables_["KUBECONFIG"] = write("fromvariable", "{token: t}");
  EXPECT_EQ(default_access(options())->address.url, "https://fromvariable.example:6443");
  auto named = options();
  named.kubeconfig = write("fromoption", "{token: t}");
  EXPECT_EQ(default_access(named)->address.url, "https://fromoption.example:6443");
}

TEST_F(AccessTest, APodWithoutItsAccountSaysSo) {
  variables_["KUBERNETES_SERVICE_HOST"] = "10.0.0.1";
  variables_["KUBERNETES_SERVICE_PORT"] = "443";
  EXPECT_NE(message(default_access(options())).find("ca.crt: cannot be read"), std::string::npos);
}

TEST_F(AccessTest, TheEnvironmentsProxy) {
  variables_["HTTPS_PROXY"] = "http://proxy:3128";
  EXPECT_EQ(of_user("{token: t}")->address.proxy_url, "http://proxy:3128");
  EXPECT_EQ(of_user("{token: t}", ", proxy-url: \"http://own:1\"")->address.proxy_url, "http://own:1");
  service_account();
  EXPECT_EQ(default_access(options())->address.proxy_url, "http://proxy:3128");
  variables_["NO_PROXY"] = "10.0.0.0/8,.example";
  EXPECT_EQ(of_user("{token: t}")->address.proxy_url, "");
  EXPECT_EQ(default_access(options())->address.proxy_url, "");
}

TEST_F(AccessTest, Refusals) {
  const std::string data = base64_of(pair_.certificate_pem);
  const auto other = make_test_certificate();
  const auto locked = make_test_certificate("phrase");
  const struct {
    std::string user;
    std::string cluster;
    const char* says;
  } cases[] = {
      {"{username: me, password: secret}", "", "users[u].user.username: basic authentication was removed"},
      {"{auth-provider: {name: gcp}}", "", "users[u].user.auth-provider: was removed"},
      {"{token: t, as: admin}", "", "users[u].user.as: impersonation is not supported"},
      {"{token: 1234}", "", "users[u].user.token: must be text; quote it"},
      {"{tokenFile: gone}", "", "gone cannot be read"},
      {"{client-certificate-data: " + data + "}", "", "users[u].user.client-key: is missing"},
      {"{client-certificate-data: '%%%', client-key-data: " + data + "}", "",
       "client-certificate-data: must be base64"},
      {"{client-certificate-data: " + data + ", client-key-data: " + data + "}", "",
       "client-key-data: no private key"},
      {"{client-certificate-data: " + data + ", client-key-data: " + base64_of(other.key_pem) + "}", "",
       "does not belong to the certificate"},
      {"{client-certificate-data: " + base64_of(locked.certificate_pem) +
           ", client-key-data: " + base64_of(locked.key_pem) + "}",
       "", "PEM without a pass phrase is expected"},
      {"{exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: x}}", "",
       "exec.apiVersion: is \"client.authentication.k8s.io/v1alpha1\""},
      {"{exec: {apiVersion: client.authentication.k8s.io/v1}}", "", "exec.command: must name the program"},
      {"{exec: {apiVersion: client.authentication.k8s.io/v1, command: x, interactiveMode: Always}}", "",
       "this program has no terminal"},
      {"{exec: {apiVersion: client.authentication.k8s.io/v1, command: x, env: [{name: A, value: 1}]}}", "",
       "users[u].user.exec.env[0].value: must be text; quote it"},
      {"{exec: {apiVersion: client.authentication.k8s.io/v1, command: x, args: [1]}}", "",
       "exec.args[0]: must be text"},
      {"{exec: 1}", "", "users[u].user.exec: must be a map"},
      {"{}", ", insecure-skip-tls-verify: true, certificate-authority-data: " + data,
       "contradicts insecure-skip-tls-verify"},
      {"{}", ", insecure-skip-tls-verify: maybe",
       "clusters[k].cluster.insecure-skip-tls-verify: is \"maybe\""},
      {"{}", ", certificate-authority: gone", "certificate-authority: "},
      {"{}", ", certificate-authority-data: " + base64_of("no certificate"), "no certificate can be read"},
      {"{}",
       ", certificate-authority-data: " +
           base64_of(pair_.certificate_pem +
                     "-----BEGIN CERTIFICATE-----\nQUFB\n-----END CERTIFICATE-----\n"),
       "no certificate can be read"},
      {"{}", ", proxy-url: \"socks5://p:1\"", "clusters[k].cluster.proxy-url: socks5:// proxies"},
  };
  for (const auto& entry : cases) {
    const std::string told = message(of_user(entry.user, entry.cluster));
    EXPECT_NE(told.find(entry.says), std::string::npos) << entry.user << entry.cluster << "\n" << told;
    EXPECT_EQ(told.find(folder_ / "one" + ": "), 0U) << told;
    EXPECT_EQ(told.find("secret"), std::string::npos);
  }
}

TEST_F(AccessTest, ServersThatAreNone) {
  const struct {
    const char* server;
    const char* says;
  } cases[] = {{"\"\"", "must be of the form https://HOST[:PORT]"},
               {"ftp://x", "must be of the form"},
               {"https://me:pass@x", "must be of the form"},
               {"\"https://[::1]:6443\"", "IPv6 addresses are not supported here"}};
  for (const auto& entry : cases) {
    auto named = options();
    named.kubeconfig =
        folder_.write("odd", std::string("current-context: c\nclusters: [{name: k, cluster: {server: ") +
                                 entry.server + "}}]\ncontexts: [{name: c, context: {cluster: k}}]\n");
    EXPECT_NE(message(kubeconfig_access(named)).find(entry.says), std::string::npos)
        << message(kubeconfig_access(named));
  }
}

TEST_F(AccessTest, NamesThatLeadNowhere) {
  const struct {
    const char* text;
    const char* says;
  } cases[] = {
      {"contexts: [{name: a}, {name: b}]",
       "current-context is not set; name a context or set it by `kubectl config use-context NAME`; the file "
       "has "
       "the contexts: a, b"},
      {"current-context: z\ncontexts: [{name: a}]",
       "current-context: there is no context \"z\"; the file has the contexts: a"},
      {"current-context: a\ncontexts: [{name: a, context: {cluster: k}}]",
       "contexts[a].context.cluster: there is no cluster \"k\"; there are: none"},
      {"current-context: a\nclusters: [{name: k, cluster: {server: 'https://x'}}]\ncontexts: [{name: a, "
       "context: {cluster: k, user: v}}]",
       "contexts[a].context.user: there is no user \"v\""},
      {"contexts: [{name: a}, {name: a}]", "contexts[a]: the name is used twice"},
      {"contexts: [{name: 1}]", "contexts[0].name: must be text"},
      {"contexts: {a: b}", "contexts: must be a list"},
      {"current-context: [a", "line "},
      {"kind: Pod", "not a kubeconfig file"},
      {"just text", "not a kubeconfig file"},
      {"", "current-context is not set"},
  };
  for (const auto& entry : cases) {
    auto named = options();
    named.kubeconfig = folder_.write("odd", entry.text);
    const std::string told = message(kubeconfig_access(named));
    EXPECT_NE(told.find(entry.says), std::string::npos) << entry.text << "\n" << told;
    EXPECT_EQ(told.find(folder_ / "odd" + ": "), 0U) << told;
  }
  variables_["KUBECONFIG"] = "/nowhere/a:/nowhere/b";
  EXPECT_EQ(message(kubeconfig_access(options())),
            "KUBECONFIG=/nowhere/a:/nowhere/b: no such file; correct or unset it");
}

TEST_F(AccessTest, AnUnreadableFileIsNotPassedOver) {
  variables_["KUBECONFIG"] = folder_ / "";  // the folder
  EXPECT_NE(message(kubeconfig_access(options())).find("cannot be read"), std::string::npos);
}

TEST_F(AccessTest, DeepAndOddTextEndsInAMessage) {
  Kubeconfig config;
  EXPECT_FALSE(add_kubeconfig("users: " + std::string(500, '[') + std::string(500, ']'), "f", config).ok());
  EXPECT_FALSE(add_kubeconfig("a: &a [*a]", "f", config).ok());
  EXPECT_FALSE(add_kubeconfig(std::string("\0\1\2", 3), "f", config).ok());
}

TEST_F(AccessTest, TextThatIsNotUtf8IsRefusedByItsLine) {
  // Read as a field, it ended the program: a message is JSON, and JSON is UTF-8.
  const auto refused = [](const std::string& text) {
    Kubeconfig config;
    const auto added = add_kubeconfig(text, "f", config);
    return added.ok() ? "accepted" : added.error().message;
  };
  const std::string before = "clusters:\n- name: k\n  cluster: ";
  EXPECT_EQ(refused(before + "{insecure-skip-tls-verify: \"\x80\"}\n"), "f: line 3: not UTF-8");
  EXPECT_EQ(refused(before + "{\"\xff\": 1}\n"), "f: line 3: not UTF-8");
  EXPECT_EQ(refused(before + "{server: \"\xC3\xA9\"}\n"), "accepted");
}

TEST_F(AccessTest, AliasesDoNotMultiplyAFileWithoutEnd) {
  std::string text = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 40; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before + ", " + before + "]\n";
  }
  Kubeconfig config;
  const auto added = add_kubeconfig(text, "f", config);
  ASSERT_FALSE(added.ok());
  EXPECT_EQ(added.error().message, "f: has more than 200000 values with its aliases written out");
}

}  // namespace
}  // namespace parallelrun::kube
