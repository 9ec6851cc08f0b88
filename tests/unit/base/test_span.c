// SPDX-License-Identifier: Apache-2.0
/*
 * Spans: comparing, searching, trimming, splitting, numbers, hash and distance.
 */
#include "base_fixture.h"

#include "base/span.h"

static void compares(void **state) {
    (void)state;
    static const struct {
        const char *a; /* NULL: absent */
        const char *b;
        bool equal;
        bool equal_nocase;
        bool starts;
        bool ends;
        bool contains;
        bool contains_nocase;
    } rows[] = {
        {"", "", true, true, true, true, true, true},
        {NULL, "", true, true, true, true, true, true},
        {"a", "", false, false, true, true, true, true},
        {"", "a", false, false, false, false, false, false},
        {NULL, "a", false, false, false, false, false, false},
        {"abc", "abc", true, true, true, true, true, true},
        {"abc", "aBc", false, true, false, false, false, true},
        {"abc", "ab", false, false, true, false, true, true},
        {"abc", "bc", false, false, false, true, true, true},
        {"abcd", "bc", false, false, false, false, true, true},
        {"abcd", "Bc", false, false, false, false, false, true},
        {"abc", "abcd", false, false, false, false, false, false},
        {"aab", "ab", false, false, false, true, true, true},
        {"[", "{", false, false, false, false, false, false},
        {"@", "`", false, false, false, false, false, false},
        {"\xC3\x89", "\xC3\xA9", false, false, false, false, false, false},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct span a = span_text(rows[i].a);
        struct span b = span_text(rows[i].b);
        assert_int_equal(span_absent(a), rows[i].a == NULL);
        assert_int_equal(span_equal(a, b), rows[i].equal);
        assert_int_equal(span_equal(b, a), rows[i].equal);
        assert_int_equal(span_is(a, rows[i].b), rows[i].equal);
        assert_int_equal(span_equal_nocase(a, b), rows[i].equal_nocase);
        assert_int_equal(span_is_nocase(a, rows[i].b), rows[i].equal_nocase);
        assert_int_equal(span_starts_with(a, rows[i].b), rows[i].starts);
        assert_int_equal(span_ends_with(a, rows[i].b), rows[i].ends);
        assert_int_equal(span_contains(a, rows[i].b), rows[i].contains);
        assert_int_equal(span_contains_nocase(a, rows[i].b), rows[i].contains_nocase);
    }
    assert_false(span_equal(SPAN_LITERAL("a\0b"), SPAN_LITERAL("a\0c")));
    assert_int_equal(SPAN_LITERAL("a\0b").len, 3);
}

static int lower_of(unsigned byte) {
    return byte >= 'A' && byte <= 'Z' ? (int)byte + 32 : (int)byte;
}

/* Every pair of bytes, at the start, in the middle and at the end of texts shorter and longer than a word. */
static void compares_without_case(void **state) {
    (void)state;
    static const size_t lengths[] = {1, 7, 8, 11, 16, 17};
    for (unsigned i = 0; i < 256 * 256; i++)
        for (size_t j = 0; j < LENGTH_OF(lengths); j++) {
            char left[17];
            char right[17];
            size_t length = lengths[j];
            size_t place = i % length;
            memset(left, 'q', sizeof left);
            memset(right, 'Q', sizeof right);
            left[place] = (char)(i & 0xFF);
            right[place] = (char)(i >> 8);
            assert_int_equal(span_equal_nocase(span_of(left, length), span_of(right, length)),
                             lower_of(i & 0xFF) == lower_of(i >> 8));
        }
}

static void trims(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *trimmed;
    } rows[] = {{"", ""},          {" ", ""},    {" \t ", ""},   {"a", "a"},
                {" a b\t", "a b"}, {"\ta", "a"}, {"a\n", "a\n"}, {"\r a", "\r a"}};
    for (size_t i = 0; i < LENGTH_OF(rows); i++)
        assert_true(span_is(span_trim(span_text(rows[i].text)), rows[i].trimmed));
    assert_int_equal(span_trim(SPAN_NONE).len, 0);
}

static void splits(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *parts[4];
    } rows[] = {
        {"", {""}},
        {"a", {"a"}},
        {"a,b", {"a", "b"}},
        {",", {"", ""}},
        {"a,,b", {"a", "", "b"}},
        {"a,b,", {"a", "b", ""}},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct span rest = span_text(rows[i].text);
        struct span part;
        size_t count = 0;
        for (; span_split(&rest, ',', &part); count++) {
            assert_true(count < 4 && rows[i].parts[count] != NULL);
            assert_true(span_is(part, rows[i].parts[count]));
        }
        assert_true(count == 4 || rows[i].parts[count] == NULL);
        assert_false(span_split(&rest, ',', &part));
    }
    struct span none = SPAN_NONE;
    struct span part;
    assert_false(span_split(&none, ',', &part));
}

static void reads_numbers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool good;
        uint64_t value;
    } rows[] = {
        {"0", true, 0},
        {"7", true, 7},
        {"007", true, 7},
        {"4294967296", true, 4294967296},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"99999999999999999999", false, 0},
        {"184467440737095516150", false, 0},
        {"", false, 0},
        {"-1", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1.0", false, 0},
        {"0x1", false, 0},
        {"/", false, 0},
        {":", false, 0},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        uint64_t value = 4711;
        assert_int_equal(span_to_u64(span_text(rows[i].text), &value), rows[i].good);
        assert_int_equal(value, rows[i].good ? rows[i].value : 4711);
    }
    uint64_t value;
    assert_false(span_to_u64(SPAN_NONE, &value));
}

/* 4000 short names must spread: no two alike, and each low bit set about half the time. */
static void matches_patterns(void **state) {
    static const struct {
        const char *pattern, *text;
        bool fits;
    } rows[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*", "anything", true},
        {"gpt-*", "gpt-", true},
        {"gpt-*", "gpt", false},
        {"gpt-*", "GPT-4", false},
        {"*:free", "a/b:free", true},
        {"*:free", "a/b:free2", false},
        {"a*b*c", "aXbYbZc", true},
        {"a*b*c", "aXcYb", false},
        {"**a", "bba", true},
        {"a**", "a", true},
        {"*a*a*", "a", false},
        {"exact", "exact", true},
        {"exact", "exactly", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(span_matches(span_text(rows[i].pattern), span_text(rows[i].text)),
                         rows[i].fits);
}

static void hashes(void **state) {
    (void)state;
    enum { NAMES = 4000 };
    static uint64_t hashes[NAMES];
    unsigned set[64] = {0};
    for (unsigned i = 0; i < NAMES; i++) {
        char name[8] = {'k', (char)('0' + i / 1000), (char)('0' + i / 100 % 10),
                        (char)('0' + i / 10 % 10), (char)('0' + i % 10)};
        hashes[i] = span_hash(span_text(name));
        assert_int_equal(hashes[i], span_hash(span_of(name, 5)));
        for (unsigned k = 0; k < i; k++)
            assert_true(hashes[k] != hashes[i]);
        for (unsigned bit = 0; bit < 64; bit++)
            set[bit] += (unsigned)(hashes[i] >> bit & 1);
    }
    for (unsigned bit = 0; bit < 64; bit++)
        assert_in_range(set[bit], NAMES * 2 / 5, NAMES * 3 / 5);
    assert_int_equal(span_hash(SPAN_NONE), span_hash(span_text("")));
}

static void measures_distance(void **state) {
    (void)state;
    static const struct {
        const char *a;
        const char *b;
        size_t distance;
    } rows[] = {
        {"", "", 0},         {"a", "", 1},
        {"abc", "abc", 0},   {"abc", "ABC", 0},
        {"abc", "abd", 1},   {"kitten", "sitting", 3},
        {"port", "prot", 2}, {"listen", "lisetn", 2},
        {"a", "bcd", 3},     {"timeout_ms", "timeot_ms", 1},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        assert_int_equal(span_distance(span_text(rows[i].a), span_text(rows[i].b)),
                         rows[i].distance);
        assert_int_equal(span_distance(span_text(rows[i].b), span_text(rows[i].a)),
                         rows[i].distance);
    }
    char wide[65];
    memset(wide, 'a', sizeof wide);
    assert_int_equal(span_distance(span_of(wide, 64), span_of(wide, 60)), 4);
    assert_int_equal(span_distance(span_of(wide, 65), span_of(wide, 60)), 65);
    assert_int_equal(span_distance(SPAN_NONE, span_of(wide, 65)), 65);
}

/* The textbook's table, whole. */
static size_t plain_distance(const char *a, size_t a_len, const char *b, size_t b_len) {
    size_t table[20][20];
    for (size_t i = 0; i <= a_len; i++)
        for (size_t j = 0; j <= b_len; j++) {
            if (i == 0 || j == 0) {
                table[i][j] = i + j;
                continue;
            }
            size_t least = table[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (table[i - 1][j] + 1 < least)
                least = table[i - 1][j] + 1;
            if (table[i][j - 1] + 1 < least)
                least = table[i][j - 1] + 1;
            table[i][j] = least;
        }
    return table[a_len][b_len];
}

static void distance_is_exact_up_to_its_bound(void **state) {
    uint32_t seed = 1;
    char texts[2][16];
    size_t lengths[2];
    (void)state;
    for (int round = 0; round < 20000; round++) {
        for (int t = 0; t < 2; t++) {
            seed = seed * 1664525 + 1013904223;
            lengths[t] = seed >> 16 & 15;
            for (size_t i = 0; i < lengths[t]; i++) {
                seed = seed * 1664525 + 1013904223;
                texts[t][i] = "abc"[(seed >> 20) % 3];
            }
        }
        struct span a = span_of(texts[0], lengths[0]), b = span_of(texts[1], lengths[1]);
        size_t distance = plain_distance(a.ptr, a.len, b.ptr, b.len);
        assert_int_equal(span_distance(a, b), distance);
        for (size_t most = 0; most < 6; most++) {
            size_t told = span_distance_within(a, b, most);
            assert_true(distance <= most ? told == distance : told > most);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares),
        cmocka_unit_test(compares_without_case),
        cmocka_unit_test(trims),
        cmocka_unit_test(splits),
        cmocka_unit_test(reads_numbers),
        cmocka_unit_test(matches_patterns),
        cmocka_unit_test(hashes),
        cmocka_unit_test(measures_distance),
        cmocka_unit_test(distance_is_exact_up_to_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
