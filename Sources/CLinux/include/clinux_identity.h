// Whom a thread acts for when it touches files. Linux keeps these per thread; glibc's wrappers would change all.
// Every function returns a non-negative result or -errno.
#ifndef CLINUX_IDENTITY_H
#define CLINUX_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

/// The most supplementary groups a user has here (NGROUPS_MAX).
#define CLINUX_GROUPS_MAX 65536

/// From now on the calling thread reaches files as `user`, without capabilities unless that is root.
int clinux_assume_identity(uint32_t user, uint32_t group, const uint32_t *groups, size_t count);
/// Clears the file-creation mask, of the calling thread alone where that is allowed.
void clinux_clear_creation_mask(void);

uint32_t clinux_effective_user(void);
/// Whom the calling thread reaches files as (its file system user and group).
uint32_t clinux_file_access_user(void);
uint32_t clinux_file_access_group(void);
/// Whether the calling thread may become other users: it is root, and no user namespace denies it setgroups.
int clinux_may_become_others(void);
uint32_t clinux_effective_group(void);
/// The calling process's supplementary groups; how many there are.
int clinux_own_groups(uint32_t *groups, size_t capacity);
/// The primary group and all groups of `user` in the user database: how many; -ENOENT for a stranger.
int clinux_groups_of(uint32_t user, uint32_t *primary, uint32_t *groups, size_t capacity);
/// -ENOENT when nobody has that name.
int clinux_user_named(const char *name, uint32_t *user);
/// Processors the calling thread may run on, at least one.
int clinux_core_count(void);

#endif
