// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Asserts that stay on in release builds: a broken invariant ends the process with its place and text, since going on
 * would spend other people's quota on a guess. Never used on input: bad input is an error, not a broken invariant.
 */
#include "base/err.h"

#define check(condition)                                  \
    do {                                                  \
        if (__builtin_expect(!(condition), 0))            \
            check_failed(__FILE__, __LINE__, #condition); \
    } while (0)

/* Checks too costly for the data path; on in test builds only. */
#ifdef PAPI_SLOW_CHECKS
#define check_slow(condition) check(condition)
#else
#define check_slow(condition) ((void)sizeof(condition))
#endif

_Noreturn void check_failed(const char *file, int line, const char *condition);

/* From a member's address to the struct around it. */
#define container_of(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))
#define array_length(array) (sizeof(array) / sizeof((array)[0]))

/* Structs passed through void * carry a magic as first member `uint32_t magic`; this turns the pointer back, checked. */
#define cast_checked(pointer, type, expected_magic)                           \
    ({                                                                        \
        type *cast_result = (pointer);                                        \
        check(cast_result != NULL && cast_result->magic == (expected_magic)); \
        cast_result;                                                          \
    })
