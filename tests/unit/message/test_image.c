// SPDX-License-Identifier: Apache-2.0
/* Sizes of images from the heads of their files, and what such an image costs. */
#include "base/check.h"
#include "message/image.h"
#include "message/tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static size_t encode(const unsigned char *bytes, size_t count, char *out) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = 0;
    for (size_t i = 0; i < count; i += 3) {
        uint32_t bits = (uint32_t)bytes[i] << 16;
        bits |= i + 1 < count ? (uint32_t)bytes[i + 1] << 8 : 0;
        bits |= i + 2 < count ? bytes[i + 2] : 0;
        for (size_t j = 0; j < 4; j++)
            out[length++] = i + j <= count ? digits[bits >> (18 - 6 * j) & 63] : '=';
    }
    return length;
}

static struct span url_of(const char *type, const unsigned char *bytes, size_t count, char *text) {
    size_t length = (size_t)sprintf(text, "data:image/%s;base64,", type);
    return span_of(text, length + encode(bytes, count, text + length));
}

#define JPEG_APP_BYTES 700 /* a thumbnail before the frame */

static size_t jpeg(unsigned char *bytes) {
    static const unsigned char frame[] = {0xff, 0xc2, 0, 17, 8, 0x03, 0x00, 0x04, 0x00, 3};
    size_t at = 0;
    bytes[at++] = 0xff;
    bytes[at++] = 0xd8;
    bytes[at++] = 0xff;
    bytes[at++] = 0xe1;
    bytes[at++] = JPEG_APP_BYTES >> 8;
    bytes[at++] = JPEG_APP_BYTES & 0xff;
    memset(bytes + at, 0xc0, JPEG_APP_BYTES - 2);
    at += JPEG_APP_BYTES - 2;
    bytes[at++] = 0xff;
    bytes[at++] = 0xff; /* a fill byte */
    memcpy(bytes + at + 0, frame + 1, sizeof frame - 1);
    return at + sizeof frame - 1;
}

static void reads_heads(void **state) {
    static const unsigned char png[] =
        "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x06\0\0\0";
    static const unsigned char gif[] = "GIF89a\x80\x02\xe0\x01\xf7\0\0\0\0";
    static const unsigned char webp_x[] =
        "RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x7f\x02\0\xdf\x01\0";
    static const unsigned char webp_l[] = "RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f\x7f\xc2\x77\0\0";
    static const unsigned char webp_v[] =
        "RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a\x80\x02\xe0\x01\0";
    unsigned char photo[1024];
    char text[2048];
    uint32_t width, height;
    struct {
        const char *type;
        const unsigned char *bytes;
        size_t count;
        uint32_t width, height;
    } cases[] = {
        {"png", png, sizeof png - 1, 640, 480},
        {"gif", gif, sizeof gif - 1, 640, 480},
        {"webp", webp_x, sizeof webp_x - 1, 640, 480},
        {"webp", webp_l, sizeof webp_l - 1, 640, 480},
        {"webp", webp_v, sizeof webp_v - 1, 640, 480},
        {"jpeg", photo, jpeg(photo), 1024, 768},
    };
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        struct span url = url_of(cases[i].type, cases[i].bytes, cases[i].count, text);
        if (!image_size_of_url(url, &width, &height))
            fail_msg("case %zu is not read", i);
        assert_int_equal(width, cases[i].width);
        assert_int_equal(height, cases[i].height);
        for (size_t cut = 0; cut < url.len; cut += 3) { /* never read behind the end */
            char *copy = test_malloc(cut + 1);
            memcpy(copy, url.ptr, cut);
            (void)image_size_of_url(span_of(copy, cut), &width, &height);
            test_free(copy);
        }
    }
}

static void refuses_the_rest(void **state) {
    static const char *const urls[] = {
        "",
        "https://example.org/a.png",
        "data:image/png;base64,",
        "data:image/png",
        "data:image/png;base64,!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAAAAAAAAAAA"};
    uint32_t width, height;
    (void)state;
    for (size_t i = 0; i < array_length(urls); i++)
        assert_false(image_size_of_url(span_text(urls[i]), &width, &height));
}

static void images_cost_by_size(void **state) {
    static const unsigned char png[] =
        "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x06\0\0\0";
    char text[256];
    struct part part = {.kind = PART_IMAGE, .text = url_of("png", png, sizeof png - 1, text)};
    struct message message = {.parts = &part, .part_count = 1};
    const struct task task = {.chat = {.messages = &message, .message_count = 1}};
    (void)state;
    assert_int_equal(tokens_measure(&task), 23 * 18 + 4 + 3); /* patches, message, reply */
    part.text = SPAN_LITERAL("https://example.org/a.png");
    assert_int_equal(tokens_measure(&task), 1000 + 4 + 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_heads),
        cmocka_unit_test(refuses_the_rest),
        cmocka_unit_test(images_cost_by_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
