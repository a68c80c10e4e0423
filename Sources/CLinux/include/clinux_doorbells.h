// Ringing an eventfd that a distrusted peer holds too. Every function returns zero or -errno.
#ifndef CLINUX_DOORBELLS_H
#define CLINUX_DOORBELLS_H

/// Adds one to an eventfd and never waits: not even where the peer has taken O_NONBLOCK away from the open file, which
/// it shares, and filled the counter. A counter that is full is left as it is.
int clinux_ring_eventfd(int descriptor);

#endif
