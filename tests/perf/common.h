// SPDX-License-Identifier: Apache-2.0
// What the load generator and the upstream of the benchmark share: the clock, loopback sockets,
// and the few options both take. Nothing here allocates; every mishap ends the program with a
// sentence on stderr, because a benchmark that limps on measures something else.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Monotonic time in nanoseconds; the same clock in both programs, so stamps can be compared.
uint64_t now_ns(void);

// CPU time used so far by all threads of another process, in nanoseconds; 0 for pid 0.
uint64_t process_cpu_ns(pid_t pid);

// Prints "NAME: sentence" to stderr and exits with 2.
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

// A decimal number of an option; dies when it is none or above max.
uint64_t option_number(const char *name, const char *text, uint64_t max);

// A listening socket on 127.0.0.1 with a port the kernel chose, given back in *ret_port.
int listen_loopback(uint16_t *ret_port);

// Connects (blocking: loopback answers at once), then makes the socket non-blocking, no Nagle.
int connect_loopback(uint16_t port);

void set_nodelay(int fd);

// Value of a header in a head block (ends with CRLFCRLF), or NULL. Names compare without case.
const char *head_value(const char *head, const char *name);
