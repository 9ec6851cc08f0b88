// SPDX-License-Identifier: Apache-2.0
#pragma once
/* How large an image is, from the first bytes of its data. */
#include "base/span.h"

/* Width and height from a data: URL of PNG, JPEG, GIF or WebP (escaped text). False for other URLs, other forms, and heads that are cut or
 * absurd. */
bool image_size_of_url(struct span escaped_url, uint32_t *ret_width, uint32_t *ret_height);
