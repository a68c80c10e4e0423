// What tools/vop-bench holds our code against, in C: the same work done with the least that Linux and C allow.
// Times are nanoseconds; a negative result is -errno.
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include <stdint.h>

/// A split virtqueue of 256 (VIRTIO 1.3, 2.7), driver and device in one loop with all state in locals: `rounds` times
/// add `batch` chains of one descriptor, publish, take, complete and reap them. How long that took.
int64_t floor_ring_cycle(uint32_t rounds, uint32_t batch);
/// The same ring between two threads that poll, one chain at a time, each on its processor. How long `rounds` took.
int64_t floor_ring_ping_pong(uint32_t rounds, int driver_cpu, int device_cpu);

/// Two threads that wake each other `rounds` times: eventfd behind epoll_wait and read. How long that took.
int64_t floor_eventfd_ping_pong(uint32_t rounds, int near_cpu, int far_cpu);

/// Binds every thread of `process` (0: the calling thread alone) to one processor; -1 lets it go anywhere.
int floor_pin(int process, int cpu);
/// Nanoseconds of processor time that all threads of `process` have used.
int64_t floor_processor_time(int process);
/// How often they have stopped running of their own accord, each of which is a wake-up later.
int64_t floor_sleeps(int process);
/// Its share of memory (Pss), in bytes.
int64_t floor_memory(int process);

/// Counting, in this whole program, of what the inner loop must not do. Off until started.
void floor_count_start(void);
void floor_count_stop(void);
uint64_t floor_allocations(void);
uint64_t floor_retains(void);
uint64_t floor_releases(void);

/// Work on an open file or directory, as a program does it. Each answers how long it took.
int64_t floor_read_file(int file, uint32_t block, uint64_t byte_count);
int64_t floor_write_file(int file, uint32_t block, uint64_t byte_count);
int64_t floor_random_reads(int file, uint32_t block, uint64_t file_size, uint32_t threads, uint32_t per_thread);
/// What each thread does `per_thread` times to names of its own: all in `directory`, or each in a directory of its own in
/// there, `d00` and so on. Of threads that change one directory, the kernel lets one at a time.
enum floor_name_work { FLOOR_STAT = 0, FLOOR_CREATE = 1, FLOOR_UNLINK = 2 };
int64_t floor_names(int directory, int work, uint32_t threads, uint32_t per_thread, int are_apart);
/// Lists the directory once; it must hold `expected` entries besides "." and "..".
int64_t floor_list(int directory, uint32_t expected);

#endif
