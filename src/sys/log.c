/*
 * log: see log.h.  Works inside every sandbox: no time zone files, no locale,
 * one write(2).
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "sys/log.h"

#define LINE_BYTES    4000
#define MESSAGE_BYTES 3000
#define HELD_BYTES    (4 * LINE_BYTES)

static struct {
	char node[130];
	char process[16];
	enum log_level floor;
	bool holding;
	size_t held_bytes;
	char *held; /* HELD_BYTES, from the first log_hold() on */
} state = { .floor = LOG_LEVEL_INFO };

static void
put_out(const char *bytes, size_t size_bytes)
{
	ssize_t written = write(STDERR_FILENO, bytes, size_bytes);

	(void)written; /* nobody to tell */
}

void
log_hold(void)
{
	if (state.held == NULL)
		state.held = malloc(HELD_BYTES);
	state.holding = state.held != NULL;
}

void
log_release(void)
{
	if (state.held_bytes > 0)
		put_out(state.held, state.held_bytes);
	state.held_bytes = 0;
	state.holding = false;
}

void
log_init(const char *node, const char *process, enum log_level floor)
{
	snprintf(state.node, sizeof(state.node), "%s", node);
	snprintf(state.process, sizeof(state.process), "%s", process);
	state.floor = floor;
}

/*
 * Days since 1970-01-01 into a date of the proleptic Gregorian calendar.
 * gmtime_r() would read /etc/localtime, which a sandboxed process cannot.
 */
static void
civil(unsigned days, unsigned *year, unsigned *month, unsigned *day)
{
	unsigned era, of_era, y, of_year, m;

	days += 719468; /* since 0000-03-01 */
	era = days / 146097;
	of_era = days % 146097;
	y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	of_year = of_era - (365 * y + y / 4 - y / 100);
	m = (5 * of_year + 2) / 153; /* from March */
	*day = of_year - (153 * m + 2) / 5 + 1;
	*month = m < 10 ? m + 3 : m - 9;
	*year = y + era * 400 + (*month <= 2 ? 1 : 0);
}

static size_t
prefix(char *out, size_t room, enum log_level level)
{
	static const char *const names[] = { "debug", "info ", "warn ", "error" };
	struct timespec now;
	unsigned year, month, day, second;
	int length;

	clock_gettime(CLOCK_REALTIME, &now);
	civil((unsigned)(now.tv_sec / 86400), &year, &month, &day);
	second = (unsigned)(now.tv_sec % 86400);
	length = snprintf(out, room, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ %s%s%s%s%s ", year, month,
	    day, second / 3600, second / 60 % 60, second % 60, (unsigned)(now.tv_nsec / 1000000),
	    state.node, state.node[0] != '\0' ? " " : "", state.process,
	    state.process[0] != '\0' ? " " : "", names[level]);
	return length < 0 ? 0 : (size_t)length;
}

static size_t
escape(char *out, size_t room, const char *text)
{
	static const char digits[] = "0123456789abcdef";
	size_t used = 0;
	unsigned char c;

	for (; (c = (unsigned char)*text) != '\0' && used + 4 <= room; text++) {
		if (c >= 0x20 && c < 0x7f) {
			out[used++] = (char)c;
			continue;
		}
		out[used++] = '\\';
		out[used++] = 'x';
		out[used++] = digits[c >> 4];
		out[used++] = digits[c & 15];
	}
	return used;
}

static void
emit(enum log_level level, const char *format, va_list arguments, const char *reason)
{
	char line[LINE_BYTES], message[MESSAGE_BYTES];
	size_t used;
	int saved = errno;

	vsnprintf(message, sizeof(message), format, arguments);
	used = prefix(line, sizeof(line), level);
	used += escape(line + used, sizeof(line) - used - 1, message);
	if (reason != NULL) {
		used += escape(line + used, sizeof(line) - used - 1, ": ");
		used += escape(line + used, sizeof(line) - used - 1, reason);
	}
	line[used++] = '\n';
	if (!state.holding) {
		put_out(line, used);
	} else {
		if (state.held_bytes + used > HELD_BYTES) {
			put_out(state.held, state.held_bytes);
			state.held_bytes = 0;
		}
		memcpy(state.held + state.held_bytes, line, used);
		state.held_bytes += used;
	}
	errno = saved;
}

#define DEFINE_LEVEL(name, level)                       \
	void log_##name(const char *format, ...)        \
	{                                               \
		va_list arguments;                      \
                                                        \
		if (state.floor > (level))              \
			return;                         \
		va_start(arguments, format);            \
		emit((level), format, arguments, NULL); \
		va_end(arguments);                      \
	}

DEFINE_LEVEL(debug, LOG_LEVEL_DEBUG)
DEFINE_LEVEL(info, LOG_LEVEL_INFO)
DEFINE_LEVEL(warn, LOG_LEVEL_WARN)
DEFINE_LEVEL(error, LOG_LEVEL_ERROR)

void
log_errno(const char *format, ...)
{
	const char *reason = strerrordesc_np(errno);
	va_list arguments;

	if (state.floor > LOG_LEVEL_WARN)
		return;
	va_start(arguments, format);
	emit(LOG_LEVEL_WARN, format, arguments, reason != NULL ? reason : "unknown error");
	va_end(arguments);
}
