#include "runner/agent/install_verdict.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace parallelrun::agent {
namespace {

using std::chrono::seconds;

// As pip 23 to 25 write it.
TEST(InstallVerdict, TellsWhatMayPassFromWhatCannot) {
  struct Case {
    InstallVerdict verdict;
    std::string output;
    std::string end = "exit status 1";
  };
  const std::string no_match =
      "ERROR: Could not find a version that satisfies the requirement numpy==9 (from versions: none)\n"
      "ERROR: No matching distribution found for numpy==9\n";
  const std::vector<Case> cases = {
      {InstallVerdict::kHopeless, no_match},
      {InstallVerdict::kHopeless,
       "ERROR: Cannot install a==1 and b==2 because these package versions have conflicting dependencies.\n"
       "ERROR: ResolutionImpossible: for help visit https://pip.pypa.io/\n"},
      {InstallVerdict::kHopeless, "ERROR: Invalid requirement: 'numpy=1': Expected end or semicolon\n"},
      {InstallVerdict::kHopeless, "ERROR: x.whl is not a supported wheel on this platform.\n"},
      {InstallVerdict::kHopeless, "ERROR: Package 'a' requires a different Python: 3.11.2 not in '>=3.13'\n"},
      {InstallVerdict::kHopeless,
       "ERROR: HTTP error 404 while getting x\nrequests: 404 Client Error: Not Found\n"},
      {InstallVerdict::kHopeless,
       "ERROR: Could not install packages due to an OSError: [Errno 2] No such file or directory: "
       "'/a.whl'\n"},
      // The same words where the index was not reached.
      {InstallVerdict::kPassing,
       "WARNING: Retrying (Retry(total=4, connect=None, read=None, redirect=None, status=None)) after "
       "connection "
       "broken by 'NewConnectionError('...: [Errno 111] Connection refused')': /simple/numpy/\n" +
           no_match},
      {InstallVerdict::kPassing,
       "socket.gaierror: [Errno -3] Temporary failure in name resolution\n" + no_match},
      {InstallVerdict::kPassing, "pip._vendor.urllib3.exceptions.ReadTimeoutError: ... Read timed out.\n"},
      {InstallVerdict::kPassing, "ERROR: HTTP error 503 while getting https://index/x.whl\n"},
      {InstallVerdict::kPassing,
       "pip._internal.exceptions: 502 Server Error: Bad Gateway for url: x\n" + no_match},
      {InstallVerdict::kPassing,
       "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n"},
      {InstallVerdict::kPassing, "OSError: [Errno 122] Disk quota exceeded\n"},
      {InstallVerdict::kPassing, "error: incomplete-download\n"},
      {InstallVerdict::kPassing, "Collecting torch\n", "the process was killed by SIGKILL (Killed)"},
      // As uv 0.13 writes it.
      {InstallVerdict::kHopeless,
       "error: No solution found when resolving dependencies\n  cause: Because nosuch was not found in the "
       "provided "
       "package locations and you require nosuch, we can conclude that your requirements are "
       "unsatisfiable.\n"},
      {InstallVerdict::kHopeless,
       "error: Failed to parse: `numpy=1`\n  cause: no such comparison operator \"=\"\n", "exit status 2"},
      {InstallVerdict::kHopeless, "error: Distribution not found at: file:///nothing.whl\n"},
      {InstallVerdict::kHopeless, "error: File not found: nofile.txt\n", "exit status 2"},
      {InstallVerdict::kHopeless,
       "error: Failed to fetch: http://127.0.0.1/x\n  cause: HTTP status client error (404 Not Found) for "
       "url (x)\n"},
      {InstallVerdict::kPassing,
       "error: Request failed after 3 retries in 9.7s\n  cause: Failed to fetch: "
       "http://127.0.0.1:9/simple/a/\n  "
       "cause: error sending request for url (http://127.0.0.1:9/simple/a/)\n  cause: tcp connect error\n"},
      {InstallVerdict::kPassing,
       "error: Failed to fetch: x\n  cause: HTTP status server error (503 Service Unavailable) for url "
       "(x)\n"},
      {InstallVerdict::kPassing,
       "error: Failed to fetch: x\n  cause: HTTP status client error (429 Too Many Requests) for url (x)\n"},
      {InstallVerdict::kPassing,
       "error: Failed to extract archive\n  cause: No space left on device (os error 28)\n"},
      // Nobody knows.
      {InstallVerdict::kUnknown,
       "error: subprocess-exited-with-error\n  x Building wheel for a did not run successfully.\n"},
      {InstallVerdict::kUnknown, ""},
  };
  for (const Case& c : cases) EXPECT_EQ(install_verdict(c.output, c.end), c.verdict) << c.output;
}

TEST(InstallRetries, GrowTheirPausesAndNeverEndForWhatMayPass) {
  InstallRetries retries;
  std::vector<std::int64_t> pauses;
  for (int i = 1; i <= 100; ++i) {
    const auto next = retries.after(InstallVerdict::kPassing);
    ASSERT_TRUE(next);
    if (i <= 8) pauses.push_back(next->pause / seconds(1));
    EXPECT_LE(next->pause, seconds(60));
    EXPECT_EQ(next->given_up, i >= InstallRetries::kPatientTries) << i;
  }
  EXPECT_EQ(pauses, (std::vector<std::int64_t>{1, 2, 4, 8, 16, 32, 60, 60}));
  EXPECT_FALSE(retries.after(InstallVerdict::kHopeless));
}

TEST(InstallRetries, EndAtOnceOrSoonForWhatCannotPass) {
  EXPECT_FALSE(InstallRetries().after(InstallVerdict::kHopeless));
  InstallRetries unknown;
  EXPECT_TRUE(unknown.after(InstallVerdict::kUnknown));
  EXPECT_TRUE(unknown.after(InstallVerdict::kPassing));
  EXPECT_TRUE(unknown.after(InstallVerdict::kUnknown));
  EXPECT_FALSE(unknown.after(InstallVerdict::kUnknown));
}

}  // namespace
}  // namespace parallelrun::agent
