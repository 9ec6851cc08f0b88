// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Vectors in the two forms of the wire: a JSON array of numbers, and base64 of float32, little-endian. Both ways nothing is
 * lost: a number becomes the nearest float32, a float32 the shortest number that reads back as it.
 *
 * Arrays must be valid JSON (json_validate); base64 is taken as it stands inside a JSON string, any bytes. What is not a
 * vector of finite numbers is refused, empty ones too.
 */
#include "base/dynbuf.h"

#define FLOAT32_TEXT_MAX_BYTES 24

/* The nearest float32 of a JSON number; false beyond the range. */
bool float32_read(struct span number, float *ret_value);
/* The shortest JSON number for a finite value; returns its length. No NUL. */
size_t float32_write(float value, char text[FLOAT32_TEXT_MAX_BYTES]);

/* How many numbers; false: not a vector. */
bool vector_measure(struct span array, uint32_t *ret_count);
bool vector_measure_base64(struct span base64, uint32_t *ret_count);
/* The other form, appended without quotes or with brackets. ERR_INVALID: not a vector. */
int vector_write_base64(struct span array, struct dynbuf *out) WARN_UNUSED;
int vector_write_array(struct span base64, struct dynbuf *out) WARN_UNUSED;
