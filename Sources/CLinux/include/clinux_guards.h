// Mappings whose pages may vanish under us: a file that was truncated, a card that was removed, a page that the
// machine lost. A SIGBUS inside a guarded one puts zeros in its place and is remembered; any other stays fatal.
#ifndef CLINUX_GUARDS_H
#define CLINUX_GUARDS_H

#include <stddef.h>
#include <stdint.h>

/// Guards `count` mapped bytes from `start` on, a page's start. From the first call on SIGBUS has our handler.
/// Returns a number for the calls below, or -errno (-ENFILE: as many as there can be are guarded).
int clinux_guard(void *start, size_t count);
/// Before it is unmapped.
void clinux_unguard(int guard);
/// Whether pages of it have vanished.
int clinux_guard_has_lost(int guard);

extern uint32_t clinux_losses;
/// How often anything guarded has lost pages.
static inline uint32_t clinux_loss_count(void) { return __atomic_load_n(&clinux_losses, __ATOMIC_ACQUIRE); }

#endif
