/*
 * reply: answers as JSON, and reading what was asked in JSON.
 */
#ifndef COORDINATOR_REPLY_H
#define COORDINATOR_REPLY_H
#include <jansson.h>
#include "coordinator/coordinator.h"
#include "coordinator/json_text.h"

/* {"error": "..."}: what is wrong and what to do. */
void reply_error(struct http_reply *, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Takes the reference; NULL (no memory) answers 503. */
void reply_json(struct http_reply *, json_t *);
/*
 * With many nodes known, the same text again for LIMIT_STATE_MS, so that many
 * readers cost one.  False: compose it and give it to reply_and_cache().
 */
bool reply_cached(const struct coordinator *, const struct cached *, struct http_reply *);
void reply_and_cache(const struct coordinator *, struct cached *, json_t *, struct http_reply *);
/* What was composed, for the next ones. */
void reply_cache(const struct coordinator *, struct cached *, struct http_reply *);
/* Is it new enough to be served again?  Else compose it and give it to cached_take(). */
bool cached_is_fresh(const struct coordinator *, const struct cached *);
/* Empties the text. */
void cached_take(struct cached *, struct json_text *);
void cached_free(struct cached *);
/* One answer of two parts: what is for this reader, and what is for all. */
void reply_headed(const struct http_request *, const struct json_text *head, struct cached *tail,
    struct http_reply *);

/* RFC 9110, section 12.5.3: is gzip named, and not with a weight of nothing? */
bool reply_may_pack(const struct http_request *);
/* Pack a body that is worth it, for who takes it so. */
void reply_pack(const struct http_request *, struct http_reply *);
/* Empties the text. */
void reply_json_text(struct http_reply *, struct json_text *);
/* Takes text, from malloc. */
void reply_text(struct http_reply *, const char *type, char *text, size_t size_bytes);

/* A JSON object without duplicate keys; NULL: reply says 400. */
json_t *body_object(const struct http_request *, struct http_reply *);
/*
 * A string member of 1 to room-1 bytes without control characters (optional
 * ones may be absent or empty: ""); it lives as long as the object.
 * NULL: reply says 400.
 */
const char *body_string(const json_t *object, const char *key, size_t room, bool optional,
    struct http_reply *);
/* A number from 0 to most; absent: 0.  False: reply says 400. */
bool body_number(const json_t *object, const char *key, double most, double *out,
    struct http_reply *);

/* A query argument from least to most; absent: *out is left.  False: reply says 400. */
bool query_number(const struct http_request *, const char *name, uint64_t least, uint64_t most,
    uint64_t *out, struct http_reply *);

#define TIME_ROOM 48
/* RFC 3339 in UTC with milliseconds; returns out. */
const char *time_text(uint64_t unix_ms, char out[TIME_ROOM]);
json_t *json_time(uint64_t unix_ms);
json_t *json_number_short(double); /* 9, not 9.0 */
json_t *json_hex(const uint8_t *bytes, size_t size_bytes);

#endif
