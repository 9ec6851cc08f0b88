// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A secret: bytes on pages of their own that no core dump includes, wiped when freed. There is no function that prints
 * one, on purpose. Owner: whoever called secret_new; secret_ref shares it. Safe to share between threads.
 */
#include "base/err.h"
#include "base/span.h"

struct secret;

#define SECRET_MAX_BYTES 4096

/* Copies the bytes; ERR_TOO_LARGE beyond SECRET_MAX_BYTES. */
int secret_new(struct span bytes, struct secret **ret_secret) WARN_UNUSED;
struct secret *secret_ref(struct secret *secret);
void secret_unref(struct secret *secret); /* NULL is fine */
/* Borrowed, valid as long as the reference; for the one header writer that sends it. */
struct span secret_reveal(const struct secret *secret);
/* Compares in time that depends on the lengths only. */
bool secret_equal(const struct secret *secret, struct span bytes);
/* Overwrites memory in a way that is not optimised away. */
void secret_wipe(void *memory, size_t size);
/* Call once at start: no core file, no ptrace by others of the same user. */
void secret_harden_process(void);
