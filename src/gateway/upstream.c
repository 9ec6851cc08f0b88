// SPDX-License-Identifier: Apache-2.0
/*
 * Head fields and origins of calls to providers.
 *
 * Why one place: what a test of a key sends must be what a request sends, or the test proves nothing. The key comes last into a buffer
 * that has room for it by then, and is wiped with it: no copy stays behind in memory that was outgrown. Promises: a value that
 * could split the head is an error. Leaves to others: method, path, body, framing fields (http/client).
 */
#include "gateway/upstream.h"

#define HEAD_USUAL_BYTES 512

struct origin upstream_origin(const struct catalog_provider *provider) {
    return (struct origin){.host = provider->host,
                           .port = provider->port,
                           .tls = provider->tls,
                           .allow_loopback = provider->allow_loopback,
                           .private_network = provider->private_network,
                           .ca_file = provider->ca_file,
                           .proxy = provider->proxy};
}

static int write_key(const struct catalog_provider *provider, const struct secret *key,
                     const struct dialect *dialect, struct dynbuf *head) {
    const struct dialect_key_field field = dialect_key_field(dialect, provider->facts);
    struct span value = key != NULL ? secret_reveal(key) : field.anonymous;
    if (span_absent(value) || field.name == NULL)
        return 0;
    return http_write_header_joined(head, field.name, field.before, value);
}

int upstream_write_head(const struct catalog_provider *provider, const struct secret *key,
                        const struct dialect *dialect, const struct upstream_fields *fields,
                        struct dynbuf *head) {
    struct span agent = provider->user_agent;
    dynbuf_init(head, 2 * SECRET_MAX_BYTES);
    int err = dynbuf_reserve(head, HEAD_USUAL_BYTES);
    if (err == 0 && fields->content_type != NULL)
        err = http_write_header(head, "Content-Type", span_text(fields->content_type));
    if (err == 0)
        err = http_write_header(head, "Accept", span_text(fields->accept));
    if (err == 0)
        err = http_write_header(head, "Accept-Encoding", SPAN_LITERAL("identity"));
    if (err == 0)
        err = http_write_header(head, "User-Agent",
                                span_absent(agent) ? SPAN_LITERAL("papi-gateway") : agent);
    if (err == 0)
        err = http_write_header(head, "x-papi-hop", fields->hop);
    return err == 0 ? write_key(provider, key, dialect, head) : err;
}

void upstream_wipe_head(struct dynbuf *head) {
    if (head->data != NULL)
        secret_wipe(head->data, head->capacity);
    dynbuf_done(head);
}
