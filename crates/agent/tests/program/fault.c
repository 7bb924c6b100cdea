/* Lets the agent meet its end, or a full disk, at one exact place. Loaded into it by LD_PRELOAD.
 *
 *   FAULT_UNDER    counts what is done to files below this folder
 *   FAULT_SQL      set: counts what is sent over Unix sockets as well
 *   FAULT_KILL_AT  the number of the act before which the process is killed, as by kill -9
 *   FAULT_FULL_AT  the number of the act that finds the disk full
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int acts;

static int number(const char *name)
{
    const char *value = getenv(name);
    return value ? atoi(value) : 0;
}

/* Counts one act. True if it finds the disk full. */
static int act(int takes_room)
{
    acts++;
    if (acts == number("FAULT_KILL_AT"))
        kill(getpid(), SIGKILL);
    if (takes_room && acts == number("FAULT_FULL_AT")) {
        errno = ENOSPC;
        return 1;
    }
    return 0;
}

static int is_ours(const char *path)
{
    const char *under = getenv("FAULT_UNDER");
    return under && path && strncmp(path, under, strlen(under)) == 0;
}

static int is_ours_fd(int fd)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return is_ours(path) && !strstr(path, "agent.log");
}

static int is_sql(int fd)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    return getenv("FAULT_SQL") && getpeername(fd, (struct sockaddr *)&address, &length) == 0 && address.ss_family == AF_UNIX;
}

int open64(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    if (flags & O_CREAT && is_ours(path) && act(1))
        return -1;
    return REAL(open64)(path, flags, mode);
}

ssize_t write(int fd, const void *bytes, size_t count)
{
    if (is_ours_fd(fd) && act(1))
        return -1;
    if (is_sql(fd))
        act(0);
    return REAL(write)(fd, bytes, count);
}

ssize_t send(int fd, const void *bytes, size_t count, int flags)
{
    if (is_sql(fd))
        act(0);
    return REAL(send)(fd, bytes, count, flags);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    if (is_sql(fd))
        act(0);
    return REAL(writev)(fd, parts, count);
}

int fsync(int fd)
{
    if (is_ours_fd(fd) && act(1))
        return -1;
    return REAL(fsync)(fd);
}

int fchmod(int fd, mode_t mode)
{
    if (is_ours_fd(fd))
        act(0);
    return REAL(fchmod)(fd, mode);
}

int fchown(int fd, uid_t user, gid_t group)
{
    if (is_ours_fd(fd))
        act(0);
    return REAL(fchown)(fd, user, group);
}

int rename(const char *from, const char *to)
{
    if (is_ours(to) && act(1))
        return -1;
    return REAL(rename)(from, to);
}

int symlink(const char *target, const char *path)
{
    if (is_ours(path) && act(1))
        return -1;
    return REAL(symlink)(target, path);
}

int mkdir(const char *path, mode_t mode)
{
    if (is_ours(path) && act(1))
        return -1;
    return REAL(mkdir)(path, mode);
}

int unlink(const char *path)
{
    if (is_ours(path))
        act(0);
    return REAL(unlink)(path);
}
