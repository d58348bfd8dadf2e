// Stands as FOLDER/bin/NAME in a bundle that may lie anywhere, such as a Python environment
// (docker/bundle.sh), and runs FOLDER/lib/NAME in its own place, through the loader that lies beside it. The
// kernel cannot: in a program the loader is named by an absolute path. Linked statically, so that it starts
// beside any C library.
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#define LOADER "ld-linux-x86-64.so.2"
#elif defined(__aarch64__)
#define LOADER "ld-linux-aarch64.so.1"
#else
#error "name the loader of this architecture"
#endif

int main(int argc, char** argv) {
  char self[PATH_MAX];
  const ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
  if (size <= 0) {
    fprintf(stderr, "parallelrun: /proc/self/exe cannot be read: %s; mount /proc\n", strerror(errno));
    return 126;
  }
  self[size] = '\0';

  // FOLDER/bin/NAME
  char folder[PATH_MAX];
  memcpy(folder, self, (size_t)size + 1);
  char* slash = strrchr(folder, '/');
  const char* name = self + (slash - folder) + 1;
  *slash = '\0';
  slash = strrchr(folder, '/');
  if (slash == NULL) {
    fprintf(stderr, "parallelrun: '%s' lies in no folder bin; install it again\n", self);
    return 126;
  }
  *slash = '\0';

  char loader[PATH_MAX + 64];
  char program[PATH_MAX + 64];
  snprintf(loader, sizeof loader, "%s/lib/%s", folder, LOADER);
  snprintf(program, sizeof program, "%s/lib/%s", folder, name);

  // The name that we were called by is lost on the way; as a plugin of kubectl it counts.
  const char* called = argc > 0 ? strrchr(argv[0], '/') : NULL;
  called = called != NULL ? called + 1 : argc > 0 ? argv[0] : "";
  if (strcmp(called, "kubectl-parallelrun") == 0) setenv("PARALLELRUN_CALLED_AS", called, 1);

  // Without the machine's cache of libraries: what the bundle lacks must not come from elsewhere in silence.
  char* const first[] = {loader, (char*)"--inhibit-cache", (char*)"--argv0", self, program};
  const size_t count = sizeof first / sizeof first[0];
  char** all = (char**)calloc(count + (size_t)argc + 1, sizeof(char*));
  if (all == NULL) {
    fprintf(stderr, "parallelrun: there is no memory\n");
    return 126;
  }
  for (size_t i = 0; i < count; ++i) all[i] = first[i];
  for (int i = 1; i < argc; ++i) all[count + (size_t)i - 1] = argv[i];
  execv(loader, all);
  fprintf(stderr, "parallelrun: '%s' cannot be run: %s; install it again\n", loader, strerror(errno));
  return 127;
}
