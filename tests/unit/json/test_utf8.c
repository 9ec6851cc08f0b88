// SPDX-License-Identifier: Apache-2.0
/*
 * UTF-8 in strings, against a second, slow reading of RFC 3629 section 4, at each place of a block.
 *
 * The scanner looks at 16, 32 or 64 bytes at once; so each sequence is tried behind and before texts of other lengths and
 * scripts, and the offset told must be that of the first bad byte's sequence.
 */
#include "json_fixture.h"

#define AROUND_MAX 70

/* Length of the valid sequence at text[0], 0 when there is none: the table of RFC 3629 section 4, row by row. */
static size_t valid_length(const unsigned char *text, size_t len) {
    static const struct {
        size_t length;
        unsigned char low[4];
        unsigned char high[4];
    } rows[] = {
        {1, {0x00}, {0x7F}},
        {2, {0xC2, 0x80}, {0xDF, 0xBF}},
        {3, {0xE0, 0xA0, 0x80}, {0xE0, 0xBF, 0xBF}},
        {3, {0xE1, 0x80, 0x80}, {0xEC, 0xBF, 0xBF}},
        {3, {0xED, 0x80, 0x80}, {0xED, 0x9F, 0xBF}},
        {3, {0xEE, 0x80, 0x80}, {0xEF, 0xBF, 0xBF}},
        {4, {0xF0, 0x90, 0x80, 0x80}, {0xF0, 0xBF, 0xBF, 0xBF}},
        {4, {0xF1, 0x80, 0x80, 0x80}, {0xF3, 0xBF, 0xBF, 0xBF}},
        {4, {0xF4, 0x80, 0x80, 0x80}, {0xF4, 0x8F, 0xBF, 0xBF}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t matching = 0;
        while (matching < rows[i].length && matching < len &&
               text[matching] >= rows[i].low[matching] && text[matching] <= rows[i].high[matching])
            matching++;
        if (matching == rows[i].length)
            return matching;
    }
    return 0;
}

/* Offset of the first bad sequence, or len */
static size_t first_bad(const unsigned char *text, size_t len) {
    size_t at = 0;
    while (at < len) {
        size_t length = valid_length(text + at, len - at);
        if (length == 0)
            return at;
        at += length;
    }
    return len;
}

struct scene {
    char arena_bytes[1024] __attribute__((aligned(16)));
    struct arena arena;
    char text[AROUND_MAX * 4 + 16];
};

static void scan_one(struct scene *scene, size_t len) {
    struct json_doc doc;
    struct json_error error = {0};
    const unsigned char *inside = (const unsigned char *)scene->text + 1;
    size_t bad = first_bad(inside, len - 2);
    int err = json_parse(&doc, span_of(scene->text, len), &scene->arena, &error);
    int expected = bad < len - 2 ? ERR_UTF8 : 0;
    if (err != expected || (err < 0 && error.offset != bad + 1))
        fail_msg("%zu bytes, bad at %zu: %s at %zu", len, bad + 1, err_name(err), error.offset);
    assert_int_equal(json_validate(span_of(scene->text, len)), expected);
    arena_reset(&scene->arena);
}

static size_t put_filler(char *text, size_t bytes, const char *filler) {
    size_t length = strlen(filler);
    size_t at = 0;
    for (; at + length <= bytes; at += length)
        memcpy(text + at, filler, length);
    for (; at < bytes; at++)
        text[at] = '.';
    return at;
}

/* `sequence` between fillers, in quotes */
static void scan_between(struct scene *scene, const unsigned char *sequence, size_t len,
                         const size_t around[2], const char *filler) {
    size_t at = 0;
    scene->text[at++] = '"';
    at += put_filler(scene->text + at, around[0], filler);
    memcpy(scene->text + at, sequence, len);
    at += len;
    at += put_filler(scene->text + at, around[1], filler);
    scene->text[at++] = '"';
    scan_one(scene, at);
}

static void open_scene(struct scene *scene) {
    arena_init(&scene->arena, scene->arena_bytes, sizeof scene->arena_bytes, 65536);
}

static const unsigned char telling[] = {0x20, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0,
                                        0xC2, 0xE0, 0xED, 0xEF, 0xF0, 0xF4, 0xF5, 0xFF};
#define TELLING (sizeof telling)

static void each_pair_and_its_followers(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene);
    static const size_t far[2] = {33, 40};
    for (unsigned first = 0x80; first <= 0xFF; first++)
        for (unsigned second = 0x80; second <= 0xFF; second++)
            for (size_t i = 0; i < TELLING; i++) {
                unsigned char sequence[4] = {(unsigned char)first, (unsigned char)second,
                                             telling[i], telling[(i + first) % TELLING]};
                scan_between(&scene, sequence, 4, far, "\xE6\xA1\xA5");
            }
    arena_reset(&scene.arena);
}

static void at_each_place(void **state) {
    (void)state;
    static const char *const sequences[] = {
        "\xC2\x80",
        "\xDF\xBF",
        "\xE0\xA0\x80",
        "\xED\x9F\xBF",
        "\xEE\x80\x80",
        "\xEF\xBF\xBF",
        "\xF0\x90\x80\x80",
        "\xF4\x8F\xBF\xBF",
        "\x80",
        "\xBF",
        "\xC0\x80",
        "\xC1\xBF",
        "\xC2",
        "\xC2\xC2\x80",
        "\xE0\x9F\xBF",
        "\xED\xA0\x80",
        "\xED\xBF\xBF",
        "\xE1\x80",
        "\xE1",
        "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80",
        "\xF1\x80\x80",
        "\xF1\x80",
        "\xF8\x88\x80\x80\x80",
        "\xFE",
        "\xC2\x80\x80",
        "\xE1\x80\x80\x80",
        "\xF1\x80\x80\x80\x80",
    };
    static const char *const fillers[] = {"a", "\xD0\xB6", "\xE6\xA1\xA5", "\xF0\x9F\x98\x80",
                                          "\xD0\xB6 "};
    struct scene scene;
    open_scene(&scene);
    for (size_t i = 0; i < sizeof sequences / sizeof sequences[0]; i++)
        for (size_t before = 0; before <= AROUND_MAX; before++)
            for (size_t filler = 0; filler < sizeof fillers / sizeof fillers[0]; filler++) {
                const unsigned char *sequence = (const unsigned char *)sequences[i];
                size_t len = strlen(sequences[i]);
                size_t around[2] = {before, before % 3 == 0 ? 0 : AROUND_MAX - before};
                scan_between(&scene, sequence, len, around, fillers[filler]);
            }
    arena_reset(&scene.arena);
}

static void each_code_point(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene);
    for (uint32_t code = 0x80; code <= 0x1FFFFF; code += code < 0x11000 ? 1 : 41) {
        unsigned char sequence[4];
        size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
        uint32_t rest = code;
        for (size_t i = len - 1; i > 0; i--, rest >>= 6)
            sequence[i] = (unsigned char)(0x80 | (rest & 0x3F));
        sequence[0] = (unsigned char)(leads[len] | rest);
        size_t around[2] = {code % 37, 8};
        scan_between(&scene, sequence, len, around, "\xD0\xB6");
    }
    arena_reset(&scene.arena);
}

/* Bytes that end a run, at each place of texts of each script */
static void finds_each_special_byte(void **state) {
    (void)state;
    static const char *const fillers[] = {"a", "\xD0\xB6", "\xE6\xA1\xA5"};
    struct scene scene;
    open_scene(&scene);
    for (size_t filler = 0; filler < sizeof fillers / sizeof fillers[0]; filler++)
        for (size_t place = 0; place <= 3 * AROUND_MAX; place++)
            for (unsigned byte = 0; byte < 0x80; byte++) {
                struct json_doc doc;
                struct json_error error = {0};
                scene.text[0] = '"';
                put_filler(scene.text + 1, place, fillers[filler]);
                scene.text[place + 1] = (char)byte;
                put_filler(scene.text + place + 2, 20, "n");
                scene.text[place + 22] = '"';
                struct span text = span_of(scene.text, place + 23);
                int err = json_parse(&doc, text, &scene.arena, &error);
                size_t offset = byte == '"' ? place + 2 : place + 1;
                bool good = (byte >= 0x20 && byte != '"') || byte == '\\';
                if (err != (good ? 0 : ERR_INVALID) || (!good && error.offset != offset))
                    fail_msg("byte %u at %zu: %s at %zu", byte, place, err_name(err), error.offset);
                arena_reset(&scene.arena);
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_pair_and_its_followers),
        cmocka_unit_test(at_each_place),
        cmocka_unit_test(each_code_point),
        cmocka_unit_test(finds_each_special_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
