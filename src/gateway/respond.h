// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Answers: when the head goes out, the fields that every one has, then what differs. Included by gateway/request.h. */
#include "gateway/request.h"

/* hold.c: the client's clock. Sends the early 200 and keep-alives of product 5's table; sets the timer for the next. */
void hold_arm(struct request *r);
/* Whether the client's own deadline has passed. */
bool hold_deadline_passed(const struct request *r);
void hold_service(struct request *r);

/* respond.c */
int respond_id_fields(struct dynbuf *head, struct span request_id);
int respond_browser_fields(struct dynbuf *head, struct span origin);
int respond_head(struct request *r, struct dynbuf *head, const char *content_type);
int respond_route_fields(struct request *r, struct dynbuf *head);
/* The head of a stream: HEAD_SENT with all fields, HEAD_EARLY without those that tell who answers. */
int respond_stream(struct request *r, enum request_head form);
/* A whole answer. */
int respond_whole(struct request *r, int status, const char *content_type, struct span body);
/* The same from a buffer that was written with `err`; frees it. */
int respond_body(struct request *r, int status, const char *content_type, int err,
                 struct dynbuf *body);
