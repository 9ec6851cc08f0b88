// SPDX-License-Identifier: Apache-2.0
/*
 * How soon a model answers, guessed before anybody has asked it.
 *
 * Why a guess: `auto:fast` must have an order on the first day; what is measured later is the scheduler's, which sees every
 * answer. The time for a token grows with the parameters that work on it, which for mixtures of experts are far fewer than the
 * name's first number, and depends on the machines. Promises: a name without any hint is neither fast nor slow by size, so a
 * large unknown model never goes before a small known one at the same place. Leaves to others: quality, measured speed.
 */
#include "catalog/internal.h"

#define SMALL_MAX_B  12 /* billions of active parameters */
#define MEDIUM_MAX_B 40

/* Providers whose machines make the difference. */
static const struct {
    const char *provider;
    unsigned more;
    const char *why;
} places[] = {
    {"groq", 2, "chips of its own: several hundred tokens a second for every model"},
    {"cerebras", 2, "chips of its own: a thousand and more tokens a second"},
    {"sambanova", 2, "chips of its own: several hundred tokens a second"},
};

/* Families whose names hide how many parameters are active, or that tell no number; the first that fits counts. */
static const struct {
    const char *part; /* of the name */
    unsigned active_b;
    const char *why;
} families[] = {
    {"gpt-oss", 5, "mixture: 3.6 and 5.1 billion active"},
    {"llama-4", 17, "mixture: 17 billion active in both sizes"},
    {"flash-lite", 4, "the smallest of its family by name and price"},
    {"flash", 12, "made for short waits by name and price"},
    {"nano", 4, "the smallest of its family by name"},
    {"-mini", 8, "a small one by name"},
    {"ministral", 8, "3, 8 and 14 billion"},
    {"micro", 4, "a small one by name"},
    {"-xs", 4, "a small one by name"},
    {"-lite", 8, "a small one by name"},
    {"-edge", 8, "made for small machines by name"},
    {"-fast", 12, "made for short waits by name"},
    {"lightning", 12, "made for short waits by name"},
    {"mercury", 8, "writes many tokens at once (diffusion)"},
    {"minimax-m", 10, "mixture: 10 billion active in the published M2"},
    {"mistral-small", 24, "24 billion"},
    {"devstral", 24, "24 billion in the published ones"},
    {"mistral-nemo", 12, "12 billion"},
    {"deepseek", 37, "mixture: 37 billion active"},
    {"kimi-k", 32, "mixture: 32 billion active in the published K2"},
    {"glm-", 32, "mixture: 32 billion active in the large ones"},
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* The number that ends before the 'b' at `end`: "30" of "30b", rounded down; 0 = none. `ret_begin`: where it begins. */
static unsigned number_before(struct span name, size_t end, size_t *ret_begin) {
    unsigned value = 0;
    size_t begin = end;
    while (begin > 0 && (is_digit(name.ptr[begin - 1]) || name.ptr[begin - 1] == '.'))
        begin--;
    for (size_t i = begin; i < end && name.ptr[i] != '.' && value < 100000; i++)
        value = value * 10 + (unsigned)(name.ptr[i] - '0');
    *ret_begin = begin;
    return begin == end ? 0 : value == 0 ? 1 : value;
}

/* "qwen3-30b-a3b" -> 3, "llama-3.3-70b" -> 70; 0 = the name does not say. */
static unsigned active_by_number(struct span name) {
    unsigned whole = 0;
    for (size_t i = 1; i < name.len; i++) {
        size_t begin;
        bool ends = i + 1 == name.len || name.ptr[i + 1] == '-' || name.ptr[i + 1] == ':' ||
                    name.ptr[i + 1] == '_';
        unsigned number = (name.ptr[i] | 0x20) == 'b' && ends ? number_before(name, i, &begin) : 0;
        if (number == 0)
            continue;
        if (begin > 1 && (name.ptr[begin - 1] | 0x20) == 'a' && name.ptr[begin - 2] == '-')
            return number;
        if (whole == 0)
            whole = number;
    }
    return whole;
}

static unsigned active_b(struct span model) {
    unsigned number = active_by_number(model);
    for (size_t i = 0; i < array_length(families); i++)
        if (span_contains_nocase(model, families[i].part) &&
            (number == 0 || families[i].active_b < number))
            return families[i].active_b;
    return number;
}

unsigned catalog__speed(struct span provider, struct span model) {
    unsigned size = active_b(model);
    unsigned speed = size == 0 ? 0 : size <= SMALL_MAX_B ? 2 : size <= MEDIUM_MAX_B ? 1 : 0;
    for (size_t i = 0; i < array_length(places); i++)
        if (span_is(provider, places[i].provider))
            speed += places[i].more;
    return speed;
}
