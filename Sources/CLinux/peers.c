#define _GNU_SOURCE
#include "clinux_peers.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "magic_link.h"

int clinux_unix_listen_as(int type, const char *path, int backlog, mode_t mode) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    int descriptor = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return -errno;
    // Linux gives the file the mode of the socket's own inode less the umask; chmod then adds what the umask took.
    if (fchmod(descriptor, mode) == 0 && bind(descriptor, (struct sockaddr *)&address, sizeof address) == 0) {
        if (chmod(path, mode) == 0 && listen(descriptor, backlog) == 0) return descriptor;
        int error = errno;
        unlink(path);
        errno = error;
    }
    int error = errno;
    close(descriptor);
    return -error;
}

int clinux_unlink(const char *path) { return unlink(path) < 0 ? -errno : 0; }

int clinux_adopt_eventfd(int descriptor) {
    static const char expected[] = "anon_inode:[eventfd]";
    char target[64];
    ssize_t length = readlink(magic_link(descriptor).path, target, sizeof target);
    if (length < 0) return -errno;
    if ((size_t)length != sizeof expected - 1 || memcmp(target, expected, sizeof expected - 1) != 0) return -EINVAL;
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0) return -errno;
    return 0;
}

ssize_t clinux_stream_write_both(int socket, const void *first, size_t first_count, const void *second,
                                 size_t second_count) {
    struct iovec parts[2] = {{.iov_base = (void *)first, .iov_len = first_count},
                             {.iov_base = (void *)second, .iov_len = second_count}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t result = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    return result < 0 ? -errno : result;
}
