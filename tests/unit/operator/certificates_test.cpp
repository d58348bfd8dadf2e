// The certificates of a job, with OpenSSL's own checks and over the runner's client and server.
#include "operator/certificates/certificates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>

#include "runner/protocol/protocol_client.h"
#include "runner/protocol/protocol_server.h"
#include "tests/unit/files/temporary_directory.h"

namespace parallelrun::op {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr const char* kHost = "digits-orchestrator.team.svc";

std::chrono::sys_seconds now() { return std::chrono::floor<seconds>(std::chrono::system_clock::now()); }

// An authority, and what it signs.
struct Made {
  std::string authority_pem;
  CertifiedKey authority, orchestrator, worker;
};

Made made(const std::string& job = "digits", const std::string& host = kHost) {
  const auto authority = JobAuthority::make(job, now());
  EXPECT_TRUE(authority.ok()) << (authority.ok() ? "" : authority.error().message);
  const auto orchestrator = authority->certify_orchestrator(job, host, now());
  EXPECT_TRUE(orchestrator.ok()) << (orchestrator.ok() ? "" : orchestrator.error().message);
  const auto worker = authority->certify_worker("worker-7", now());
  EXPECT_TRUE(worker.ok()) << (worker.ok() ? "" : worker.error().message);
  return {authority->certificate_pem(), authority->stored(), *orchestrator, *worker};
}

using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

Certificate read(const std::string& pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> memory(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  return {PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr), &X509_free};
}

// Whether a certificate is good for a purpose at a time, by this authority.
bool verifies(const std::string& pem, const std::string& authority, int purpose,
              std::chrono::sys_seconds time) {
  const Certificate certificate = read(pem);
  const Certificate issuer = read(authority);
  const std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store(X509_STORE_new(), &X509_STORE_free);
  X509_STORE_add_cert(store.get(), issuer.get());
  const std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> context(X509_STORE_CTX_new(),
                                                                                &X509_STORE_CTX_free);
  X509_STORE_CTX_init(context.get(), store.get(), certificate.get(), nullptr);
  X509_STORE_CTX_set_purpose(context.get(), purpose);
  X509_STORE_CTX_set_time(context.get(), 0, std::chrono::system_clock::to_time_t(time));
  X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(context.get()), X509_V_FLAG_X509_STRICT);
  return X509_verify_cert(context.get()) == 1;
}

std::string organization(const std::string& pem) {
  const Certificate certificate = read(pem);
  std::array<char, 100> text{};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_organizationName, text.data(),
                            static_cast<int>(text.size()));
  return text.data();
}

TEST(Certificates, RolesAndPurposes) {
  const Made job = made();
  EXPECT_EQ(organization(job.orchestrator.certificate_pem), "orchestrator");
  EXPECT_EQ(organization(job.worker.certificate_pem), "worker");
  const auto purpose = [&](const CertifiedKey& key, int of) {
    return verifies(key.certificate_pem, job.authority_pem, of, now());
  };
  EXPECT_TRUE(purpose(job.orchestrator, X509_PURPOSE_SSL_SERVER));
  EXPECT_TRUE(purpose(job.orchestrator, X509_PURPOSE_SSL_CLIENT));
  EXPECT_TRUE(purpose(job.worker, X509_PURPOSE_SSL_CLIENT));
  EXPECT_FALSE(purpose(job.worker, X509_PURPOSE_SSL_SERVER));
  EXPECT_EQ(X509_check_host(read(job.orchestrator.certificate_pem).get(), kHost, 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(read(job.orchestrator.certificate_pem).get(), "other-orchestrator.team.svc", 0, 0,
                            nullptr),
            0);
}

TEST(Certificates, AreValidFromAnHourBeforeForTenYears) {
  const Made job = made();
  const auto valid = [&](std::chrono::sys_seconds time) {
    return verifies(job.worker.certificate_pem, job.authority_pem, X509_PURPOSE_SSL_CLIENT, time);
  };
  EXPECT_TRUE(valid(now() - hours(1) + seconds(60)));
  EXPECT_FALSE(valid(now() - hours(1) - seconds(60)));
  EXPECT_TRUE(valid(now() + hours(24 * 3651)));
  EXPECT_FALSE(valid(now() + hours(24 * 3653)));
}

// A worker that is added later, by an operator that has read the authority again.
TEST(Certificates, AnAuthorityThatWasStoredSignsAsBefore) {
  const Made job = made();
  const auto again = JobAuthority::read(job.authority);
  ASSERT_TRUE(again.ok()) << again.error().message;
  const auto later = again->certify_worker("worker-8", now() + hours(24 * 400));
  ASSERT_TRUE(later.ok());
  EXPECT_TRUE(
      verifies(later->certificate_pem, job.authority_pem, X509_PURPOSE_SSL_CLIENT, now() + hours(24 * 400)));
  const Made other = made();
  for (const CertifiedKey& wrong :
       {CertifiedKey{}, CertifiedKey{job.authority_pem, "x"}, CertifiedKey{"x", job.authority.key_pem},
        CertifiedKey{job.authority_pem, other.authority.key_pem}}) {
    EXPECT_EQ(JobAuthority::read(wrong).error().code, ErrorCode::kCorrupt);
  }
}

TEST(Certificates, AWorkersIsOfItsOwnName) {
  const Certificate certificate = read(made().worker.certificate_pem);
  std::array<char, 100> text{};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, text.data(),
                            static_cast<int>(text.size()));
  EXPECT_STREQ(text.data(), "worker-7");
}

TEST(Certificates, AreMadeAnewInTheirLastYear) {
  const Made job = made();
  EXPECT_FALSE(wears_out(job.worker.certificate_pem, now() + hours(24 * 3286)));
  EXPECT_TRUE(wears_out(job.worker.certificate_pem, now() + hours(24 * 3288)));
  EXPECT_TRUE(wears_out("", now()));
}

TEST(Certificates, EachIsMadeAnew) {
  const Made one = made();
  const Made two = made();
  EXPECT_NE(one.worker.key_pem, two.worker.key_pem);
  EXPECT_NE(one.worker.key_pem, one.orchestrator.key_pem);
  EXPECT_THAT(one.worker.key_pem, HasSubstr("BEGIN PRIVATE KEY"));  // PKCS#8
  EXPECT_NE(ASN1_INTEGER_cmp(X509_get_serialNumber(read(one.worker.certificate_pem).get()),
                             X509_get_serialNumber(read(one.orchestrator.certificate_pem).get())),
            0);
  EXPECT_FALSE(verifies(one.worker.certificate_pem, two.authority_pem, X509_PURPOSE_SSL_CLIENT, now()));
}

TEST(Certificates, TakeTheLongestNamesAndRefuseWhatIsNoHost) {
  made(std::string(100, 'a'), std::string(63, 'a') + "." + std::string(63, 'b') + ".svc");
  for (const char* host : {"", "a,DNS:evil.example", "a b", "*"}) {
    const auto authority = JobAuthority::make("digits", now());
    EXPECT_EQ(authority->certify_orchestrator("digits", host, now()).error().code,
              ErrorCode::kInvalidArgument)
        << host;
    EXPECT_EQ(authority->certify_worker(std::string(65, 'w'), now()).error().code,
              ErrorCode::kInvalidArgument);
  }
}

TlsFiles files(const test::TemporaryDirectory& folder, const std::string& name, const std::string& authority,
               const CertifiedKey& key) {
  return {.ca = folder.write(name + "-ca", authority),
          .certificate = folder.write(name + "-crt", key.certificate_pem),
          .key = folder.write(name + "-key", key.key_pem)};
}

// The answer of an orchestrator with `server` to an agent with `client`.
Result<ProtocolClient::Reply> call(const TlsFiles& server, const TlsFiles& client, const std::string& name) {
  boost::asio::io_context io;
  auto listening = ProtocolServer::listen(
      io, {.endpoint = parse_endpoint("127.0.0.1:0").value(), .tls = server},
      [](const ProtocolServer::Request&, const ProtocolServer::ReplyTo& reply) { reply({200, "welcome"}); });
  if (!listening.ok()) return listening.error();
  auto calling =
      ProtocolClient::create(io, {.endpoint = (*listening)->endpoint(), .tls = client, .server_name = name});
  if (!calling.ok()) return calling.error();
  std::optional<Result<ProtocolClient::Reply>> got;
  (*calling)->post("/v1/lease", "", seconds(20),
                   [&](Result<ProtocolClient::Reply> reply) { got = std::move(reply); });
  const auto give_up = std::chrono::steady_clock::now() + seconds(60);
  while (!got && std::chrono::steady_clock::now() < give_up) {
    io.restart();
    io.run_one_for(std::chrono::milliseconds(20));
  }
  if (!got) return Error{ErrorCode::kUnavailable, "no answer", false};
  return *got;
}

TEST(MutualTls, BetweenTheOrchestratorAndAWorkerOfOneJob) {
  const test::TemporaryDirectory folder;
  const Made job = made();
  const auto reply = call(files(folder, "o", job.authority_pem, job.orchestrator),
                          files(folder, "w", job.authority_pem, job.worker), kHost);
  ASSERT_TRUE(reply.ok()) << reply.error().message;
  EXPECT_EQ(reply->body, "welcome");
}

TEST(MutualTls, AnotherJobsWorkerGetsNothing) {
  const test::TemporaryDirectory folder;
  const Made job = made();
  const Made other = made();
  // It even knows the authority of the job that it calls.
  EXPECT_FALSE(call(files(folder, "o", job.authority_pem, job.orchestrator),
                    files(folder, "w", job.authority_pem, other.worker), kHost)
                   .ok());
}

TEST(MutualTls, AnotherJobsOrchestratorIsNotBelieved) {
  const test::TemporaryDirectory folder;
  const Made job = made();
  const Made other = made();
  EXPECT_FALSE(call(files(folder, "o", other.authority_pem, other.orchestrator),
                    files(folder, "w", job.authority_pem, job.worker), kHost)
                   .ok());
}

TEST(MutualTls, AWorkerDoesNotPassAsTheOrchestrator) {
  const test::TemporaryDirectory folder;
  const Made job = made();
  EXPECT_FALSE(call(files(folder, "o", job.authority_pem, job.worker),
                    files(folder, "w", job.authority_pem, job.worker), kHost)
                   .ok());
}

TEST(MutualTls, TheNameMustBeTheServices) {
  const test::TemporaryDirectory folder;
  const Made job = made();
  EXPECT_FALSE(call(files(folder, "o", job.authority_pem, job.orchestrator),
                    files(folder, "w", job.authority_pem, job.worker), "other-orchestrator.team.svc")
                   .ok());
}

}  // namespace
}  // namespace parallelrun::op
