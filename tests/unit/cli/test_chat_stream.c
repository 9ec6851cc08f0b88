// SPDX-License-Identifier: Apache-2.0
/*
 * papi chat's view of an answer: text as it comes, at every split of the bytes; errors in and before the stream; an answer
 * without an end is told as cut.
 */
#include "cli/chat_stream.h"

#include "base/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define DELTA(text) "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text "\"}}]}\n\n"
#define FINISH(why) \
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"" why "\"}]}\n\n"
#define DONE "data: [DONE]\n\n"

static const struct {
    int status;
    const char *bytes;
    bool whole;
    const char *out, *err;
} rows[] = {
    {200, DELTA("Hel") DELTA("lo\\n\\u00e4") FINISH("stop") DONE, true, "Hello\n\xC3\xA4\n", ""},
    {200, DELTA("ends here\\n") DONE, true, "ends here\n", ""},
    {200, ": keep-alive\n\n" DELTA("a") "data: {\"choices\":[],\"usage\":{}}\n\n" DONE, true, "a\n",
     ""},
    {200, DELTA("cut"), false, "cut\n",
     "papi: the answer broke off: the stream had no proper end\n"},
    {200, "", false, "", "papi: the answer broke off: the stream had no proper end\n"},
    {200, DELTA("a") FINISH("length") DONE, true, "a\n",
     "papi: note: the answer reached its greatest length\n"},
    {200, DELTA("a") "data: {\"error\":{\"message\":\"gone\"}}\n\n" DONE, false, "a\n",
     "papi: the answer broke off: gone\n"},
    {200, "data: {\"error\":\"plain\"}\n\n", false, "", "papi: the answer broke off: plain\n"},
    {200, "data: {\"error\":{}}\n\n", false, "",
     "papi: the answer broke off: an error without a message\n"},
    {200,
     "data: "
     "{\"error\":null,\"choices\":[{\"delta\":{\"content\":null,\"refusal\":\"no\"}}]}\n\n" DONE,
     true, "no\n", ""},
    {200, "data: not json\n\n" DELTA("a") DONE, true, "a\n", ""},
    {404, "{\"error\":{\"message\":\"no model 'x'\",\"type\":\"t\"}}", false, "",
     "papi: refused with status 404: no model 'x'\n"},
    {502, "<html>", false, "", "papi: refused with status 502: not by a PAPI, as it seems\n"},
    {500, "", false, "", "papi: refused with status 500: not by a PAPI, as it seems\n"},
};

static void read_back(FILE *file, char *text, size_t size) {
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    (void)fclose(file);
}

static void expect(size_t row, size_t split) {
    char out_text[512], err_text_[512];
    FILE *out = tmpfile(), *err = tmpfile();
    struct chat_stream stream;
    struct span bytes = span_text(rows[row].bytes);
    int saved = dup(STDERR_FILENO);
    assert_true(out != NULL && err != NULL && saved >= 0);
    chat_stream_init(&stream, out);
    stream.status = rows[row].status;
    chat_stream_feed(&stream, span_of(bytes.ptr, split));
    chat_stream_feed(&stream, span_of(bytes.ptr + split, bytes.len - split));
    assert_true(dup2(fileno(err), STDERR_FILENO) >= 0);
    bool whole = chat_stream_tell(&stream);
    (void)fflush(stderr);
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    (void)close(saved);
    chat_stream_done(&stream);
    read_back(out, out_text, sizeof out_text);
    read_back(err, err_text_, sizeof err_text_);
    assert_string_equal(out_text, rows[row].out);
    assert_string_equal(err_text_, rows[row].err);
    assert_int_equal(whole, rows[row].whole);
}

static void tells_answers(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(rows); i++)
        for (size_t split = 0; split <= strlen(rows[i].bytes); split++)
            expect(i, split);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_answers),
    };
    (void)setenv("NO_COLOR", "1", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
