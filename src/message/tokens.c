// SPDX-License-Identifier: Apache-2.0
/*
 * Token estimate by script class.
 *
 * Why no tokenizer: an exact count for one model family is off by a third for the next, and a gateway serves them all. One
 * pass weighs each code point by its script; the weights were fitted on 33 texts against five tokenizers. Two rules are not
 * per code point: accented Latin counts as such for at most 6 % of the letters (beyond that the language is one whose
 * accents tokenizers know), and runs of 40 and more letters and digits are hashes or base64, which no tokenizer knows.
 * Used where a provider reports no usage. Promises: any bytes give a number, escapes count as what they stand for.
 * Leaves to others: learning a provider's own factor.
 */
#include "message/tokens.h"
#include "message/event.h"
#include "message/image.h"

#define WEIGHT_PER_TOKEN       100
#define LETTER_WEIGHT          20
#define DIACRITIC_WEIGHT       170
#define DIACRITIC_MAX_PERCENT  6
#define DIGIT_WEIGHT           47
#define PUNCTUATION_WEIGHT     52
#define SPACE_WEIGHT           2
#define NEWLINE_WEIGHT         100
#define LONG_RUN_LENGTH        40
#define LONG_RUN_WEIGHT        69
#define FOUR_BYTE_WEIGHT       300
#define OTHER_WEIGHT           100
#define BYTES_PER_PROMPT_TOKEN 4
#define TOKENS_PER_MESSAGE     4
#define TOKENS_PER_REPLY       3
#define TOKENS_PER_TOOL        8
#define TOKENS_PER_MEDIUM      1000 /* image, audio, file: size unknown here */
#define IMAGE_PATCH            28
#define IMAGE_TOKENS_MAX       1600

/* Above ASCII: first code point not in the row, weight. Rows ascend. */
static const struct {
    uint32_t end;
    uint16_t weight;
} scripts[] = {
    {0xC0, OTHER_WEIGHT}, /* signs */
    {0x370, 0},           /* accented Latin, combining marks: by share */
    {0x400, 43},          /* Greek */
    {0x530, 32},          /* Cyrillic */
    {0x590, 80},          /* Armenian */
    {0x600, 53},          /* Hebrew */
    {0x780, 41},          /* Arabic */
    {0x900, OTHER_WEIGHT},
    {0xE00, 56}, /* Indic */
    {0xF00, 60}, /* Thai, Lao */
    {0x1000, OTHER_WEIGHT},
    {0x10A0, 60},  /* Burmese */
    {0x1100, 80},  /* Georgian */
    {0x1200, 74},  /* Hangul letters */
    {0x13A0, 200}, /* Ethiopic */
    {0x1780, OTHER_WEIGHT},
    {0x1800, 60}, /* Khmer */
    {0x1EA0, OTHER_WEIGHT},
    {0x1EFA, 25}, /* Vietnamese */
    {0x3000, OTHER_WEIGHT},
    {0x3040, 70}, /* CJK punctuation */
    {0x3100, 69}, /* Kana */
    {0x3400, OTHER_WEIGHT},
    {0xA000, 70}, /* Han */
    {0xAC00, OTHER_WEIGHT},
    {0xD7B0, 74}, /* Hangul */
    {0xF900, OTHER_WEIGHT},
    {0xFB00, 70}, /* Han, compatibility */
    {0xFF00, OTHER_WEIGHT},
    {0xFFF0, 70}, /* full width forms */
    {0x10000, OTHER_WEIGHT},
    {UINT32_MAX, FOUR_BYTE_WEIGHT},
};

static void end_run(struct token_counter *counter) {
    bool is_long = counter->run_length >= LONG_RUN_LENGTH;
    counter->weight += is_long ? counter->run_length * LONG_RUN_WEIGHT : counter->run_weight;
    counter->run_length = 0;
    counter->run_weight = 0;
}

static void count_ascii(struct token_counter *counter, uint32_t code) {
    uint32_t lower = code | 0x20;
    bool letter = lower >= 'a' && lower <= 'z';
    if (letter || (code >= '0' && code <= '9')) {
        counter->letters += letter;
        counter->run_length++;
        counter->run_weight += letter ? LETTER_WEIGHT : DIGIT_WEIGHT;
        return;
    }
    end_run(counter);
    if (code == '\n')
        counter->weight += NEWLINE_WEIGHT;
    else
        counter->weight += code == ' ' || code == '\t' ? SPACE_WEIGHT : PUNCTUATION_WEIGHT;
}

static void count_code(struct token_counter *counter, uint32_t code) {
    if (code < 0x80) {
        count_ascii(counter, code);
        return;
    }
    size_t row = 0;
    while (code >= scripts[row].end)
        row++;
    bool diacritic = scripts[row].weight == 0;
    counter->letters += diacritic;
    counter->diacritics += diacritic;
    end_run(counter);
    counter->weight += scripts[row].weight;
}

static uint32_t hex_value(const unsigned char *digits) {
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t lower = digits[i] | 0x20u;
        value = value << 4 | (lower >= 'a' ? lower - 'a' + 10 : lower - '0');
    }
    return value;
}

/* Code point of the escape at `at`; its length in ret_length. Low halves of surrogate pairs count as nothing. */
static uint32_t read_escape(const unsigned char *at, const unsigned char *end, size_t *ret_length) {
    size_t left = (size_t)(end - at);
    *ret_length = left < 2 ? 1 : 2;
    if (left < 2 || at[1] != 'u')
        return left >= 2 && at[1] == 'n' ? '\n' : left >= 2 && at[1] == 't' ? '\t' : '"';
    if (left < 6)
        return '"';
    *ret_length = 6;
    uint32_t code = hex_value(at + 2);
    if (code < 0xD800 || code > 0xDFFF)
        return code;
    if (left >= 12 && at[6] == '\\')
        *ret_length = 12;
    return 0x10000;
}

/* The input is valid UTF-8; anything else is counted as something and never read past the end. */
static uint32_t read_utf8(const unsigned char *at, const unsigned char *end, size_t *ret_length) {
    size_t length = *at >= 0xF0 ? 4 : *at >= 0xE0 ? 3 : 2;
    if ((size_t)(end - at) < length)
        length = (size_t)(end - at);
    *ret_length = length;
    uint32_t code = length == 4 ? *at & 0x07u : length == 3 ? *at & 0x0Fu : *at & 0x1Fu;
    for (size_t i = 1; i < length; i++)
        code = code << 6 | (at[i] & 0x3Fu);
    return code < 0x80 ? 0x80 : code;
}

void tokens_count(struct token_counter *counter, struct span escaped_text) {
    const unsigned char *at = (const unsigned char *)escaped_text.ptr;
    const unsigned char *end = at + escaped_text.len;
    size_t length;
    for (; at < end; at += length) {
        length = 1;
        uint32_t code = *at;
        if (code == '\\')
            code = read_escape(at, end, &length);
        else if (code >= 0x80)
            code = read_utf8(at, end, &length);
        count_code(counter, code);
    }
}

uint64_t tokens_total(const struct token_counter *counter) {
    struct token_counter closed = *counter;
    end_run(&closed);
    uint64_t accented = closed.letters * DIACRITIC_MAX_PERCENT / 100;
    if (accented > closed.diacritics)
        accented = closed.diacritics;
    uint64_t plain = closed.diacritics - accented;
    uint64_t weight = closed.weight + accented * DIACRITIC_WEIGHT + plain * LETTER_WEIGHT;
    return (weight + WEIGHT_PER_TOKEN - 1) / WEIGHT_PER_TOKEN;
}

uint64_t tokens_estimate(struct span escaped_text) {
    struct token_counter counter = {0};
    tokens_count(&counter, escaped_text);
    return tokens_total(&counter);
}

/* Patches of 28 x 28, as many vision models cut; larger images are scaled down before. */
static uint64_t tokens_of_image(struct span url) {
    uint32_t width, height;
    if (!image_size_of_url(url, &width, &height))
        return TOKENS_PER_MEDIUM;
    uint64_t patches = ((uint64_t)width + IMAGE_PATCH - 1) / IMAGE_PATCH *
                       (((uint64_t)height + IMAGE_PATCH - 1) / IMAGE_PATCH);
    return patches < IMAGE_TOKENS_MAX ? patches : IMAGE_TOKENS_MAX;
}

static void measure_message(const struct message *message, struct token_counter *counter,
                            uint64_t *tokens) {
    for (uint32_t i = 0; i < message->part_count; i++) {
        const struct part *part = &message->parts[i];
        if (part->kind == PART_TEXT || part->kind == PART_REFUSAL)
            tokens_count(counter, part->text);
        else
            *tokens += part->kind == PART_IMAGE ? tokens_of_image(part->text) : TOKENS_PER_MEDIUM;
    }
    for (uint32_t i = 0; i < message->tool_call_count; i++) {
        tokens_count(counter, message->tool_calls[i].name);
        tokens_count(counter, message->tool_calls[i].arguments);
    }
    *tokens += TOKENS_PER_MESSAGE;
}

static void measure_tool(const struct tool *tool, struct token_counter *counter, uint64_t *tokens) {
    tokens_count(counter, tool->name);
    if (!span_absent(tool->description))
        tokens_count(counter, tool->description);
    if (!span_absent(tool->parameters))
        tokens_count(counter, tool->parameters);
    *tokens += TOKENS_PER_TOOL;
}

static uint64_t measure_embed(const struct task_embed *embed) {
    uint64_t tokens = 0;
    for (uint32_t i = 0; i < embed->input_count; i++)
        tokens += tokens_estimate(embed->inputs[i]);
    return tokens;
}

uint64_t tokens_measure(const struct task *task) {
    struct token_counter counter = {0};
    uint64_t tokens = TOKENS_PER_REPLY;
    if (task->kind == TASK_EMBED)
        return measure_embed(&task->embed);
    for (uint32_t i = 0; i < task->chat.message_count; i++)
        measure_message(&task->chat.messages[i], &counter, &tokens);
    for (uint32_t i = 0; i < task->chat.tool_count; i++)
        measure_tool(&task->chat.tools[i], &counter, &tokens);
    return tokens + tokens_total(&counter);
}

static uint64_t count_media(const struct task_chat *chat) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < chat->message_count; i++)
        for (uint32_t j = 0; j < chat->messages[i].part_count; j++) {
            enum part_kind kind = chat->messages[i].parts[j].kind;
            count += kind == PART_IMAGE || kind == PART_AUDIO || kind == PART_FILE;
        }
    return count;
}

uint64_t tokens_of_prompt(const struct task *task) {
    uint64_t tokens = (task->prompt_bytes + BYTES_PER_PROMPT_TOKEN - 1) / BYTES_PER_PROMPT_TOKEN;
    if (task->kind == TASK_EMBED)
        return tokens;
    tokens += TOKENS_PER_REPLY + (uint64_t)task->chat.message_count * TOKENS_PER_MESSAGE;
    tokens += (uint64_t)task->chat.tool_count * TOKENS_PER_TOOL;
    return tokens + count_media(&task->chat) * TOKENS_PER_MEDIUM;
}
