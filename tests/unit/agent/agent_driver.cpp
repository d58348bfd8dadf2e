// run_agent() as a program of its own, for tests/integration/agent: an agent without the other verbs.
//   agent_driver CONNECT NAME NODE PROGRAM_DIRECTORY PROCESSES [PATIENCE_MS]
#include <chrono>
#include <cstdint>
#include <iostream>
#include <string>

#include "runner/agent/agent.h"

int main(int argc, char** argv) {
  if (argc < 6) {
    std::cerr << "usage: agent_driver CONNECT NAME NODE PROGRAM_DIRECTORY PROCESSES [PATIENCE_MS]\n";
    return 2;
  }
  parallelrun::AgentOptions options;
  options.connect = argv[1];
  options.name = argv[2];
  options.node = argv[3];
  options.program_directory = argv[4];
  options.processes = static_cast<std::uint32_t>(std::stoul(argv[5]));
  if (argc > 6) options.orchestrator_patience = std::chrono::milliseconds(std::stol(argv[6]));
  return parallelrun::run_agent(options);
}
