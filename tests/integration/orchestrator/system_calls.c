// Preloaded into an orchestrator: writes down which of its calls change files, make them durable, or speak to
// agents, in the order in which they happen. system_calls.py reads it.
//
//   AUDIT_LOG   the folder for the records; one file for each process
//   AUDIT_DROP  "fdatasync", "fsync" or "folder": that call is not done and not recorded, as if the program
//               did not make it
//
// A record: one line "call|descriptor|path|other path|offset|length|result", then `length` bytes, then a line
// break. What changes a file is recorded when it is done, what makes it durable when it begins and when it is
// done, what is sent before it is sent.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int log_fd = -1;
static const char* dropped = "";
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void begin(void) {
  const char* folder = getenv("AUDIT_LOG");
  char line[65536];
  const int fd = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  const ssize_t size = fd < 0 ? 0 : syscall(SYS_read, fd, line, sizeof line);
  if (fd >= 0) syscall(SYS_close, fd);
  if (folder == NULL || size <= 0 || memmem(line, (size_t)size, "\0orchestrator\0", 14) == NULL) return;
  if (getenv("AUDIT_DROP") != NULL) dropped = getenv("AUDIT_DROP");
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/%d", folder, (int)getpid());
  const int opened =
      (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  log_fd = fcntl(opened, F_DUPFD_CLOEXEC, 700);
  syscall(SYS_close, opened);
}

static void put(const void* bytes, size_t size) {
  const char* at = bytes;
  while (size > 0) {
    const ssize_t done = syscall(SYS_write, log_fd, at, size);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) abort();
    at += done;
    size -= (size_t)done;
  }
}

static const char* path_of(int fd, char* buffer) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = fd < 0 ? -1 : syscall(SYS_readlinkat, AT_FDCWD, link, buffer, PATH_MAX - 1);
  buffer[size < 0 ? 0 : size] = '\0';
  return buffer;
}

static void record(const char* call, int fd, const char* path, const char* other, long long offset,
                   long long result, const struct iovec* parts, int count) {
  if (log_fd < 0) return;
  const int error = errno;
  char buffer[PATH_MAX];
  if (path == NULL) path = path_of(fd, buffer);
  size_t length = 0;
  for (int i = 0; i < count; ++i) length += parts[i].iov_len;
  char line[3 * PATH_MAX];
  const int size = snprintf(line, sizeof line, "%s|%d|%s|%s|%lld|%zu|%lld\n", call, fd, path, other, offset,
                            length, result);
  pthread_mutex_lock(&order);
  put(line, (size_t)size);
  for (int i = 0; i < count; ++i) put(parts[i].iov_base, parts[i].iov_len);
  put("\n", 1);
  pthread_mutex_unlock(&order);
  errno = error;
}

static void record_bytes(const char* call, int fd, long long offset, const void* bytes, ssize_t result) {
  const struct iovec part = {(void*)bytes, result > 0 ? (size_t)result : 0};
  if (result > 0) record(call, fd, NULL, "", offset, result, &part, 1);
}

static int is_socket(int fd) {
  struct stat status;
  return fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

static int is_folder(int fd) {
  struct stat status;
  return fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

// --- files

static int opened(int fd, int flags) {
  if (fd >= 0 && (flags & O_CREAT) != 0) record("create", fd, NULL, "", 0, fd, NULL, 0);
  return fd;
}

#define MODE_OF(flags)                          \
  mode_t mode = 0;                              \
  if (((flags) & (O_CREAT | O_TMPFILE)) != 0) { \
    va_list rest;                               \
    va_start(rest, flags);                      \
    mode = (mode_t)va_arg(rest, unsigned int);  \
    va_end(rest);                               \
  }

int open(const char* path, int flags, ...) {
  MODE_OF(flags)
  return opened((int)syscall(SYS_openat, AT_FDCWD, path, flags, mode), flags);
}

int open64(const char* path, int flags, ...) {
  MODE_OF(flags)
  return opened((int)syscall(SYS_openat, AT_FDCWD, path, flags, mode), flags);
}

int openat(int folder, const char* path, int flags, ...) {
  MODE_OF(flags)
  return opened((int)syscall(SYS_openat, folder, path, flags, mode), flags);
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  const ssize_t done = REAL(pwrite)(fd, bytes, size, offset);
  record_bytes("write", fd, offset, bytes, done);
  return done;
}

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t offset) {
  const ssize_t done = REAL(pwrite64)(fd, bytes, size, offset);
  record_bytes("write", fd, offset, bytes, done);
  return done;
}

ssize_t copy_file_range(int from, off64_t* read_at, int to, off64_t* write_at, size_t size,
                        unsigned int flags) {
  const long long offset = write_at == NULL ? 0 : *write_at;
  const ssize_t done = REAL(copy_file_range)(from, read_at, to, write_at, size, flags);
  if (done > 0 && log_fd >= 0) {
    char* bytes = malloc((size_t)done);
    const ssize_t got =
        syscall(SYS_pread64, from, bytes, (size_t)done, read_at == NULL ? 0 : *read_at - done);
    if (got != done) abort();
    record_bytes("write", to, offset, bytes, done);
    free(bytes);
  }
  return done;
}

int ftruncate(int fd, off_t size) {
  const int done = REAL(ftruncate)(fd, size);
  if (done == 0) record("cut", fd, NULL, "", size, 0, NULL, 0);
  return done;
}

int ftruncate64(int fd, off64_t size) {
  const int done = REAL(ftruncate64)(fd, size);
  if (done == 0) record("cut", fd, NULL, "", size, 0, NULL, 0);
  return done;
}

static int synced(int number, const char* name, int fd) {
  if (log_fd < 0) return (int)syscall(number, fd);
  if (strcmp(dropped, name) == 0 || (strcmp(dropped, "folder") == 0 && is_folder(fd))) return 0;
  record("sync", fd, NULL, "begins", 0, 0, NULL, 0);
  const int done = (int)syscall(number, fd);
  if (done == 0) record("sync", fd, NULL, "ends", 0, 0, NULL, 0);
  return done;
}

int fdatasync(int fd) { return synced(SYS_fdatasync, "fdatasync", fd); }
int fsync(int fd) { return synced(SYS_fsync, is_folder(fd) ? "folder" : "fsync", fd); }

int rename(const char* from, const char* to) {
  const int done = REAL(rename)(from, to);
  if (done == 0) record("rename", -1, from, to, 0, 0, NULL, 0);
  return done;
}

int unlink(const char* path) {
  const int done = REAL(unlink)(path);
  if (done == 0) record("remove", -1, path, "", 0, 0, NULL, 0);
  return done;
}

// --- files and sockets

ssize_t write(int fd, const void* bytes, size_t size) {
  if (log_fd >= 0 && is_socket(fd)) record_bytes("send", fd, 0, bytes, (ssize_t)size);
  const ssize_t done = syscall(SYS_write, fd, bytes, size);
  if (log_fd >= 0 && !is_socket(fd)) record_bytes("write", fd, -1, bytes, done);
  return done;
}

ssize_t send(int fd, const void* bytes, size_t size, int flags) {
  record_bytes("send", fd, 0, bytes, (ssize_t)size);
  return REAL(send)(fd, bytes, size, flags);
}

ssize_t sendmsg(int fd, const struct msghdr* message, int flags) {
  record("send", fd, NULL, "", 0, 0, message->msg_iov, (int)message->msg_iovlen);
  return REAL(sendmsg)(fd, message, flags);
}

ssize_t writev(int fd, const struct iovec* parts, int count) {
  if (log_fd >= 0 && is_socket(fd)) record("send", fd, NULL, "", 0, 0, parts, count);
  return REAL(writev)(fd, parts, count);
}

static void received(int fd, const struct iovec* parts, size_t count, ssize_t size) {
  for (size_t i = 0; i < count && size > 0; ++i) {
    const size_t part = (size_t)size < parts[i].iov_len ? (size_t)size : parts[i].iov_len;
    record_bytes("receive", fd, 0, parts[i].iov_base, (ssize_t)part);
    size -= (ssize_t)part;
  }
}

ssize_t recv(int fd, void* bytes, size_t size, int flags) {
  const ssize_t done = REAL(recv)(fd, bytes, size, flags);
  record_bytes("receive", fd, 0, bytes, done);
  return done;
}

ssize_t recvmsg(int fd, struct msghdr* message, int flags) {
  const ssize_t done = REAL(recvmsg)(fd, message, flags);
  received(fd, message->msg_iov, message->msg_iovlen, done);
  return done;
}

ssize_t readv(int fd, const struct iovec* parts, int count) {
  const ssize_t done = REAL(readv)(fd, parts, count);
  if (log_fd >= 0 && is_socket(fd)) received(fd, parts, (size_t)count, done);
  return done;
}

ssize_t read(int fd, void* bytes, size_t size) {
  const ssize_t done = syscall(SYS_read, fd, bytes, size);
  if (log_fd >= 0 && is_socket(fd)) record_bytes("receive", fd, 0, bytes, done);
  return done;
}
