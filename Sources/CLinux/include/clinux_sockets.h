// Unix sockets that carry descriptors. Every function returns a non-negative result or -errno.
#ifndef CLINUX_SOCKETS_H
#define CLINUX_SOCKETS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CLINUX_STREAM 1
#define CLINUX_SEQPACKET 5
/// The most descriptors one message carries here.
#define CLINUX_DESCRIPTORS_MAX 64

int clinux_unix_listen(int type, const char *path, int backlog);
int clinux_unix_connect(int type, const char *path);
int clinux_unix_pair(int type, int pair[2]);
int clinux_accept(int listener);
/// Asks that so many bytes may wait in a unix socket for its peer; fewer where the system allows no more.
void clinux_send_room(int socket, int byte_count);

/// Sends one message with its descriptors; the whole message or an error.
ssize_t clinux_send(int socket, const void *bytes, size_t count, const int *descriptors, size_t descriptor_count);
/// Receives one message. `*descriptor_count` is the capacity going in and the number received coming out;
/// more descriptors than fit are closed and the message is refused with -EMSGSIZE, as is a truncated one.
ssize_t clinux_receive(int socket, void *bytes, size_t capacity, int *descriptors, size_t *descriptor_count);

/// The credentials the peer had when it connected.
int clinux_peer_credentials(int socket, pid_t *pid, uid_t *uid, gid_t *gid);

#endif
