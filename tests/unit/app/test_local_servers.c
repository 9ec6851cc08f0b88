// SPDX-License-Identifier: Apache-2.0
/*
 * Servers on this machine: each program's answers are recognised, everything else on its port is nobody.
 */
#include <stdbool.h>

#include "unit/net/canned_server.h"

#include "app/local_servers.h"
#include "base/check.h"
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define HEAD(status) \
    "HTTP/1.1 " status "\r\nContent-Type: application/json\r\nConnection: close\r\n"
#define OK(json) HEAD("200 OK") "\r\n" json

#define OLLAMA_TAGS                                                                                \
    "{\"models\":[{\"name\":\"llama3:latest\",\"digest\":\"a\",\"details\":{\"family\":\"llama\"}" \
    "},"                                                                                           \
    "{\"name\":\"all-minilm:l6\",\"digest\":\"b\",\"details\":{\"family\":\"bert\"}},"             \
    "{\"name\":\"odd\",\"digest\":\"c\",\"details\":{\"family\":\"nomic-bert\"}},"                 \
    "{\"name\":\"gpt-oss:120b-cloud\",\"digest\":\"d\",\"remote_host\":\"https://"                 \
    "ollama.com:443\"},"                                                                           \
    "{\"name\":\"big:cloud\",\"digest\":\"e\"},{\"name\":\"llama3:latest\",\"digest\":\"a\"},"     \
    "{\"name\":\"no digest\"},{\"name\":\"a b\",\"digest\":\"f\"},{\"digest\":\"g\"},7]}"

#define LLAMACPP_MODELS                                                                      \
    "{\"object\":\"list\",\"data\":[{\"id\":\"/models/qwen3-8b.gguf\",\"object\":\"model\"," \
    "\"owned_by\":\"llamacpp\",\"meta\":{\"n_ctx_train\":131072}}]}"
#define LLAMACPP_PROPS                                                                    \
    "{\"default_generation_settings\":{\"n_ctx\":8192},\"total_slots\":1,\"model_path\":" \
    "\"/models/qwen3-8b.gguf\",\"modalities\":{\"vision\":true}}"

#define LMSTUDIO_OWN                                                                              \
    "{\"object\":\"list\",\"data\":[{\"id\":\"qwen2.5-vl\",\"type\":\"vlm\",\"compatibility_"     \
    "type\":"                                                                                     \
    "\"gguf\",\"state\":\"loaded\",\"max_context_length\":32768,\"loaded_context_length\":4096}," \
    "{\"id\":\"text-x\",\"type\":\"embeddings\",\"compatibility_type\":\"gguf\",\"state\":"       \
    "\"not-loaded\",\"max_context_length\":2048}]}"
#define LMSTUDIO_MODELS                                                          \
    "{\"data\":[{\"id\":\"nomic-embed-text\",\"object\":\"model\",\"owned_by\":" \
    "\"organization_owner\"}],\"object\":\"list\"}"

#define VLLM_MODELS                                                                            \
    "{\"object\":\"list\",\"data\":[{\"id\":\"Qwen/Qwen3-8B\",\"owned_by\":\"vllm\",\"root\":" \
    "\"Qwen/Qwen3-8B\",\"max_model_len\":40960}]}"

struct sample {
    const char *provider;
    struct canned_path paths[CANNED_PATHS_MAX];
    const char *found; /* "id context embeds vision;..."; NULL: nobody */
};

static const struct sample samples[] = {
    /* the programs */
    {"ollama_local",
     {{"/api/version", OK("{\"version\":\"0.9.1\"}"), 0, false},
      {"/api/tags", OK(OLLAMA_TAGS), 0, false}},
     "llama3:latest 0 0 0;all-minilm:l6 0 1 0;odd 0 1 0;"},
    {"ollama_local",
     {{"/api/version", OK("{\"version\":\"0.9.1\"}"), 3, false},
      {"/api/tags",
       HEAD("200 OK") "Transfer-Encoding: chunked\r\n\r\nd\r\n{\"models\":[]}\r\n0\r\n\r\n", 1,
       true}},
     ""},
    {"llamacpp",
     {{"/props", OK(LLAMACPP_PROPS), 0, false}, {"/v1/models", OK(LLAMACPP_MODELS), 0, false}},
     "/models/qwen3-8b.gguf 8192 0 1;"},
    {"llamacpp",
     {{"/props", HEAD("501 Not Implemented") "\r\n{}", 0, false},
      {"/v1/models", OK(LLAMACPP_MODELS), 0, false}},
     "/models/qwen3-8b.gguf 0 0 0;"},
    {"llamacpp",
     {{"",
       HEAD("503 Service Unavailable") "\r\n{\"error\":{\"code\":503,\"message\":\"Loading model\","
                                       "\"type\":\"unavailable_error\"}}",
       0, false}},
     "loading"},
    {"lmstudio",
     {{"/api/v0/models", OK(LMSTUDIO_OWN), 0, false},
      {"/v1/models", OK(LMSTUDIO_MODELS), 0, false}},
     "qwen2.5-vl 4096 0 1;text-x 2048 1 0;"},
    {"lmstudio",
     {{"/api/v0/models", OK("{\"error\":\"Unexpected endpoint or method\"}"), 0, false},
      {"/v1/models", OK(LMSTUDIO_MODELS), 0, false}},
     "nomic-embed-text 0 1 0;"},
    {"vllm", {{"/v1/models", OK(VLLM_MODELS), 0, false}}, "Qwen/Qwen3-8B 40960 0 0;"},
    /* somebody else's port */
    {"ollama_local", {{"", OK("{\"version\":\"1\"}"), 0, false}}, NULL},
    {"ollama_local",
     {{"/api/version", OK("{\"version\":\"0.9.1\"}"), 0, false}, {"/api/tags", OK("[]"), 0, false}},
     NULL},
    {"llamacpp", {{"", OK("<html>Jenkins</html>"), 0, false}}, NULL},
    {"llamacpp", {{"", OK(VLLM_MODELS), 0, false}}, NULL},
    {"llamacpp", {{"", HEAD("404 Not Found") "\r\n" LLAMACPP_MODELS, 0, false}}, NULL},
    {"llamacpp",
     {{"", HEAD("503 Service Unavailable") "\r\n{\"error\":\"busy\"}", 0, false}},
     NULL},
    {"llamacpp", {{"", "", 0, false}}, NULL},
    {"llamacpp", {{"", "SSH-2.0-OpenSSH_9.2\r\n", 0, false}}, NULL},
    {"llamacpp",
     {{"", "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"data\":[", 0, false}},
     NULL},
    {"lmstudio", {{"", OK(LLAMACPP_MODELS), 0, false}}, NULL},
    {"lmstudio", {{"", OK("{\"data\":[]}"), 0, false}}, NULL},
    {"vllm", {{"", OK("{\"data\":[]}"), 0, false}}, NULL},
    {"vllm",
     {{"",
       OK("{\"data\":[{\"id\":\"a\",\"owned_by\":\"vllm\"},{\"id\":\"b\",\"owned_by\":\"me\"}]}"),
       0, false}},
     NULL},
    {"vllm", {{"", OK("{\"data\":{\"id\":1}}"), 0, false}}, NULL},
    {"vllm", {{"", OK("{\"data\":[[[[[[[["), 0, false}}, NULL},
    /* a gateway that serves such a model under its provider's name */
    {"vllm", {{"", HEAD("200 OK") "X-Papi-Hop: 1234\r\n\r\n" VLLM_MODELS, 0, false}}, NULL},
};

static void describe(const struct local_server *server, char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    if (server->loading)
        (void)snprintf(text, size, "loading");
    for (uint32_t i = 0; i < server->model_count; i++)
        used += (size_t)snprintf(text + used, size - used, "%.*s %llu %d %d;",
                                 SPAN_ARG(server->models[i].id),
                                 (unsigned long long)server->models[i].context_tokens,
                                 server->models[i].embeds, server->models[i].vision);
}

static void expect_sample(const struct sample *sample) {
    struct canned_server server = {.fd = -1};
    struct local_servers servers;
    char ports[64], found[512];
    memcpy(server.paths, sample->paths, sizeof server.paths);
    canned_open(&server);
    (void)snprintf(ports, sizeof ports, "nobody=1,%s=%u", sample->provider, server.port);
    local_servers_find(&servers, ports, 7274);
    if (servers.count != (sample->found != NULL))
        fail_msg("%s: %s", sample->provider, sample->paths[0].bytes);
    if (sample->found != NULL) {
        assert_true(span_is(servers.items[0].provider, sample->provider));
        assert_int_equal(servers.items[0].port, server.port);
        describe(&servers.items[0], found, sizeof found);
        assert_string_equal(found, sample->found);
    }
    local_servers_free(&servers);
    canned_close(&server);
}

static void tells_programs_from_others(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(samples); i++)
        expect_sample(&samples[i]);
}

static void finds_several_at_once(void **state) {
    struct canned_server vllm = {.paths = {{"", OK(VLLM_MODELS), 0, false}}},
                         silent = {.paths = {{"", NULL, 0, false}}};
    struct local_servers servers;
    char ports[128];
    (void)state;
    canned_open(&vllm);
    canned_open(&silent);
    (void)snprintf(ports, sizeof ports, "vllm=%u,llamacpp=%u", vllm.port, silent.port);
    uint64_t before_ns = clock_mono_ns();
    local_servers_find(&servers, ports, 0);
    assert_true(clock_mono_ns() - before_ns < 5 * NS_PER_S);
    assert_int_equal(servers.count, 1);
    local_servers_free(&servers);
    /* Our own port is never asked. */
    unsigned asked = atomic_load(&vllm.asked);
    local_servers_find(&servers, ports, vllm.port);
    assert_int_equal(servers.count, 0);
    assert_int_equal(atomic_load(&vllm.asked), asked);
    local_servers_free(&servers);
    canned_close(&vllm);
    canned_close(&silent);
}

static void reads_the_ports_given(void **state) {
    static const char *const none[] = {"nobody=1", "vllm", "vllm=", "vllm=x", "vllm=70000",
                                       "vllm=0",   ",",    "=",     "vllm=-1"};
    struct local_servers servers;
    (void)state;
    for (size_t i = 0; i < array_length(none); i++) {
        local_servers_find(&servers, none[i], 0);
        assert_int_equal(servers.count, 0);
        local_servers_free(&servers);
    }
}

static void caps_models(void **state) {
    static char answer[64 * 1024];
    size_t used = (size_t)snprintf(answer, sizeof answer, "%s", OK("{\"data\":["));
    (void)state;
    for (int i = 0; i < LOCAL_SERVER_MODELS_MAX + 50; i++)
        used += (size_t)snprintf(answer + used, sizeof answer - used,
                                 "%s{\"id\":\"m%d\",\"owned_by\":\"vllm\"}", i > 0 ? "," : "", i);
    (void)snprintf(answer + used, sizeof answer - used, "]}");
    struct canned_server vllm = {.paths = {{"", answer, 0, false}}};
    struct local_servers servers;
    char ports[64];
    canned_open(&vllm);
    (void)snprintf(ports, sizeof ports, "vllm=%u", vllm.port);
    local_servers_find(&servers, ports, 0);
    assert_int_equal(servers.count, 1);
    assert_int_equal(servers.items[0].model_count, LOCAL_SERVER_MODELS_MAX);
    local_servers_free(&servers);
    canned_close(&vllm);
}

static void guesses_embedding_models(void **state) {
    static const char *const yes[] = {
        "bge-m3:latest", "nomic-embed-text",      "mxbai-embed-large", "BAAI/bge-small",
        "gte-qwen2",     "multilingual-e5-large", "all-minilm",        "Qwen3-Embedding-8B"};
    static const char *const no[] = {"llama3", "qwen3-8b", "gemma3:4b", "gpt-oss-20b", "phi4"};
    (void)state;
    for (size_t i = 0; i < array_length(yes); i++)
        assert_true(local_model_embeds(span_text(yes[i])));
    for (size_t i = 0; i < array_length(no); i++)
        assert_false(local_model_embeds(span_text(no[i])));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_programs_from_others), cmocka_unit_test(finds_several_at_once),
        cmocka_unit_test(reads_the_ports_given),      cmocka_unit_test(caps_models),
        cmocka_unit_test(guesses_embedding_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
