/* Lets the n-th call that changes files below a folder fail, or kill the process.
 *
 * Preloaded (LD_PRELOAD) into a test's own process, it stands before the C library, so that
 * SQLite's calls are met as well as Python's. Armed and disarmed by the three functions at
 * the end; while disarmed it changes nothing.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { ONCE = 0, FROM_THEN_ON = 1, KILL = 2, TORN = 3 };

static char prefix[PATH_MAX];
static int fail_at, fail_errno, fail_mode, is_armed;
static int n_calls;

static int is_below(const char *path) {
    return path != NULL && strncmp(path, prefix, strlen(prefix)) == 0;
}

static int is_ours(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_below(path);
}

/* Whether this call is to fail; it does not return when it is to kill. */
static int fails_as(int is_write) {
    int n = __sync_add_and_fetch(&n_calls, 1);
    if (n != fail_at && !(fail_mode == FROM_THEN_ON && n > fail_at)) return 0;
    if (fail_mode == KILL || (fail_mode == TORN && !is_write)) kill(getpid(), SIGKILL);
    errno = fail_errno;
    return 1;
}

static int fails(void) { return fails_as(0); }

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static int wants_fd(int fd) {
    if (!is_armed) return 0;
    int saved = errno;
    int ours = is_ours(fd);
    errno = saved;
    return ours;
}

/* Of a write that is torn, the first half arrives. */
static size_t half(size_t count) { return fail_mode == TORN ? count / 2 : 0; }

ssize_t write(int fd, const void *data, size_t count) {
    if (wants_fd(fd) && fails_as(1)) {
        if (half(count)) REAL(write)(fd, data, half(count));
        if (fail_mode == TORN) kill(getpid(), SIGKILL);
        return -1;
    }
    return REAL(write)(fd, data, count);
}

ssize_t pwrite(int fd, const void *data, size_t count, off_t offset) {
    if (wants_fd(fd) && fails_as(1)) {
        if (half(count)) REAL(pwrite)(fd, data, half(count), offset);
        if (fail_mode == TORN) kill(getpid(), SIGKILL);
        return -1;
    }
    return REAL(pwrite)(fd, data, count, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t count, off64_t offset) {
    return pwrite(fd, data, count, (off_t)offset);
}

#define ON_FD(type, name, parameters, arguments)      \
    type name parameters {                            \
        if (wants_fd(fd) && fails()) return -1;       \
        return REAL(name) arguments;                  \
    }
#define ON_PATH(type, name, parameters, arguments)                \
    type name parameters {                                        \
        if (is_armed && is_below(path) && fails()) return -1;     \
        return REAL(name) arguments;                              \
    }

ON_FD(int, fsync, (int fd), (fd))
ON_FD(int, fdatasync, (int fd), (fd))
ON_FD(int, ftruncate, (int fd, off_t length), (fd, length))
ON_FD(int, ftruncate64, (int fd, off64_t length), (fd, length))
ON_PATH(int, rename, (const char *path, const char *to), (path, to))
ON_PATH(int, mkdir, (const char *path, mode_t mode), (path, mode))

#define OPEN(name, given, path, flags, ...)                                           \
    mode_t mode = 0;                                                                  \
    if ((flags) & O_CREAT) {                                                          \
        va_list rest;                                                                 \
        va_start(rest, flags);                                                        \
        mode = va_arg(rest, mode_t);                                                  \
        va_end(rest);                                                                 \
    }                                                                                 \
    if (is_armed && ((flags) & O_CREAT) && is_below(path) && fails()) return -1;      \
    return REAL(name)given;

int open(const char *path, int flags, ...) { OPEN(open, (path, flags, mode), path, flags) }
int open64(const char *path, int flags, ...) { OPEN(open64, (path, flags, mode), path, flags) }
int openat(int at, const char *path, int flags, ...) {
    OPEN(openat, (at, path, flags, mode), path, flags)
}
int openat64(int at, const char *path, int flags, ...) {
    OPEN(openat64, (at, path, flags, mode), path, flags)
}

/* Let the n-th call below `folder` fail with `number`; n = 0 only counts. */
void faults_arm(const char *folder, int n, int number, int mode) {
    snprintf(prefix, sizeof prefix, "%s", folder);
    fail_at = n;
    fail_errno = number;
    fail_mode = mode;
    n_calls = 0;
    is_armed = 1;
}

/* Return how many calls there were. */
int faults_disarm(void) {
    is_armed = 0;
    return n_calls;
}
