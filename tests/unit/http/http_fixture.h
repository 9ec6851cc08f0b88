// SPDX-License-Identifier: Apache-2.0
#pragma once
/* What every test of http/ includes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/span.h"

static inline void assert_span(struct span span, const char *text) {
    assert_int_equal(span.len, strlen(text));
    assert_memory_equal(span.ptr, text, span.len);
}
