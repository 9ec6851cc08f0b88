// SPDX-License-Identifier: Apache-2.0
/*
 * The detour of a connector through a proxy.
 *
 * The way: SOCKS5 with names resolved here first looks up the origin, drops the addresses that it may not have and offers the
 * proxy one after another, on a new connection each (RFC 1928 section 6: it closes after a refusal); otherwise the proxy gets the
 * name, and only a numeric origin is judged here. Then TCP to the proxy by the common way, then the tunnel. Reads are cut to what the
 * tunnel still wants, so that nothing of the origin's passes through here.
 * Promises: what goes wrong with the proxy has classes of its own, so that nobody takes it for the provider's fault; passwords are
 * wiped once they are in the stream's hands. Leaves to others: the words (tunnel.c), deadlines and streams (connector.c).
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/secret.h"
#include "net/connector_parts.h"
#include "net/stream_parts.h"

void connector__via_free(struct via *via) {
    if (via == NULL)
        return;
    if (via->out.data != NULL)
        secret_wipe(via->out.data, via->out.capacity);
    dynbuf_done(&via->out);
    mem_free(via);
}

/* While the proxy itself is being reached or spoken to. */
static const struct {
    int err;
    int told;
} proxy_errs[] = {
    {ERR_DNS_NOT_FOUND, ERR_PROXY_UNREACHABLE},
    {ERR_DNS_FAILED, ERR_PROXY_UNREACHABLE},
    {ERR_DNS_TIMEOUT, ERR_PROXY_TIMEOUT},
    {ERR_CONNECT_REFUSED, ERR_PROXY_UNREACHABLE},
    {ERR_CONNECT_UNREACHABLE, ERR_PROXY_UNREACHABLE},
    {ERR_CONNECT_TIMEOUT, ERR_PROXY_TIMEOUT},
    {ERR_ADDRESS_FORBIDDEN, ERR_PROXY_UNREACHABLE},
    {ERR_RESET, ERR_PROXY_PROTOCOL},
    {ERR_EOF, ERR_PROXY_PROTOCOL},
};

int connector__via_err(const struct via *via, int err) {
    if (via == NULL || (via->stage != VIA_PROXY && via->stage != VIA_TUNNEL))
        return err;
    for (size_t i = 0; i < array_length(proxy_errs); i++)
        if (proxy_errs[i].err == err)
            return proxy_errs[i].told;
    return err;
}

/* --- the tunnel --- */

static void say(struct connector *connector) {
    struct dynbuf *out = &connector->via->out;
    int err = stream_write(connector->stream, dynbuf_span(out));
    secret_wipe(out->data, out->capacity);
    dynbuf_clear(out);
    if (err < 0)
        connector__finish(connector, err);
}

static void tunnel_failed(struct connector *connector, int err) {
    struct via *via = connector->via;
    bool asks_elsewhere = err == ERR_PROXY_TARGET && via->proxy.kind == PROXY_SOCKS5 &&
                          via->target + 1 < via->targets.count;
    if (!asks_elsewhere) {
        connector__finish(connector, err);
        return;
    }
    connector__drop_streams(connector);
    via->target++;
    via->stage = VIA_PROXY;
    connector->next = 0;
    connector->err = 0;
    connector__try_next(connector);
}

static bool on_tunnel_buffer(void *context, char **ret_buffer, size_t *ret_size) {
    struct connector *connector = cast_checked(context, struct connector, CONNECTOR_MAGIC);
    (void)ret_buffer;
    *ret_size = tunnel_wants(&connector->via->tunnel);
    return true;
}

static void on_tunnel_read(void *context, struct span bytes) {
    struct connector *connector = cast_checked(context, struct connector, CONNECTOR_MAGIC);
    struct stream *stream = connector->stream;
    struct via *via = connector->via;
    int verdict = ERR_PROXY_PROTOCOL;
    /* An answer to what has not been sent yet; and what is queued here must never become the tunnel's first bytes. */
    if (stream_queued_bytes(stream) == 0)
        verdict = tunnel_feed(&via->tunnel, &bytes, &via->out);
    if (verdict == TUNNEL_MORE) {
        say(connector);
        return;
    }
    if (verdict < 0) {
        tunnel_failed(connector, verdict);
        return;
    }
    check(bytes.len == 0 && via->out.len == 0);
    via->stage = VIA_OPEN;
    stream->started = false;
    stream_set_handler(stream, NULL, NULL);
    connector__reached(connector);
}

static void on_tunnel_end(void *context) {
    connector__finish(cast_checked(context, struct connector, CONNECTOR_MAGIC), ERR_EOF);
}

static void on_tunnel_error(void *context, int err) {
    connector__finish(cast_checked(context, struct connector, CONNECTOR_MAGIC), err);
}

static const struct stream_handler tunnel_handler = {
    .on_read = on_tunnel_read,
    .on_buffer = on_tunnel_buffer,
    .on_end = on_tunnel_end,
    .on_error = on_tunnel_error,
};

void connector__via_connected(struct connector *connector) {
    struct via *via = connector->via;
    const struct origin *origin = connector->request.origin;
    const struct tunnel_target target = {
        .host = origin->host,
        .address = via->proxy.kind == PROXY_SOCKS5 ? &via->targets.items[via->target] : NULL,
        .port = origin->port,
    };
    via->stage = VIA_TUNNEL;
    int err = tunnel_begin(&via->tunnel, &via->proxy, &target, &via->out);
    if (err < 0) {
        connector__finish(connector, err);
        return;
    }
    stream_set_handler(connector->stream, &tunnel_handler, connector);
    stream_start(connector->stream);
    say(connector);
}

/* --- the way --- */

static void look_up_proxy(struct connector *connector) {
    connector->via->stage = VIA_PROXY;
    connector__look_up(connector, connector->via->proxy.host);
}

/* Addresses of the origin, for a proxy: judged here, since nobody else will. */
void connector__via_targets(struct connector *connector) {
    struct via *via = connector->via;
    const struct address_rules rules = connector__rules(connector->request.origin);
    for (uint32_t i = 0; i < connector->addresses.count; i++)
        if (address_check(&connector->addresses.items[i], &rules) == 0)
            via->targets.items[via->targets.count++] = connector->addresses.items[i];
    if (via->targets.count > 0)
        look_up_proxy(connector);
    else
        connector__finish(connector, connector->addresses.count > 0 ? ERR_ADDRESS_FORBIDDEN
                                                                    : ERR_DNS_NOT_FOUND);
}

void connector__via_begin(struct connector *connector) {
    const struct origin *origin = connector->request.origin;
    struct via *via = mem_zalloc(sizeof *via);
    const char *why;
    connector->via = via;
    dynbuf_init(&via->out, TUNNEL_SAY_MAX_BYTES);
    if (proxy_parse(origin->proxy, &via->proxy, &why) < 0)
        connector__finish(connector, ERR_PROXY_URL);
    else if (!tunnel_can_ask_for(origin->host))
        connector__finish(connector, ERR_DNS_NOT_FOUND);
    else if (via->proxy.kind == PROXY_SOCKS5 ||
             connector__known_host(origin->host, &connector->addresses))
        connector__look_up(connector, origin->host);
    else
        look_up_proxy(connector);
}
