// parallelrun-exec PARENT_PID MEMORY PROGRAM [ARGUMENT...]
//
// Runs PROGRAM in its own place, after three things that posix_spawn cannot ask for: the program is killed
// when the agent that started it ends, the kernel that runs out of memory takes it before the agent, and
// whatever it starts can be told to be its own (runner/agent/orphans.h).
// With MEMORY (bytes; 0: no limit) it may not allocate more: then an allocation fails, and not the machine.
// The link to the agent is checked after it is made, since the agent may be gone already.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static void prefer_as_victim(void) {
  const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  // Raising one's own score needs no privilege; where it fails, nothing is lost.
  const ssize_t written = write(fd, "500", 3);
  (void)written;
  close(fd);
}

// Of the kinds of limit, the one on private memory that can be written: libraries reserve far more addresses
// than they use.
static int limit_memory(const char* text) {
  const unsigned long long bytes = strtoull(text, NULL, 10);
  if (bytes == 0) return 0;
  const struct rlimit limit = {(rlim_t)bytes, (rlim_t)bytes};
  return setrlimit(RLIMIT_DATA, &limit);
}

int main(int argc, char** argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: parallelrun-exec PARENT_PID MEMORY PROGRAM [ARGUMENT...]\n");
    return 2;
  }
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) {
    fprintf(stderr, "parallelrun-exec: prctl(PR_SET_PDEATHSIG): %s\n", strerror(errno));
    return 126;
  }
  if (getppid() != (pid_t)strtol(argv[1], NULL, 10)) return 125;
  prefer_as_victim();
  if (limit_memory(argv[2]) != 0) {
    fprintf(stderr, "parallelrun-exec: processMemoryLimit of %s bytes: %s\n", argv[2], strerror(errno));
    return 126;
  }
  char pid[24];
  snprintf(pid, sizeof pid, "%ld", (long)getpid());
  setenv("PARALLELRUN_WORKER_PID", pid, 1);
  execv(argv[3], argv + 3);
  fprintf(stderr, "parallelrun-exec: cannot run '%s': %s\n", argv[3], strerror(errno));
  return 127;
}
