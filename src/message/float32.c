// SPDX-License-Identifier: Apache-2.0
/*
 * JSON numbers and float32.
 *
 * Why by hand: a batch of embeddings holds a million numbers, and the C library takes a tenth of a second or two for them,
 * in which no other client of this loop is served. The quick ways are exact or give up: reading computes in double with an
 * error of at most two units in its last place, and asks strtof whenever the result lies so near the middle of two float32
 * that the error could choose; writing tries six to nine digits and keeps the first that reads back, which is the shortest,
 * since any number of up to six digits survives float32. Promises: results equal strtof's for every number; every finite
 * value reads back as itself. Leaves to others: vectors.
 * Source: Clinger, How to read floating point numbers accurately, 1990 (powers of ten up to 22 are exact in a double).
 */
#include "message/vector.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DIGITS_MAX      19 /* of a uint64_t */
#define POWER_MAX       22
#define NUMBER_MAX      512 /* bytes of a number that strtof is asked about */
#define EXPONENT_MAX    100000
#define MIDDLE          0x10000000u /* of the 29 bits that a double has more than a float32 */
#define MIDDLE_DISTANCE 8u

static const double powers[POWER_MAX + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                             1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                             1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

struct decimal {
    uint64_t digits;
    int exponent; /* of ten */
    bool negative;
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static const char *read_digits(const char *at, const char *end, struct decimal *decimal,
                               unsigned *count, bool fraction) {
    for (; at < end && is_digit(*at); at++) {
        bool fits = *count < DIGITS_MAX;
        if (fits)
            decimal->digits = decimal->digits * 10 + (uint64_t)(*at - '0');
        *count += fits && decimal->digits > 0;
        decimal->exponent += fraction ? -(int)fits : (int)!fits;
    }
    return at;
}

static struct decimal read_decimal(struct span number) {
    struct decimal decimal = {0};
    const char *at = number.ptr, *end = at + number.len;
    unsigned count = 0;
    int exponent = 0;
    decimal.negative = at < end && *at == '-';
    at = read_digits(at + decimal.negative, end, &decimal, &count, false);
    if (at < end && *at == '.')
        at = read_digits(at + 1, end, &decimal, &count, true);
    if (at + 1 < end) { /* the e, perhaps a sign, digits */
        bool minus = at[1] == '-';
        for (at += 1 + (minus || at[1] == '+'); at < end; at++)
            if (exponent < EXPONENT_MAX)
                exponent = exponent * 10 + (*at - '0');
        decimal.exponent += minus ? -exponent : exponent;
    }
    return decimal;
}

static bool read_slowly(struct span number, float *ret_value) {
    char text[NUMBER_MAX];
    if (number.len >= sizeof text)
        return false;
    memcpy(text, number.ptr, number.len);
    text[number.len] = '\0';
    *ret_value = strtof(text, NULL);
    return isfinite(*ret_value);
}

bool float32_read(struct span number, float *ret_value) {
    struct decimal decimal = read_decimal(number);
    if (decimal.digits == 0) {
        *ret_value = decimal.negative ? -0.0f : 0.0f;
        return true;
    }
    if (decimal.exponent < -POWER_MAX || decimal.exponent > POWER_MAX)
        return read_slowly(number, ret_value);
    double value = (double)decimal.digits;
    value =
        decimal.exponent < 0 ? value / powers[-decimal.exponent] : value * powers[decimal.exponent];
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t low = (uint32_t)bits & (2 * MIDDLE - 1);
    bool near = low - (MIDDLE - MIDDLE_DISTANCE) <= 2 * MIDDLE_DISTANCE;
    if (near || value < 2.0 * (double)FLT_MIN || value > (double)FLT_MAX / 2)
        return read_slowly(number, ret_value);
    *ret_value = (float)(decimal.negative ? -value : value);
    return true;
}

/* --- writing --- */

struct writer {
    char *text;
    size_t length;
};

static void put(struct writer *writer, char c) {
    writer->text[writer->length++] = c;
}

static void put_many(struct writer *writer, const char *from, size_t count) {
    memcpy(writer->text + writer->length, from, count);
    writer->length += count;
}

/* `exponent`: of the first digit. */
static size_t write_decimal(bool negative, const char *digits, int count, int exponent,
                            char *text) {
    struct writer writer = {text, 0};
    if (negative)
        put(&writer, '-');
    if (exponent < -5 || exponent >= 9) {
        put(&writer, digits[0]);
        if (count > 1)
            put(&writer, '.');
        put_many(&writer, digits + 1, (size_t)count - 1);
        return writer.length + (size_t)snprintf(text + writer.length,
                                                FLOAT32_TEXT_MAX_BYTES - writer.length, "e%d",
                                                exponent);
    }
    if (exponent < 0) {
        put_many(&writer, "0.0000", (size_t)(1 - exponent));
        put_many(&writer, digits, (size_t)count);
        return writer.length;
    }
    for (int i = 0; i < count || i <= exponent; i++) {
        if (i == exponent + 1)
            put(&writer, '.');
        put(&writer, i < count ? digits[i] : '0');
    }
    return writer.length;
}

/* `count` digits of a positive value, zeros at the end left out; returns how many stay. 0: not by this way. */
static int round_to(double value, int count, char *digits, int *ret_exponent) {
    int exponent = (int)floor(log10(value));
    int scale = count - 1 - exponent;
    if (scale < -POWER_MAX || scale > POWER_MAX)
        return 0;
    uint64_t number =
        (uint64_t)((scale < 0 ? value / powers[-scale] : value * powers[scale]) + 0.5);
    if (number >= (uint64_t)powers[count]) {
        number /= 10;
        exponent++;
    }
    if (number < (uint64_t)powers[count - 1])
        return 0; /* the logarithm of a power of ten came out a little high */
    for (int i = count; i-- > 0; number /= 10)
        digits[i] = (char)('0' + number % 10);
    while (count > 1 && digits[count - 1] == '0')
        count--;
    *ret_exponent = exponent;
    return count;
}

size_t float32_write(float value, char text[FLOAT32_TEXT_MAX_BYTES]) {
    char digits[10];
    int exponent;
    float back;
    if (value == 0) {
        memcpy(text, "-0", 2);
        text[0] = signbit(value) ? '-' : '0';
        return signbit(value) ? 2 : 1;
    }
    for (int count = 6; count <= 9; count++) {
        int kept = round_to(fabs((double)value), count, digits, &exponent);
        if (kept == 0)
            break;
        size_t length = write_decimal(signbit(value), digits, kept, exponent, text);
        if (float32_read(span_of(text, length), &back) && back == value)
            return length;
    }
    int length = 0;
    for (int count = 1; count <= 9; count++) { /* very small and very large ones */
        length = snprintf(text, FLOAT32_TEXT_MAX_BYTES, "%.*g", count, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    return (size_t)length;
}
