// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Mishaps: the one table of things that can go wrong below the level of decisions.
 *
 * A function that can fail returns int: 0, or one of these negative codes, and is marked WARN_UNUSED. A refusal that
 * belongs to the business (no quota, no candidate) is not a mishap: it is an enum of the module that decides it.
 * Numbers are private to one build; only names and texts may be shown or stored.
 */
#define WARN_UNUSED __attribute__((warn_unused_result))
/* For large scratch that is written before it is read: release builds zero all other variables of a function. */
#if defined(__has_attribute) && __has_attribute(uninitialized)
#define UNINITIALIZED __attribute__((uninitialized))
#else
#define UNINITIALIZED
#endif
#define PRINTF_LIKE(format_index, first_index) \
    __attribute__((format(printf, format_index, first_index)))

/* name, text for people */
#define ERR_TABLE(X)                                                                 \
    X(ERR_NOMEM, "out of memory")                                                    \
    X(ERR_TOO_LARGE, "larger than its cap")                                          \
    X(ERR_INVALID, "not well-formed")                                                \
    X(ERR_UTF8, "not valid UTF-8")                                                   \
    X(ERR_DEPTH, "nested too deeply")                                                \
    X(ERR_DUPLICATE, "a member occurs twice")                                        \
    X(ERR_NOT_FOUND, "not found")                                                    \
    X(ERR_TYPE, "of the wrong type")                                                 \
    X(ERR_RANGE, "out of range")                                                     \
    X(ERR_UNSUPPORTED, "not supported")                                              \
    X(ERR_SYSTEM, "the system refused")                                              \
    X(ERR_SEAL, "sealed with another key, or changed since")                         \
    X(ERR_STORE, "the database cannot be used now")                                  \
    X(ERR_EXISTS, "there is one already")                                            \
    X(ERR_PERMISSION, "permission denied")                                           \
    X(ERR_ADDRESS_IN_USE, "address already in use")                                  \
    X(ERR_ADDRESS_INVALID, "not an address")                                         \
    X(ERR_ADDRESS_FORBIDDEN, "address is not allowed here")                          \
    X(ERR_BUSY, "too many at once")                                                  \
    X(ERR_CANCELLED, "cancelled")                                                    \
    X(ERR_DNS_NOT_FOUND, "host name not found")                                      \
    X(ERR_DNS_FAILED, "host name could not be resolved")                             \
    X(ERR_DNS_TIMEOUT, "resolving the host name took too long")                      \
    X(ERR_CONNECT_REFUSED, "connection refused")                                     \
    X(ERR_CONNECT_UNREACHABLE, "host or network unreachable")                        \
    X(ERR_CONNECT_TIMEOUT, "connecting took too long")                               \
    X(ERR_PROXY_URL, "the proxy's URL is not well-formed")                           \
    X(ERR_PROXY_UNREACHABLE, "the proxy cannot be reached")                          \
    X(ERR_PROXY_TIMEOUT, "the proxy took too long")                                  \
    X(ERR_PROXY_AUTH, "the proxy does not accept the login")                         \
    X(ERR_PROXY_REFUSED, "the proxy refuses to connect there")                       \
    X(ERR_PROXY_TARGET, "the proxy could not connect")                               \
    X(ERR_PROXY_PROTOCOL, "the proxy did not keep to its protocol")                  \
    X(ERR_TLS_TIMEOUT, "the TLS handshake took too long")                            \
    X(ERR_TLS_EXPIRED, "the TLS certificate has expired or is not valid yet")        \
    X(ERR_TLS_HOST, "the TLS certificate is for another host")                       \
    X(ERR_TLS_UNTRUSTED, "the TLS certificate is not signed by a trusted authority") \
    X(ERR_TLS_PROTOCOL, "the TLS handshake failed")                                  \
    X(ERR_TLS_TRUNCATED, "the TLS connection ended without close_notify")            \
    X(ERR_RESET, "connection reset by the peer")                                     \
    X(ERR_EOF, "connection closed by the peer")                                      \
    X(ERR_STALE, "a kept connection was closed before it could be used")             \
    X(ERR_TRUNCATED, "the message ended before its announced end")                   \
    X(ERR_HTTP_SYNTAX, "not valid HTTP")                                             \
    X(ERR_HTTP_FRAMING, "HTTP message length is ambiguous or not valid")             \
    X(ERR_HTTP_HEADER_TOO_LARGE, "HTTP header block larger than its cap")            \
    X(ERR_HTTP_VERSION, "HTTP version not supported")                                \
    X(ERR_HTTP_UPGRADE, "unasked protocol switch")                                   \
    X(ERR_HEADER_TIMEOUT, "no complete header in time")                              \
    X(ERR_BODY_TIMEOUT, "no progress of the body in time")                           \
    X(ERR_FIRST_BYTE_TIMEOUT, "no answer in time")                                   \
    X(ERR_IDLE_TIMEOUT, "silence for too long")

enum err_code {
    ERR_OK = 0,
    ERR__BASE = -1000,
#define ERR_ENUM(name, text) name,
    ERR_TABLE(ERR_ENUM)
#undef ERR_ENUM
        ERR__END
};

/* "ERR_EOF" and "connection closed by the peer"; never NULL, also for codes that do not exist. */
const char *err_name(int code);
const char *err_text(int code);
