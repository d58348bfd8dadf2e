// A short-lived child process whose output is collected: pip, ps, a question to an interpreter.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace parallelrun::agent {

struct CommandRequest {
  std::string exec_program;       // path of parallelrun-exec
  std::vector<std::string> argv;  // argv[0]: absolute path
  std::vector<std::string> environment;
  std::string working_directory;                         // empty: the agent's
  std::function<void(std::string_view)> on_output = {};  // both streams as they come; may be empty
};

struct CommandEnd {
  bool succeeded = false;  // started, and ended with exit status 0
  std::string words;       // how it ended
  std::string output;      // the last 256 KB of both streams
};

// Runs it on the loop and calls `done` once, never before this returns. The process ends with the agent.
void run_command(boost::asio::io_context& io, CommandRequest request, std::function<void(CommandEnd)> done);

// The absolute path of a program found on PATH (of `environment`); empty when there is none.
std::string find_on_path(const std::string& program, const std::vector<std::string>& environment);

// The value of a variable of `environment`; empty when it is not set.
std::string variable(const std::vector<std::string>& environment, std::string_view name);

}  // namespace parallelrun::agent
