// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Keys of this instance: 32 bytes that are either random or written down by an operator. Everything in crypto/ that takes a key
 * takes one of this size.
 */
#include "base/secret.h"

#define KEY_BYTES 32

/* Fresh random bytes. */
int key_new(struct secret **ret_key) WARN_UNUSED;
/* 64 hexadecimal digits, or base64 of 32 bytes (both alphabets, padded or not), white space around it ignored. ERR_INVALID. */
int key_from_text(struct span text, struct secret **ret_key) WARN_UNUSED;
