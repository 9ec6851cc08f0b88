// SPDX-License-Identifier: Apache-2.0
/*
 * Reading what a provider answered when its key was tried.
 *
 * Why a strange answer is never "bad key": people throw keys away for it. Pages of challenges and of proxies come under 401 and 403 too,
 * so a refusal counts only in a form that an API speaks, and a 403 without a word about the key is no more than forbidden. Refusals are
 * classified as those of requests are (provider/signal). Providers repeat keys in their errors, so every word that holds a part of
 * the key is taken out before anything is shown.
 * Promises: total, pure; any bytes. Leaves to others: sending (key_test.c), printing (cli/).
 */
#include "app/key_verdict.h"

#include "base/check.h"
#include "provider/signal.h"
#include "json/json.h"

#define SAYS_BYTES     200
#define KEY_PART_BYTES 6 /* so many characters of a key in a row are a part of it */
#define WORD_MAX_BYTES 48

static const struct {
    const char *word;
    bool failed;
} words[KEY_VERDICT_COUNT] = {
#define KEY_VERDICT_ROW(name, word, failed, about) [name] = {word, failed},
    KEY_VERDICT_TABLE(KEY_VERDICT_ROW)
#undef KEY_VERDICT_ROW
};

const char *key_verdict_word(enum key_verdict verdict) {
    check((unsigned)verdict < KEY_VERDICT_COUNT);
    return words[verdict].word;
}

bool key_verdict_failed(enum key_verdict verdict) {
    check((unsigned)verdict < KEY_VERDICT_COUNT);
    return words[verdict].failed;
}

/* --- words of a peer --- */

static bool holds_part(struct span word, struct span key) {
    size_t part = key.len < KEY_PART_BYTES ? key.len : KEY_PART_BYTES;
    for (size_t i = 0; part > 0 && i + part <= key.len; i++)
        for (size_t j = 0; j + part <= word.len; j++)
            if (memcmp(key.ptr + i, word.ptr + j, part) == 0)
                return true;
    return false;
}

static size_t add_word(char *line, size_t size, size_t length, struct span word) {
    size_t room = size - 1 - length, gap = length > 0;
    if (room <= gap)
        return length;
    if (gap > 0)
        line[length++] = ' ';
    size_t count = word.len < room - gap ? word.len : room - gap;
    count = count < WORD_MAX_BYTES ? count : WORD_MAX_BYTES;
    for (size_t i = 0; i < count; i++)
        line[length++] = word.ptr[i] > ' ' && word.ptr[i] < 0x7f ? word.ptr[i] : '?';
    return length;
}

void key_verdict_tidy(struct span text, const struct secret *key, char *line, size_t size) {
    struct span secret = key != NULL ? secret_reveal(key) : SPAN_NONE;
    size_t length = 0;
    for (size_t i = 0; i < text.len;) {
        size_t begin = i;
        while (i < text.len && (unsigned char)text.ptr[i] > ' ')
            i++;
        struct span word = span_of(text.ptr + begin, i - begin);
        if (word.len > 0)
            length = add_word(line, size, length,
                              holds_part(word, secret) ? SPAN_LITERAL("(key)") : word);
        i += word.len == 0;
    }
    line[length] = '\0';
}

struct sight {
    const struct key_answer *answer;
    struct arena *arena;
    struct key_finding *finding;
};

static void conclude(struct sight *sight, enum key_verdict verdict, const char *says) {
    sight->finding->verdict = verdict;
    sight->finding->says = says != NULL ? says : "";
}

static const char *tidy(struct sight *sight, struct span escaped) {
    struct span text;
    char line[SAYS_BYTES];
    if (span_absent(escaped) || json_unescape(escaped, sight->arena, &text) < 0)
        return NULL;
    key_verdict_tidy(text, sight->answer->key, line, sizeof line);
    return arena_format(sight->arena, "%s", line);
}

/* --- forms of answers --- */

static char first_sign(struct span body) {
    for (size_t i = 0; i < body.len; i++)
        if ((unsigned char)body.ptr[i] > ' ')
            return body.ptr[i];
    return '\0';
}

static bool is_page(const struct key_answer *answer) {
    struct span type =
        answer->head != NULL ? http_header_get(answer->head, "content-type") : SPAN_NONE;
    return span_contains_nocase(type, "html") || first_sign(answer->body) == '<';
}

/* Nothing, JSON, or a short line: what an API may say when it refuses. */
static bool is_speech(const struct key_answer *answer, struct json_value json) {
    if (json_present(json))
        return !json_is(json, JSON_NUMBER);
    for (size_t i = 0; i < answer->body.len; i++) {
        unsigned char byte = (unsigned char)answer->body.ptr[i];
        if (byte >= 0x7f || (byte < ' ' && byte != '\n' && byte != '\r' && byte != '\t'))
            return false;
    }
    return answer->body.len <= SAYS_BYTES;
}

static struct json_value parse(struct sight *sight) {
    struct json_doc *doc = arena_try_alloc(sight->arena, sizeof *doc);
    if (doc == NULL || sight->answer->cut || sight->answer->body.len == 0 ||
        json_parse(doc, sight->answer->body, sight->arena, NULL) < 0)
        return (struct json_value){NULL, 0};
    return json_top(doc);
}

/* --- lists --- */

static struct json_value list_in(struct json_value json) {
    if (json_is(json, JSON_ARRAY))
        return json;
    struct json_value list = json_get(json, "data");
    return json_is(list, JSON_ARRAY) ? list : json_get(json, "models");
}

static void read_list(struct sight *sight, struct json_value list) {
    struct key_finding *finding = sight->finding;
    uint32_t count = json_count(list) < KEY_MODELS_MAX ? json_count(list) : KEY_MODELS_MAX;
    struct span *models = arena_try_alloc(sight->arena, (count + 1) * sizeof *models);
    finding->listed = models != NULL;
    for (struct json_iter it = json_each(list); models != NULL && json_next(&it);) {
        struct json_value id = json_is(it.value, JSON_STRING) ? it.value : json_get(it.value, "id");
        if (!json_present(id))
            id = json_get(it.value, "name");
        if (finding->model_count < count && json_is(id, JSON_STRING) &&
            json_string(id, sight->arena, &models[finding->model_count]) == 0)
            finding->model_count++;
    }
    finding->models = models;
}

/* Google lists "models/ID". */
static bool is_model(struct span listed, struct span id) {
    static const char before[] = "models/";
    if (span_starts_with(listed, before))
        listed = span_of(listed.ptr + strlen(before), listed.len - strlen(before));
    return span_equal(listed, id);
}

bool key_finding_has(const struct key_finding *finding, struct span id) {
    for (uint32_t i = 0; i < finding->model_count; i++)
        if (is_model(finding->models[i], id))
            return true;
    return false;
}

/* --- refusals --- */

static const struct {
    enum outcome outcome;
    enum key_verdict verdict;
} meanings[] = {
    {OUTCOME_KEY_REFUSED, KEY_BAD},
    {OUTCOME_NO_CREDIT, KEY_NO_CREDIT},
    {OUTCOME_ACCOUNT_BLOCKED, KEY_FORBIDDEN},
    {OUTCOME_NOT_ENTITLED, KEY_FORBIDDEN},
    {OUTCOME_REGION_BLOCKED, KEY_REGION},
    {OUTCOME_RATE_LIMITED, KEY_RATE_LIMITED},
    {OUTCOME_UPSTREAM_RATE_LIMITED, KEY_RATE_LIMITED},
    {OUTCOME_QUOTA_EXHAUSTED, KEY_RATE_LIMITED},
};

static enum key_verdict meaning_of(enum outcome outcome) {
    for (size_t i = 0; i < array_length(meanings); i++)
        if (meanings[i].outcome == outcome)
            return meanings[i].verdict;
    return KEY_UNKNOWN;
}

static struct span get_field(void *context, const char *name) {
    const struct http_headers *headers = context;
    return http_header_get(headers, name);
}

static struct signal_verdict classify(struct sight *sight) {
    const struct key_answer *answer = sight->answer;
    const struct signal_answer signal = {
        .status = answer->status,
        .body = answer->body,
        .head = {answer->head != NULL ? get_field : NULL, (void *)(uintptr_t)answer->head},
        .facts = answer->facts,
        .key_sent = answer->key != NULL,
        .wall_ms = answer->wall_ms,
    };
    struct signal_verdict verdict;
    signal_classify(&signal, sight->arena, &verdict);
    return verdict;
}

static bool is_bare_403(const struct signal_verdict *signal) {
    return signal->rule != NULL && strcmp(signal->rule, "status_403") == 0;
}

static void read_refusal(struct sight *sight, struct json_value json) {
    const struct key_answer *answer = sight->answer;
    if (is_page(answer) || !is_speech(answer, json)) {
        conclude(
            sight, KEY_UNKNOWN,
            arena_format(sight->arena,
                         "status %d with %s, not an answer of its API: a challenge, a proxy or "
                         "another address",
                         answer->status, is_page(answer) ? "a web page" : "strange bytes"));
        return;
    }
    const struct signal_verdict signal = classify(sight);
    enum key_verdict verdict = meaning_of(signal.outcome);
    const char *says = tidy(sight, signal.message);
    if (verdict == KEY_BAD && (is_bare_403(&signal) || answer->key == NULL))
        verdict = KEY_FORBIDDEN;
    if (answer->key == NULL && verdict == KEY_FORBIDDEN && says == NULL)
        says = "it wants a key";
    if (signal.outcome == OUTCOME_MODEL_GONE && answer->status == 404 && answer->lists)
        says = "no list of models at this address: is the end of base_url right?";
    conclude(sight, verdict,
             says != NULL && says[0] != '\0'
                 ? says
                 : arena_format(sight->arena, "status %d", answer->status));
}

/* --- good answers --- */

/* Such as {"valid":false} of a check of keys, {"success":false,"errors":[...]}. */
static bool denies(struct json_value json, const char *name) {
    bool value = true;
    return json_bool(json_get(json, name), &value) == 0 && !value;
}

static bool is_error(struct json_value json) {
    struct json_value error = json_get(json, "error");
    return (json_present(error) && !json_is(error, JSON_NULL) && !json_is(error, JSON_FALSE)) ||
           denies(json, "success");
}

static void read_good(struct sight *sight, struct json_value json) {
    const struct key_answer *answer = sight->answer;
    struct json_value list = answer->lists ? list_in(json) : (struct json_value){NULL, 0};
    if (denies(json, "valid"))
        conclude(sight, KEY_BAD, "it says that the key is not valid");
    else if (is_error(json))
        read_refusal(sight, json);
    else if (answer->lists && !json_is(list, JSON_ARRAY))
        conclude(sight, KEY_UNKNOWN,
                 "JSON, but no list of models: is base_url the address of an API?");
    else if (answer->chat && !json_is(json_get(json, "choices"), JSON_ARRAY))
        conclude(sight, KEY_UNKNOWN, "JSON, but no answer to a chat");
    else
        conclude(sight, answer->proves ? KEY_OK : KEY_REACHABLE, "");
    if (answer->lists && json_is(list, JSON_ARRAY))
        read_list(sight, list);
}

/* Longer than is read: its beginning and its status must do. */
static void read_cut(struct sight *sight) {
    char sign = first_sign(sight->answer->body);
    bool json = sign == '{' || sign == '[';
    if (json && sight->answer->lists)
        conclude(sight, sight->answer->proves ? KEY_OK : KEY_REACHABLE,
                 "its list of models is longer than what is read here");
    else
        conclude(sight, KEY_UNKNOWN, "an endless answer that is no list of models");
}

static void read_200(struct sight *sight) {
    const struct key_answer *answer = sight->answer;
    if (answer->cut && !is_page(answer)) {
        read_cut(sight);
        return;
    }
    struct json_value json = parse(sight);
    if (is_page(answer))
        conclude(sight, KEY_UNKNOWN, "a web page, not an answer of its API");
    else if (json_is(json, JSON_OBJECT) || (json_is(json, JSON_ARRAY) && answer->lists))
        read_good(sight, json);
    else
        conclude(sight, KEY_UNKNOWN, "status 200, but not with JSON of its API");
}

static void read_mishap(struct sight *sight) {
    const struct key_answer *answer = sight->answer;
    bool unreadable = answer->err == ERR_UNSUPPORTED || answer->err == ERR_TOO_LARGE ||
                      (answer->err <= ERR_HTTP_UPGRADE && answer->err >= ERR_HTTP_SYNTAX);
    if (answer->status != 0)
        conclude(sight, KEY_UNKNOWN,
                 answer->late ? "its answer began, but did not end in time"
                              : arena_format(sight->arena, "its answer broke off: %s",
                                             err_text(answer->err)));
    else if (answer->late)
        conclude(sight, KEY_UNREACHABLE, "no answer in time");
    else if (unreadable)
        conclude(sight, KEY_UNKNOWN,
                 arena_format(sight->arena, "what answers there: %s", err_text(answer->err)));
    else
        conclude(sight, KEY_UNREACHABLE, err_text(answer->err));
}

void key_verdict_find(const struct key_answer *answer, struct arena *arena,
                      struct key_finding *ret_finding) {
    struct sight sight = {answer, arena, ret_finding};
    *ret_finding = (struct key_finding){.verdict = KEY_UNKNOWN, .says = ""};
    if (answer->err < 0 || answer->late)
        read_mishap(&sight);
    else if (answer->status == 200)
        read_200(&sight);
    else if (answer->status >= 400)
        read_refusal(&sight, parse(&sight));
    else
        conclude(&sight, KEY_UNKNOWN,
                 arena_format(arena, "status %d%s", answer->status,
                              answer->status / 100 == 3 ? ": it sends callers elsewhere" : ""));
}
