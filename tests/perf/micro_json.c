// SPDX-License-Identifier: Apache-2.0
/*
 * How long the JSON scanner and writer take, on bodies shaped like those a gateway sees.
 *
 * Why by hand and not in `make test`: times depend on the machine; this is for comparing two versions on one. Each case
 * is run in rounds until a fixed time has passed and the fastest round is told, which is the one least disturbed.
 * Promises: the same bodies every run. Usage: micro_json [part of a case's name].
 */
#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "json/json.h"

#include <stdio.h>

#define ROUND_NS  (2 * NS_PER_MS)
#define CASE_NS   (300 * NS_PER_MS)
#define ARENA_CAP ((size_t)256 << 20)

static const char chunk_text[] =
    "{\"id\":\"chatcmpl-9f8s7d6f5\",\"object\":\"chat.completion.chunk\",\"created\":1732442000,"
    "\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" hello\"},"
    "\"logprobs\":null,\"finish_reason\":null}]}";

static const char chat_text[] =
    "{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"system\",\"content\":\"You are a careful "
    "assistant. Answer in one paragraph and cite your sources where you can.\"},{\"role\":\"user\","
    "\"content\":\"Please explain how a suspension bridge carries its load, and why the cables "
    "hang "
    "in the curve they do.\\nKeep it short; I am twelve years old and I like drawings more than "
    "formulas.\"}],\"temperature\":0.7,\"top_p\":1,\"max_tokens\":256,\"stream\":true,"
    "\"stream_options\":{\"include_usage\":true},\"stop\":[\"\\n\\n\",\"END\"],\"user\":\"u-1842\","
    "\"presence_penalty\":0,\"frequency_penalty\":0.1,\"seed\":42}";

static const char english[] =
    "The cables of the bridge are pulled by the deck below, and so they settle into a curve. "
    "\\\"Like a hammock?\\\" asked the child.\\nYes \xE2\x80\x93 quite so, na\xC3\xAFve as it "
    "sounds. ";
static const char russian[] =
    "\xD0\xA2\xD1\x80\xD0\xBE\xD1\x81\xD1\x8B \xD0\xBC\xD0\xBE\xD1\x81\xD1\x82\xD0\xB0 "
    "\xD0\xB4\xD0\xB5\xD1\x80\xD0\xB6\xD0\xB0\xD1\x82 \xD0\xB5\xD0\xB3\xD0\xBE, ";
static const char chinese[] = "\xE6\xA1\xA5\xE7\x9A\x84\xE7\xBC\x86\xE7\xBB\xB3\xE6\x94\xAF\xE6\x92"
                              "\x91\xE7\x9D\x80\xE6\xA1\xA5\xE9\x9D\xA2\xE3\x80\x82";

static void append(struct dynbuf *out, const char *text) {
    if (dynbuf_append_text(out, text) < 0)
        fprintf(stderr, "buffer too small\n");
}

static void make_repeated(struct dynbuf *out, const char *sentence, size_t bytes) {
    append(out, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"");
    while (out->len < bytes)
        append(out, sentence);
    append(out, "\"}]}");
}

static void make_base64(struct dynbuf *out) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct rand rand;
    rand_seed(&rand, 1);
    append(out, "{\"image_url\":\"data:image/png;base64,");
    while (out->len < ((size_t)5 << 20)) {
        char piece[65] = {0};
        for (size_t i = 0; i < 64; i++)
            piece[i] = digits[rand_below(&rand, 64)];
        append(out, piece);
    }
    append(out, "\"}");
}

static void make_numbers(struct dynbuf *out) {
    append(out, "{\"data\":[{\"embedding\":[0.1");
    for (int i = 0; i < 1535; i++)
        if (dynbuf_append_format(out, ",-0.0%d", 10000019 + i * 7919) < 0)
            return;
    append(out, "]}]}");
}

static void make_pretty(struct dynbuf *out) {
    append(out, "{\n  \"tools\": [\n");
    for (int i = 0; i < 40; i++)
        append(out,
               "    {\n      \"type\": \"function\",\n      \"function\": {\n        \"name\": "
               "\"get_weather\",\n        \"parameters\": {\n          \"type\": \"object\",\n"
               "          \"required\": [\n            \"city\"\n          ]\n        }\n"
               "      }\n    },\n");
    append(out, "    null\n  ]\n}\n");
}

struct run {
    struct dynbuf body;
    struct dynbuf out;
    struct arena arena;
    struct span decoded;
};

static int run_parse(struct run *run) {
    struct json_doc doc;
    int err = json_parse(&doc, dynbuf_span(&run->body), &run->arena, NULL);
    arena_reset(&run->arena);
    return err;
}

static int run_validate(struct run *run) {
    return json_validate(dynbuf_span(&run->body));
}

static int run_write(struct run *run) {
    dynbuf_clear(&run->out);
    return json_write_string(&run->out, dynbuf_span(&run->body));
}

static int run_read(struct run *run) {
    struct json_doc doc;
    struct span text;
    int64_t created;
    int err = json_parse(&doc, dynbuf_span(&run->body), &run->arena, NULL);
    struct json_value top = json_top(&doc);
    if (err == 0)
        err = json_i64(json_get(top, "created"), &created);
    if (err == 0)
        err = json_string(json_path(top, "choices.0.delta.content"), &run->arena, &text);
    arena_reset(&run->arena);
    return err;
}

static void measure(const char *name, struct run *run, int (*once)(struct run *)) {
    uint64_t best_ns = UINT64_MAX;
    uint64_t repeats = 1;
    for (uint64_t begin = clock_mono_ns(); clock_mono_ns() - begin < CASE_NS;) {
        uint64_t start = clock_mono_ns();
        for (uint64_t i = 0; i < repeats; i++)
            if (once(run) < 0)
                fprintf(stderr, "%s: failed\n", name);
        uint64_t spent_ns = clock_mono_ns() - start;
        if (spent_ns / repeats < best_ns)
            best_ns = spent_ns / repeats;
        if (spent_ns < ROUND_NS)
            repeats *= 2;
    }
    printf("%-24s %9zu bytes %10.3f us %8.2f GB/s\n", name, run->body.len, (double)best_ns / 1e3,
           (double)run->body.len / (double)best_ns);
}

static const struct shape {
    const char *name;
    const char *text;
    size_t repeated_bytes; /* 0: the text as it is */
    void (*make)(struct dynbuf *out);
    int (*once)(struct run *run);
} shapes[] = {
    {"chunk", chunk_text, 0, NULL, run_parse},
    {"chunk, three readings", chunk_text, 0, NULL, run_read},
    {"chunk, validate", chunk_text, 0, NULL, run_validate},
    {"chat", chat_text, 0, NULL, run_parse},
    {"chat, validate", chat_text, 0, NULL, run_validate},
    {"english", english, 100000, NULL, run_parse},
    {"russian", russian, 100000, NULL, run_parse},
    {"chinese", chinese, 100000, NULL, run_parse},
    {"base64", NULL, 0, make_base64, run_parse},
    {"numbers", NULL, 0, make_numbers, run_parse},
    {"pretty", NULL, 0, make_pretty, run_parse},
    {"write chunk", chunk_text, 0, NULL, run_write},
    {"write english", english, 100000, NULL, run_write},
    {"write chinese", chinese, 100000, NULL, run_write},
    {"write base64", NULL, 0, make_base64, run_write},
};

int main(int argc, char **argv) {
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const struct shape *shape = &shapes[i];
        if (argc > 1 && strstr(shape->name, argv[1]) == NULL)
            continue;
        struct run run;
        void *first = mem_alloc(4096);
        dynbuf_init(&run.body, (size_t)64 << 20);
        dynbuf_init(&run.out, (size_t)64 << 20);
        arena_init(&run.arena, first, 4096, ARENA_CAP);
        if (shape->make != NULL)
            shape->make(&run.body);
        else if (shape->repeated_bytes > 0)
            make_repeated(&run.body, shape->text, shape->repeated_bytes);
        else
            append(&run.body, shape->text);
        measure(shape->name, &run, shape->once);
        arena_reset(&run.arena);
        dynbuf_done(&run.body);
        dynbuf_done(&run.out);
        mem_free(first);
    }
    return 0;
}
