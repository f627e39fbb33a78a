/*
 * log: one line an event on standard error, logfmt after a fixed prefix:
 *
 * 2026-11-22T12:00:00.123Z node-a engine info  incident=1a2b… touch source=…
 *
 * Every byte outside printable ASCII of a formatted value is escaped (\xHH),
 * so nobody forges a line.  A line is one write(2) of at most 4,000 bytes.
 */
#ifndef SYS_LOG_H
#define SYS_LOG_H
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* Copies both; call again to change.  node may be "". */
void log_init(const char *node, const char *process, enum log_level floor);
/* Lines keep their time but wait for log_release(), or until there are too many. */
void log_hold(void);
void log_release(void);
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* As log_warn, with strerror(errno) behind it. */
void log_errno(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
