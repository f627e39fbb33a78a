#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <nghttp2/nghttp2.h>
#include "base/limits.h"
#include "http/grpc.h"
#include "http/h2.h"

#define STREAM_WINDOW_BYTES     (128 * 1024)
#define CONNECTION_WINDOW_BYTES (1024 * 1024)
#define CONTENT_TYPE            "application/grpc"
/* A frame with its header then fits one TLS record. */
#define DATA_FRAME_BYTES (16 * 1024 - 64)
/* A buffer that grew beyond this is given back once it is empty. */
#define KEPT_BYTES 4096

struct stream {
	struct stream *previous, *next; /* nghttp2_session_del() does not close streams */
	struct h2 *h2;
	int32_t id;
	struct grpc_reader reader;
	uint8_t *out; /* framed messages; live from out_start to out_end */
	size_t out_start, out_end, out_room;
	size_t header_bytes;
	int http_status;
	int grpc_status; /* received (client), or to be sent (server) */
	char path[64];
	char content_type[48];
	char claim[40];
	char reason[128];
	bool is_post, te_trailers;
	bool announced; /* a handler knows of it */
	bool accepted;  /* messages may flow */
	bool finishing; /* nothing is queued behind what is in out */
	bool deferred;  /* nghttp2 waits for h2_send() */
	bool far_ended;
};

struct h2 {
	nghttp2_session *session;
	enum h2_side side;
	struct h2_handler handler;
	struct stream *streams;
	size_t queued_bytes;
	const uint8_t *held; /* output that did not fit; valid until the next mem_send */
	size_t held_bytes;
};

/* ---- streams --------------------------------------------------------------- */

static struct stream *
stream_new(struct h2 *h, int32_t id)
{
	struct stream *s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	s->h2 = h;
	s->id = id;
	s->grpc_status = -1;
	s->next = h->streams;
	if (s->next != NULL)
		s->next->previous = s;
	h->streams = s;
	return s;
}

static void
stream_free(struct stream *s)
{
	if (s->previous != NULL)
		s->previous->next = s->next;
	else
		s->h2->streams = s->next;
	if (s->next != NULL)
		s->next->previous = s->previous;
	s->h2->queued_bytes -= s->out_end - s->out_start;
	grpc_reader_free(&s->reader);
	free(s->out);
	free(s);
}

static struct stream *
stream_find(const struct h2 *h, int32_t id)
{
	struct stream *s = h->streams;

	/* nghttp2 does not know a call of ours before its headers are out. */
	while (s != NULL && s->id != id)
		s = s->next;
	return s;
}

static void
copy_text(char *out, size_t room, const char *text)
{
	(void)snprintf(out, room, "%s", text);
}

/* gRPC, "Status-Message": percent-encoded, so that a reason stays one header. */
static void
percent_encode(const char *text, char *out, size_t room)
{
	size_t n = 0;

	for (; *text != '\0' && n + 4 < room; text++) {
		unsigned char c = (unsigned char)*text;

		if (c >= 0x20 && c <= 0x7e && c != '%')
			out[n++] = (char)c;
		else
			n += (size_t)snprintf(out + n, room - n, "%%%02X", c);
	}
	out[n] = '\0';
}

static nghttp2_nv
header(const char *name, const char *value)
{
	return (nghttp2_nv){ .name = (uint8_t *)(uintptr_t)name,
		.value = (uint8_t *)(uintptr_t)value,
		.namelen = strlen(name),
		.valuelen = strlen(value),
		.flags = NGHTTP2_NV_FLAG_NONE };
}

/* ---- output ------------------------------------------------------------------ */

static int
submit_trailers(struct stream *s)
{
	char status[12], reason[3 * sizeof(s->reason)];
	nghttp2_nv fields[2];

	(void)snprintf(status, sizeof(status), "%d", s->grpc_status);
	percent_encode(s->reason, reason, sizeof(reason));
	fields[0] = header("grpc-status", status);
	fields[1] = header("grpc-message", reason);
	return nghttp2_submit_trailer(s->h2->session, s->id, fields, reason[0] != '\0' ? 2 : 1);
}

static ssize_t
read_queue(nghttp2_session *session, int32_t id, uint8_t *out, size_t room, uint32_t *flags,
    nghttp2_data_source *source, void *context)
{
	struct stream *s = source->ptr;
	size_t size = s->out_end - s->out_start;

	(void)session;
	(void)id;
	(void)context;
	if (size == 0 && !s->finishing) {
		s->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (size > room)
		size = room;
	if (size > 0)
		memcpy(out, s->out + s->out_start, size);
	s->out_start += size;
	s->h2->queued_bytes -= size;
	if (s->out_start != s->out_end)
		return (ssize_t)size;

	s->out_start = s->out_end = 0;
	if (s->out_room > KEPT_BYTES) {
		free(s->out);
		s->out = NULL;
		s->out_room = 0;
	}
	if (s->finishing) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (s->h2->side == H2_SERVER) {
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			if (submit_trailers(s) != 0)
				return NGHTTP2_ERR_CALLBACK_FAILURE;
		}
	}
	return (ssize_t)size;
}

static ssize_t
frame_length(nghttp2_session *session, uint8_t type, int32_t id, int32_t session_window,
    int32_t stream_window, uint32_t max_frame, void *context)
{
	uint32_t length = DATA_FRAME_BYTES;

	(void)session;
	(void)type;
	(void)id;
	(void)context;
	if (length > max_frame)
		length = max_frame;
	if (length > (uint32_t)session_window)
		length = (uint32_t)session_window;
	if (length > (uint32_t)stream_window)
		length = (uint32_t)stream_window;
	return (ssize_t)length;
}

/*
 * A server that has answered needs no more of the request; without this a
 * refused caller could keep its stream open for ever (RFC 9113, 8.1).
 */
static int
frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
	struct h2 *h = context;
	struct stream *s;

	if (h->side != H2_SERVER || frame->hd.type != NGHTTP2_HEADERS ||
	    (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
		return 0;
	s = stream_find(h, frame->hd.stream_id);
	if (s != NULL && !s->far_ended)
		(void)nghttp2_submit_rst_stream(
		    session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
	return 0;
}

enum err
h2_output(struct h2 *h, uint8_t *out, size_t room, size_t *size_bytes)
{
	const uint8_t *data;
	size_t used = 0, take;
	ssize_t n;

	while (used < room) {
		if (h->held_bytes == 0) {
			n = nghttp2_session_mem_send(h->session, &data);
			if (n < 0)
				return n == NGHTTP2_ERR_NOMEM ? ERR_NOMEM : ERR_MALFORMED;
			if (n == 0)
				break;
			h->held = data;
			h->held_bytes = (size_t)n;
		}
		take = h->held_bytes < room - used ? h->held_bytes : room - used;
		memcpy(out + used, h->held, take);
		h->held += take;
		h->held_bytes -= take;
		used += take;
	}
	*size_bytes = used;
	return ERR_OK;
}

bool
h2_wants_output(const struct h2 *h)
{
	return h->held_bytes > 0 || nghttp2_session_want_write(h->session) != 0;
}

size_t
h2_queued_bytes(const struct h2 *h)
{
	return h->queued_bytes + h->held_bytes;
}

bool
h2_is_over(const struct h2 *h)
{
	return h->held_bytes == 0 && !nghttp2_session_want_read(h->session) &&
	       !nghttp2_session_want_write(h->session);
}

/* ---- input ------------------------------------------------------------------- */

/* This side gives the stream up, and says why to both ends. */
static void
fail_stream(struct stream *s, enum grpc_status status, const char *reason)
{
	if (h2_finish(s->h2, s->id, (int)status, reason) != ERR_OK || s->h2->side == H2_CLIENT) {
		s->grpc_status = (int)status;
		copy_text(s->reason, sizeof(s->reason), reason);
		(void)nghttp2_submit_rst_stream(
		    s->h2->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_CANCEL);
	}
	s->accepted = false;
}

static bool
message_came(void *context, const uint8_t *data, size_t size_bytes)
{
	struct stream *s = context;

	s->h2->handler.message(s->h2->handler.context, s->id, data, size_bytes);
	return s->accepted && (s->h2->side == H2_CLIENT || !s->finishing);
}

static int
data_came(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
    size_t size_bytes, void *context)
{
	struct stream *s = stream_find(context, id);

	(void)session;
	(void)flags;
	if (s == NULL || !s->accepted || (s->h2->side == H2_SERVER && s->finishing))
		return 0;
	switch ((int)grpc_read(&s->reader, data, size_bytes, message_came, s)) {
	case ERR_OK:
		break;
	case ERR_UNSUPPORTED:
		fail_stream(s, GRPC_UNIMPLEMENTED, "compressed messages are not supported");
		break;
	case ERR_OVERSIZE:
		fail_stream(s, GRPC_RESOURCE_EXHAUSTED, "the message is too large");
		break;
	case ERR_NOMEM:
		fail_stream(s, GRPC_RESOURCE_EXHAUSTED, "out of memory");
		break;
	default:
		fail_stream(s, GRPC_INTERNAL, "unknown flags before a message");
		break;
	}
	return 0;
}

static int
headers_begin(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
	struct h2 *h = context;

	(void)session;
	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	return stream_new(h, frame->hd.stream_id) == NULL ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int
parse_status(const char *text, int most)
{
	char *end;
	long n = strtol(text, &end, 10);

	return *text < '0' || *text > '9' || *end != '\0' || n > most ? -1 : (int)n;
}

/* nghttp2 ends names and values with a zero byte and refuses one inside. */
static int
header_came(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
    size_t name_bytes, const uint8_t *value, size_t value_bytes, uint8_t flags, void *context)
{
	struct stream *s = stream_find(context, frame->hd.stream_id);
	const char *n = (const char *)name, *v = (const char *)value;

	(void)session;
	(void)flags;
	if (s == NULL)
		return 0;
	s->header_bytes += name_bytes + value_bytes + 32; /* RFC 9113, 6.5.2 */
	if (s->header_bytes > LIMIT_HEADER_LIST_BYTES)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	if (strcmp(n, ":path") == 0)
		copy_text(s->path, sizeof(s->path), v);
	else if (strcmp(n, ":method") == 0)
		s->is_post = strcmp(v, "POST") == 0;
	else if (strcmp(n, ":status") == 0)
		s->http_status = parse_status(v, 999);
	else if (strcmp(n, "content-type") == 0)
		copy_text(s->content_type, sizeof(s->content_type), v);
	else if (strcmp(n, "te") == 0)
		s->te_trailers = strcmp(v, "trailers") == 0;
	else if (strcmp(n, H2_CLAIM) == 0)
		copy_text(s->claim, sizeof(s->claim), v);
	else if (s->h2->side == H2_CLIENT && strcmp(n, "grpc-status") == 0)
		s->grpc_status = parse_status(v, 16);
	else if (s->h2->side == H2_CLIENT && strcmp(n, "grpc-message") == 0)
		copy_text(s->reason, sizeof(s->reason), v);
	return 0;
}

static bool
is_grpc(const char *content_type)
{
	size_t n = sizeof(CONTENT_TYPE) - 1;

	return strncmp(content_type, CONTENT_TYPE, n) == 0 &&
	       (content_type[n] == '\0' || content_type[n] == '+' || content_type[n] == ';');
}

static void
refuse_plainly(struct stream *s, const char *http_status)
{
	nghttp2_nv field = header(":status", http_status);

	s->finishing = true;
	(void)nghttp2_submit_response(s->h2->session, s->id, &field, 1, NULL);
}

static void
request_came(struct stream *s)
{
	const struct h2_handler *handler = &s->h2->handler;

	if (!s->is_post)
		refuse_plainly(s, "405");
	else if (!is_grpc(s->content_type))
		refuse_plainly(s, "415");
	else if (!s->te_trailers)
		refuse_plainly(s, "400");
	else {
		s->announced = true;
		handler->headers(handler->context, s->id, s->path, s->content_type, 0);
	}
}

static void
response_came(struct stream *s, bool is_end)
{
	const struct h2_handler *handler = &s->h2->handler;

	if (s->http_status != 200 || !is_grpc(s->content_type)) {
		fail_stream(s, GRPC_UNAVAILABLE, "the answer is not gRPC");
		return;
	}
	/* Headers that end the stream are trailers only: the call was refused. */
	if (is_end)
		return;
	s->accepted = true;
	handler->headers(handler->context, s->id, "", s->content_type, s->http_status);
}

static int
frame_came(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
	struct h2 *h = context;
	struct stream *s;
	bool is_end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

	(void)session;
	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;
	if ((s = stream_find(h, frame->hd.stream_id)) == NULL)
		return 0;
	if (is_end)
		s->far_ended = true;
	if (frame->hd.type == NGHTTP2_HEADERS) {
		if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
			request_came(s);
		else if (frame->headers.cat == NGHTTP2_HCAT_RESPONSE)
			response_came(s, is_end);
	}
	if (!is_end || !s->accepted || h->side != H2_SERVER)
		return 0;
	if (grpc_reader_is_midway(&s->reader))
		fail_stream(s, GRPC_INTERNAL, "the stream ended within a message");
	else if (!s->finishing && h->handler.ended != NULL)
		h->handler.ended(h->handler.context, s->id);
	return 0;
}

static int
stream_closed(nghttp2_session *session, int32_t id, uint32_t code, void *context)
{
	struct h2 *h = context;
	struct stream *s = stream_find(h, id);
	int status;

	(void)session;
	if (s == NULL)
		return 0;
	status = h->side == H2_CLIENT ? s->grpc_status : -1;
	if (s->reason[0] == '\0' && code != NGHTTP2_NO_ERROR)
		copy_text(s->reason, sizeof(s->reason), nghttp2_http2_strerror(code));
	if (s->announced)
		h->handler.closed(h->handler.context, id, status, s->reason);
	stream_free(s);
	return 0;
}

enum err
h2_receive(struct h2 *h, const uint8_t *data, size_t size_bytes)
{
	ssize_t n = nghttp2_session_mem_recv(h->session, data, size_bytes);

	if (n == NGHTTP2_ERR_NOMEM)
		return ERR_NOMEM;
	return n < 0 || (size_t)n != size_bytes ? ERR_MALFORMED : ERR_OK;
}

/* ---- calls --------------------------------------------------------------------- */

enum err
h2_call(struct h2 *h, const char *path, const char *authority, const char *extra_name,
    const char *extra_value, size_t message_cap, int32_t *stream)
{
	nghttp2_nv fields[7] = { header(":method", "POST"), header(":scheme", "https"),
		header(":path", path), header(":authority", authority), header("te", "trailers"),
		header("content-type", CONTENT_TYPE) };
	nghttp2_data_provider provider = { .read_callback = read_queue };
	struct stream *s;
	size_t count = 6;
	int32_t id;

	if (extra_name != NULL)
		fields[count++] = header(extra_name, extra_value);
	if ((s = stream_new(h, 0)) == NULL)
		return ERR_NOMEM;
	provider.source.ptr = s;
	grpc_reader_init(&s->reader, message_cap);
	id = nghttp2_submit_request(h->session, NULL, fields, count, &provider, NULL);
	if (id < 0) {
		stream_free(s);
		return id == NGHTTP2_ERR_NOMEM ? ERR_NOMEM : ERR_CLOSED;
	}
	s->id = id;
	s->announced = true;
	*stream = id;
	return ERR_OK;
}

enum err
h2_accept(struct h2 *h, int32_t stream, const char *claim, size_t message_cap)
{
	nghttp2_nv fields[3] = { header(":status", "200"), header("content-type", CONTENT_TYPE) };
	nghttp2_data_provider provider = { .read_callback = read_queue };
	struct stream *s = stream_find(h, stream);
	size_t count = 2;

	if (s == NULL || s->accepted || s->finishing)
		return ERR_CLOSED;
	if (claim != NULL)
		fields[count++] = header(H2_CLAIM, claim);
	provider.source.ptr = s;
	grpc_reader_init(&s->reader, message_cap);
	if (nghttp2_submit_response(h->session, stream, fields, count, &provider) != 0)
		return ERR_NOMEM;
	s->accepted = true;
	return ERR_OK;
}

const char *
h2_claim(const struct h2 *h, int32_t stream)
{
	const struct stream *s = stream_find(h, stream);

	return s == NULL ? "" : s->claim;
}

static enum err
make_room(struct stream *s, size_t need)
{
	size_t live = s->out_end - s->out_start, room = s->out_room;
	uint8_t *bigger;

	if (s->out_room - s->out_end >= need)
		return ERR_OK;
	if (s->out_start > 0) {
		memmove(s->out, s->out + s->out_start, live);
		s->out_start = 0;
		s->out_end = live;
	}
	if (room == 0)
		room = 512;
	while (room - live < need)
		room *= 2;
	if (room == s->out_room)
		return ERR_OK;
	if ((bigger = realloc(s->out, room)) == NULL)
		return ERR_NOMEM;
	s->out = bigger;
	s->out_room = room;
	return ERR_OK;
}

static enum err
resume(struct stream *s)
{
	if (!s->deferred)
		return ERR_OK;
	s->deferred = false;
	return nghttp2_session_resume_data(s->h2->session, s->id) == NGHTTP2_ERR_NOMEM ? ERR_NOMEM
	                                                                               : ERR_OK;
}

enum err
h2_send(struct h2 *h, int32_t stream, const uint8_t *data, size_t size_bytes)
{
	struct stream *s = stream_find(h, stream);
	size_t need = GRPC_PREFIX_BYTES + size_bytes;
	enum err err;

	if (s == NULL || s->finishing || (h->side == H2_SERVER && !s->accepted))
		return ERR_CLOSED;
	if (need < size_bytes || need > LIMIT_LINK_QUEUE_BYTES ||
	    h->queued_bytes > LIMIT_LINK_QUEUE_BYTES - need)
		return ERR_FULL;
	if ((err = make_room(s, need)) != ERR_OK)
		return err;
	grpc_write_prefix(size_bytes, s->out + s->out_end);
	if (size_bytes > 0)
		memcpy(s->out + s->out_end + GRPC_PREFIX_BYTES, data, size_bytes);
	s->out_end += need;
	h->queued_bytes += need;
	return resume(s);
}

/* Answer a request that was not accepted: one header block ends the stream. */
static enum err
submit_refusal(struct stream *s)
{
	char status[12], reason[3 * sizeof(s->reason)];
	nghttp2_nv fields[4];

	(void)snprintf(status, sizeof(status), "%d", s->grpc_status);
	percent_encode(s->reason, reason, sizeof(reason));
	fields[0] = header(":status", "200");
	fields[1] = header("content-type", CONTENT_TYPE);
	fields[2] = header("grpc-status", status);
	fields[3] = header("grpc-message", reason);
	return nghttp2_submit_response(s->h2->session, s->id, fields, 4, NULL) == 0 ? ERR_OK
	                                                                            : ERR_NOMEM;
}

enum err
h2_finish(struct h2 *h, int32_t stream, int grpc_status, const char *reason)
{
	struct stream *s = stream_find(h, stream);

	if (s == NULL || s->finishing)
		return ERR_CLOSED;
	s->finishing = true;
	if (h->side == H2_SERVER) {
		s->grpc_status = grpc_status;
		copy_text(s->reason, sizeof(s->reason), reason);
		if (!s->accepted)
			return submit_refusal(s);
	}
	return resume(s);
}

/* ---- the connection --------------------------------------------------------------- */

static enum err
new_session(struct h2 *h)
{
	nghttp2_session_callbacks *callbacks = NULL;
	nghttp2_option *option = NULL;
	int rc = NGHTTP2_ERR_NOMEM;

	if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0)
		goto done;
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, headers_begin);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, header_came);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frame_came);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, data_came);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, stream_closed);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, frame_sent);
	nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, frame_length);

	/* CVE-2023-44487: 100 resets at once, then 10 a second. */
	nghttp2_option_set_stream_reset_rate_limit(option, 100, 10);
	nghttp2_option_set_max_continuations(option, 4);
	nghttp2_option_set_max_outbound_ack(option, 64);
	nghttp2_option_set_max_settings(option, 16);
	/* Few calls a connection: tables of past streams and headers only cost memory. */
	nghttp2_option_set_no_closed_streams(option, 1);
	nghttp2_option_set_max_deflate_dynamic_table_size(option, 0);
	rc = h->side == H2_SERVER ? nghttp2_session_server_new2(&h->session, callbacks, h, option)
	                          : nghttp2_session_client_new2(&h->session, callbacks, h, option);
done:
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	return rc == 0 ? ERR_OK : ERR_NOMEM;
}

enum err
h2_new(enum h2_side side, const struct h2_handler *handler, struct h2 **out)
{
	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0 },
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, LIMIT_STREAMS },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, LIMIT_HEADER_LIST_BYTES },
	};
	struct h2 *h;

	if ((h = calloc(1, sizeof(*h))) == NULL)
		return ERR_NOMEM;
	h->side = side;
	h->handler = *handler;
	if (new_session(h) != ERR_OK ||
	    nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings,
	        sizeof(settings) / sizeof(settings[0])) != 0 ||
	    nghttp2_session_set_local_window_size(
	        h->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW_BYTES) != 0) {
		h2_free(h);
		return ERR_NOMEM;
	}
	*out = h;
	return ERR_OK;
}

void
h2_free(struct h2 *h)
{
	if (h == NULL)
		return;
	nghttp2_session_del(h->session);
	while (h->streams != NULL)
		stream_free(h->streams);
	free(h);
}
