// SPDX-License-Identifier: Apache-2.0
/*
 * From an origin to a connected stream.
 *
 * The way: a numeric host or a name resolved; then its addresses, the next one starting as soon as the one before failed
 * or CONNECT_STAGGER_NS have passed, and the first to connect wins (RFC 8305 section 5), so a dead address costs a quarter
 * of a second and not the whole deadline; then TLS with its own deadline. Each address is judged right before its connect,
 * so a name that changes its mind gains nothing.
 * Through a proxy the same way leads to the proxy's address instead, and the tunnel comes between TCP and TLS (connector_via.c).
 * Promises: exactly one on_done, from a task and never from inside connector_start; none after connector_cancel; on success
 * the stream is bare, without a handler and not started. Leaves to others: keeping connections (http).
 */
#include "net/connector.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "net/connector_parts.h"
#include "net/socket.h"
#include "net/stream_parts.h"
#include "net/tls.h"

#include <sys/un.h>
#include <unistd.h>

#define CONNECT_STAGGER_NS     (250 * NS_PER_MS)
#define CONNECT_HOST_MAX_BYTES 255 /* RFC 1035 section 2.3.4 */

struct net_context {
    struct loop *loop;
    struct resolver *resolver; /* owned */
    struct tls_store *tls;     /* owned */
    size_t connecting;
};

void connector__drop_streams(struct connector *connector) {
    for (uint32_t i = 0; i < connector->try_count; i++)
        stream_close(connector->tries[i]);
    connector->try_count = 0;
    if (connector->stream != NULL)
        stream_close(connector->stream);
    connector->stream = NULL;
}

static void connector_free(struct connector *connector) {
    struct net_context *net = connector->net;
    loop_timer_clear(net->loop, &connector->deadline);
    loop_timer_clear(net->loop, &connector->stagger);
    loop_undefer(&connector->done);
    resolver_forget(&connector->query);
    net->connecting--;
    loop__closed(net->loop);
    connector__via_free(connector->via);
    connector->magic = 0;
    mem_free(connector);
}

static void on_done_task(struct loop_task *task) {
    struct connector *connector = container_of(task, struct connector, done);
    struct connect_request request = connector->request;
    struct stream *stream = connector->stream;
    int err = connector->err;
    connector_free(connector);
    request.on_done(request.context, err, stream);
}

void connector__finish(struct connector *connector, int err) {
    if (connector->over)
        return;
    connector->over = true;
    connector->err = connector__via_err(connector->via, err);
    loop_timer_clear(connector->net->loop, &connector->deadline);
    loop_timer_clear(connector->net->loop, &connector->stagger);
    resolver_forget(&connector->query);
    if (err < 0)
        connector__drop_streams(connector);
    loop_defer(connector->net->loop, &connector->done);
}

static struct connector *connector_of_deadline(struct loop_timer *timer) {
    struct connector *connector = container_of(timer, struct connector, deadline);
    return cast_checked(connector, struct connector, CONNECTOR_MAGIC);
}

/* --- TLS --- */

static void on_tls_late(struct loop_timer *timer) {
    connector__finish(connector_of_deadline(timer), ERR_TLS_TIMEOUT);
}

static void on_secured(void *context, int err) {
    connector__finish(cast_checked(context, struct connector, CONNECTOR_MAGIC), err);
}

static void secure(struct connector *connector) {
    struct loop *loop = connector->net->loop;
    const struct origin *origin = connector->request.origin;
    const struct tls_request request = {
        .host = origin->host,
        .port = origin->port,
        .ca_file = origin->ca_file,
        .on_done = on_secured,
        .context = connector,
    };
    connector->deadline.fire = on_tls_late;
    loop_timer_set(loop, &connector->deadline,
                   loop_now_ns(loop) + connector->request.tls_timeout_ns);
    int err = tls_start(connector->net->tls, connector->stream, &request);
    if (err < 0)
        connector__finish(connector, err);
}

void connector__reached(struct connector *connector) {
    if (connector->request.origin->tls)
        secure(connector);
    else
        connector__finish(connector, 0);
}

/* --- TCP --- */

static void on_connect_late(struct loop_timer *timer) {
    connector__finish(connector_of_deadline(timer), ERR_CONNECT_TIMEOUT);
}

static void forget_try(struct connector *connector, const struct stream *stream) {
    uint32_t place = 0;
    while (connector->tries[place] != stream)
        place++;
    connector->tries[place] = connector->tries[--connector->try_count];
}

static void on_connected(struct stream *stream, int err) {
    struct connector *connector = cast_checked(stream->context, struct connector, CONNECTOR_MAGIC);
    forget_try(connector, stream);
    if (err < 0) {
        connector->err = err;
        stream_close(stream);
        connector__try_next(connector);
        return;
    }
    connector__drop_streams(connector);
    loop_timer_clear(connector->net->loop, &connector->stagger);
    stream_set_handler(stream, NULL, NULL);
    connector->stream = stream;
    if (connector->via != NULL)
        connector__via_connected(connector);
    else
        connector__reached(connector);
}

struct address_rules connector__rules(const struct origin *origin) {
    return (struct address_rules){.allow_loopback = origin->allow_loopback,
                                  .private_network = origin->private_network};
}

static int start_try(struct connector *connector, int fd, const struct sockaddr_storage *address) {
    struct stream *stream = stream__new(connector->net->loop, fd, address);
    stream_set_handler(stream, NULL, connector);
    int err = stream__connect(stream, address, on_connected);
    if (err < 0)
        stream_close(stream);
    else
        connector->tries[connector->try_count++] = stream;
    return err;
}

static int try_address(struct connector *connector, const struct sockaddr_storage *address) {
    static const struct address_rules of_proxy = {.allow_loopback = true, .allow_private = true};
    const struct address_rules rules =
        connector->via != NULL ? of_proxy : connector__rules(connector->request.origin);
    int fd;
    int err = address_check(address, &rules);
    if (err == 0)
        err = socket_open(address->ss_family, &fd);
    if (err < 0)
        return err == ERR_UNSUPPORTED ? ERR_CONNECT_UNREACHABLE : err;
    socket_set_no_delay(fd);
    return start_try(connector, fd, address);
}

void connector__try_next(struct connector *connector) {
    struct loop *loop = connector->net->loop;
    struct address_list *list = &connector->addresses;
    uint16_t port =
        connector->via != NULL ? connector->via->proxy.port : connector->request.origin->port;
    loop_timer_clear(loop, &connector->stagger);
    while (connector->next < list->count) {
        struct sockaddr_storage *address = &list->items[connector->next++];
        address_set_port(address, port);
        int err = try_address(connector, address);
        if (err == 0) {
            if (connector->next < list->count)
                loop_timer_set(loop, &connector->stagger, loop_now_ns(loop) + CONNECT_STAGGER_NS);
            return;
        }
        /* What an address that may be reached said tells more than that another may not. */
        if (connector->err == 0 || err != ERR_ADDRESS_FORBIDDEN)
            connector->err = err;
    }
    if (connector->try_count == 0)
        connector__finish(connector, connector->err < 0 ? connector->err : ERR_DNS_NOT_FOUND);
}

static void on_stagger(struct loop_timer *timer) {
    connector__try_next(container_of(timer, struct connector, stagger));
}

/* --- names --- */

static void on_resolve_late(struct loop_timer *timer) {
    connector__finish(connector_of_deadline(timer), ERR_DNS_TIMEOUT);
}

static void resolved(struct connector *connector) {
    if (connector->via != NULL && connector->via->stage == VIA_TARGET) {
        connector__via_targets(connector);
        return;
    }
    connector->deadline.fire = on_connect_late;
    connector__try_next(connector);
}

static void on_answer(struct resolver_query *query, int err, const struct address_list *list) {
    struct connector *connector = container_of(query, struct connector, query);
    if (err < 0) {
        connector__finish(connector, err);
        return;
    }
    connector->addresses = *list;
    resolved(connector);
}

bool connector__known_host(struct span host, struct address_list *ret_list) {
    bool local = span_is_nocase(host, "localhost") || span_is_nocase(host, "localhost.");
    ret_list->count = 0;
    if (!local) {
        bool numeric = address_parse(host, 0, &ret_list->items[0]) == 0;
        ret_list->count = numeric ? 1 : 0;
        return numeric;
    }
    ret_list->count = 2;
    return address_parse(SPAN_LITERAL("127.0.0.1"), 0, &ret_list->items[0]) == 0 &&
           address_parse(SPAN_LITERAL("::1"), 0, &ret_list->items[1]) == 0;
}

void connector__look_up(struct connector *connector, struct span host) {
    bool fits = host.len > 0 && host.len <= CONNECT_HOST_MAX_BYTES &&
                memchr(host.ptr, '\0', host.len) == NULL;
    if (!fits) {
        connector__finish(connector, ERR_DNS_NOT_FOUND);
        return;
    }
    if (connector__known_host(host, &connector->addresses)) {
        resolved(connector);
        return;
    }
    connector->deadline.fire = on_resolve_late;
    int err = resolver_ask(connector->net->resolver, host, &connector->query);
    if (err < 0)
        connector__finish(connector, err);
}

/* --- Unix sockets --- */

static int try_path(struct connector *connector, struct span path) {
    struct sockaddr_storage address = {.ss_family = AF_UNIX};
    struct sockaddr_un *place = (struct sockaddr_un *)(void *)&address;
    int fd;
    if (path.len >= sizeof place->sun_path || memchr(path.ptr, '\0', path.len) != NULL)
        return ERR_TOO_LARGE;
    memcpy(place->sun_path, path.ptr, path.len);
    int err = socket_open(AF_UNIX, &fd);
    return err < 0 ? err : start_try(connector, fd, &address);
}

static void begin(struct connector *connector) {
    const struct origin *origin = connector->request.origin;
    if (origin->unix_path.len > 0) {
        int err = try_path(connector, origin->unix_path);
        if (err < 0)
            connector__finish(connector, err);
    } else if (origin->proxy.len > 0)
        connector__via_begin(connector);
    else
        connector__look_up(connector, origin->host);
}

struct connector *connector_start(struct net_context *net, const struct connect_request *request) {
    struct connector *connector = mem_zalloc(sizeof *connector);
    connector->magic = CONNECTOR_MAGIC;
    connector->net = net;
    connector->request = *request;
    connector->deadline.fire = on_connect_late;
    connector->stagger.fire = on_stagger;
    connector->query.on_answer = on_answer;
    list_init(&connector->query.node);
    loop_task_init(&connector->done, on_done_task);
    net->connecting++;
    loop__opened(net->loop);
    loop_timer_set(net->loop, &connector->deadline, request->connect_deadline_ns);
    begin(connector);
    return connector;
}

void connector_cancel(struct connector *connector) {
    check(connector->magic == CONNECTOR_MAGIC);
    connector__drop_streams(connector);
    connector_free(connector);
}

/* --- the context of a loop --- */

struct net_context *net_context_new(struct loop *loop) {
    struct net_context *net = mem_zalloc(sizeof *net);
    net->loop = loop;
    net->resolver = resolver_new(loop);
    net->tls = tls_store_new();
    return net;
}

void net_context_free(struct net_context *net) {
    check(net->connecting == 0);
    resolver_free(net->resolver);
    tls_store_free(net->tls);
    mem_free(net);
}

void net_context_reload_authorities(struct net_context *net) {
    tls_store_reload(net->tls);
}

struct resolver *net_context_resolver(struct net_context *net) {
    return net->resolver;
}
