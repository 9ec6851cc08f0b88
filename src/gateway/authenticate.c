// SPDX-License-Identifier: Apache-2.0
/*
 * Second step: may this client ask at all?
 *
 * What each class of endpoint needs is one row of a table; how the rules of browsers, hosts and proxies are judged stands in
 * access.c; here verdicts become answers, and keys are looked up. POST needs a JSON type, since a form post needs no preflight.
 * A preflight carries no key, so it is answered by the table of browsers alone.
 * Promises: a refusal names the cure; a wrong key is never written anywhere, and its address is logged at most twice a minute.
 * Leaves to others: what a client may use (admit.c).
 */
#include "gateway/authenticate.h"

#include "base/check.h"
#include "gateway/identify.h"
#include "gateway/wrong_keys.h"
#include "net/stream.h"
#include "obs/log.h"

static bool ends_with_nocase(struct span text, const char *end) {
    size_t length = strlen(end);
    return text.len > length && span_is_nocase(span_of(text.ptr + text.len - length, length), end);
}

/* Without parameters: a page may send "text/plain; x=json" to anybody without asking. */
bool authenticate_json_type(struct span type) {
    const char *parameters = type.len > 0 ? memchr(type.ptr, ';', type.len) : NULL;
    if (parameters != NULL)
        type.len = (size_t)(parameters - type.ptr);
    type = span_trim(type);
    return ends_with_nocase(type, "/json") || ends_with_nocase(type, "+json");
}

static bool content_type_allowed(struct span type) {
    return authenticate_json_type(type) ||
           (type.len >= 10 && span_is_nocase(span_of(type.ptr, 10), "multipart/"));
}

struct access_asker authenticate_asker(struct http_exchange *exchange,
                                       const struct http_request *http) {
    return (struct access_asker){.http = http,
                                 .peer = stream_peer_address(http_exchange_stream(exchange))};
}

void authenticate_origin(struct request *r) {
    const struct access_asker asker =
        authenticate_asker(r->exchange, http_exchange_request(r->exchange));
    r->cors = access_origin_allowed(&gateway_config_of(r->home)->access, &asker);
}

/* --- refusals --- */

static const struct {
    const char *before, *after; /* what was refused stands between them */
} sentences[] = {
    [ACCESS_THROUGH_PROXY] =
        {"This request came through a proxy (",
         "), but this gateway runs without client keys for one person on this machine. Call its "
         "loopback address directly; behind a proxy, client keys are needed (auth: keys)."},
    [ACCESS_FOREIGN_HOST] = {"The Host ",
                             " is not a loopback name. Use 127.0.0.1 or localhost, or add the name "
                             "to the setting hosts."},
    [ACCESS_FOREIGN_ORIGIN] =
        {"The origin ",
         " may not use this gateway. Add it to the setting cors if it should; if it is this "
         "gateway's own behind a proxy that speaks TLS, name the proxy in trusted_proxies."},
    [ACCESS_FOREIGN_SITE] = {"A page of another site (",
                             ") may not use this gateway. Add its origin to the setting cors if it "
                             "should."},
    [ACCESS_UNENCRYPTED] =
        {"This request came from ",
         " over plain HTTP, where its key can be read on the way. Use the https address. If this "
         "is it, the proxy that speaks TLS is missing in trusted_proxies; where plain HTTP is "
         "meant, set insecure_http: true."},
};

/* This and the next go to REJECT themselves when they return false. */
static bool check_access(struct request *r, const struct access_asker *asker) {
    struct span what;
    enum access_verdict verdict = access_judge(&gateway_config_of(r->home)->access, asker, &what);
    if (verdict == ACCESS_GRANTED)
        return true;
    if (what.len > 200)
        what.len = 200;
    (void)request_fail(r, API_ORIGIN_REFUSED, NULL, "%s%.*s%s", sentences[verdict].before,
                       SPAN_ARG(what), sentences[verdict].after);
    return false;
}

/* Counts it; the first of a minute and the first that is too many are logged. */
static bool refuse_key(struct request *r, const struct access_asker *asker, const char *sentence) {
    struct gateway *gateway = r->home->gateway;
    char address[ACCESS_ADDRESS_BYTES];
    access_client_address(&gateway_config_of(r->home)->access, asker, address);
    struct wrong_keys_word word = wrong_keys_note(gateway->wrong_keys, address, request_now_ns(r));
    if (word.count == 1 || word.count == WRONG_KEYS_A_MINUTE + 1)
        log_event(LOG_WARN, "access.wrong_key", "address=%s count=%u", address, word.count);
    if (word.wait_ns == 0) {
        (void)request_fail(r, API_INVALID_KEY, NULL, "%s", sentence);
        return false;
    }
    (void)request_fail(r, API_RATE_LIMITED, NULL,
                       "More than %u wrong keys came from %s within a minute. %s",
                       WRONG_KEYS_A_MINUTE, address, sentence);
    r->error.retry_after_ms = (int64_t)(word.wait_ns / NS_PER_MS) + 1;
    r->error.no_client_retry = true;
    return false;
}

/* --- what each class of endpoint needs --- */

enum need { NEED_NOTHING, NEED_KEY, NEED_ADMIN_UNLESS_LOCAL, NEED_ADMIN };

static const struct {
    bool browsers; /* the rules of product 6: Host, Origin, proxies */
    enum need need;
} classes[] = {
    [ACCESS_PUBLIC] = {false, NEED_NOTHING}, [ACCESS_PAGE] = {true, NEED_NOTHING},
    [ACCESS_CLIENT] = {true, NEED_KEY},      [ACCESS_METRICS] = {true, NEED_ADMIN_UNLESS_LOCAL},
    [ACCESS_ADMIN] = {true, NEED_ADMIN},
};

static bool ask_for_key(struct request *r, enum need need) {
    (void)request_fail(r, API_INVALID_KEY, NULL, "%s",
                       need == NEED_KEY
                           ? "This gateway needs a key: send it as Authorization: Bearer "
                             "sk-papi-... Whoever runs it makes one with `papi client add NAME`."
                           : "This is for whoever runs this gateway: ask by the socket papi.sock "
                             "in its data directory, as the commands of papi do, or send an admin "
                             "token as Authorization: Bearer sk-papi-admin-...");
    return false;
}

static bool check_key(struct request *r, const struct access_asker *asker, enum need need) {
    struct span key = access_key(asker->http, &r->arena);
    if (key.len == 0)
        return ask_for_key(r, need);
    enum client_verdict verdict = identify_key(r, key);
    if (verdict == CLIENT_UNKNOWN_KEY && roster_is_unread(r->home->gateway->roster)) {
        (void)request_fail(r, API_UNAVAILABLE, NULL,
                           "The store cannot be asked now, so nobody knows whose key this is. Try "
                           "again in a moment.");
        r->error.retry_after_ms = 1000;
        return false;
    }
    if (verdict != CLIENT_KNOWN)
        return refuse_key(r, asker, identify_sentence(verdict));
    if (need == NEED_KEY || r->client->role == CLIENT_ADMIN)
        return true;
    (void)request_fail(r, API_FORBIDDEN, NULL,
                       "This API key is a client's. What runs the gateway needs an admin token "
                       "(`papi admin token add NAME`), or the socket papi.sock in its data "
                       "directory, by which the commands of papi ask.");
    return false;
}

/* Where any key will do, that of a client still tells whose request it is. */
static void note_key(struct request *r, const struct access_asker *asker) {
    struct span key = access_key(asker->http, &r->arena);
    if (key.len > 0)
        (void)identify_key(r, key);
}

static bool needs_key(const struct access_rules *rules, enum need need,
                      const struct access_asker *asker) {
    switch (need) {
    case NEED_NOTHING:
        return false;
    case NEED_KEY:
        return rules->keys;
    case NEED_ADMIN_UNLESS_LOCAL:
        return !access_is_local(rules, asker);
    case NEED_ADMIN:
        return true;
    }
    return true;
}

static bool check_client(struct request *r, const struct http_request *http) {
    const struct access_rules *rules = &gateway_config_of(r->home)->access;
    const struct access_asker asker = authenticate_asker(r->exchange, http);
    bool preflight = endpoint_method_of(http->method) == METHOD_OPTIONS;
    if (r->owner || !classes[r->endpoint->access].browsers)
        return true; /* no page reaches the owner's socket, and no stranger */
    if (!check_access(r, &asker))
        return false;
    enum need need = classes[r->endpoint->access].need;
    if (preflight || need == NEED_NOTHING)
        return true;
    if (needs_key(rules, need, &asker))
        return check_key(r, &asker, need);
    note_key(r, &asker);
    return true;
}

static bool check_content_type(struct request *r, const struct http_request *http) {
    struct span type = http_header_get(http->headers, "content-type");
    if (content_type_allowed(type))
        return true;
    if (type.len > 100)
        type.len = 100;
    (void)request_fail(r, API_UNSUPPORTED_MEDIA, NULL,
                       "Content-Type is %s%.*s%s; send application/json.", type.len > 0 ? "'" : "",
                       (int)(type.len == 0 ? 7 : type.len), type.len > 0 ? type.ptr : "missing",
                       type.len > 0 ? "'" : "");
    return false;
}

bool authenticate_is_owner(const struct request *r) {
    return r->owner || r->endpoint->access == ACCESS_ADMIN ||
           !gateway_config_of(r->home)->access.keys ||
           (r->client != NULL && r->client->role == CLIENT_ADMIN);
}

enum step_verdict step_authenticate(struct request *r) {
    const struct http_request *http = http_exchange_request(r->exchange);
    unsigned method = endpoint_method_of(http->method);
    if (!check_client(r, http))
        return STEP_NEXT; /* to REJECT */
    r->let_in = method != METHOD_OPTIONS;
    if (method == METHOD_OPTIONS || r->endpoint->answer != NULL)
        return request_go(r, STEP_ANSWER);
    if (method == METHOD_POST && !check_content_type(r, http))
        return STEP_NEXT;
    return request_go(r, STEP_DECODE);
}
